"""Groups of labels, their order and their slices of the label vector; no other file decides these."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from multiweight.base import done, whole_file, yaml_file
from multiweight.base.errors import UserError
from multiweight.base.yaml_file import Node
from multiweight.records import cells

KINDS = ("type", "attribute")
_GROUP_KEYS = ("kind", "labels")


@dataclass(frozen=True)
class Group:
    """One task of the paper: a named, ordered list of labels; ``kind`` is ``type`` (of clothing) or ``attribute``."""

    name: str
    labels: tuple[str, ...]
    kind: str = "attribute"

    @property
    def size(self) -> int:
        """M_t, the number of the group's labels."""
        return len(self.labels)

    @property
    def slug(self) -> str:
        """The name as blob names carry it: lower case, words joined by ``_``, e.g. ``length_of_sleeve``."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")


class Catalog:
    """The groups of a dataset in the order of the nets' outputs.

    The label vector of an image is the groups' labels one after the other; ``slices[name]`` is a group's part of it.
    Raises UserError for a group or label that is empty, double, or not fit for the record files. It begins with
    ``source``, and tells the line in it where ``lines`` has (group, label) by their numbers, or (group, -1).
    """

    def __init__(
        self, groups: Sequence[Group], source: str = "catalog", lines: Mapping[tuple[int, int], int] | None = None
    ):
        self.groups: tuple[Group, ...] = tuple(groups)
        _check(self.groups, source, lines or {})
        self._prepare()

    def _prepare(self) -> None:
        self.names: tuple[str, ...] = tuple(group.name for group in self.groups)
        self.size: int = sum(group.size for group in self.groups)
        self.slices: dict[str, slice] = {}
        self._index: dict[str, dict[str, int]] = {}
        start = 0
        for group in self.groups:
            self.slices[group.name] = slice(start, start + group.size)
            self._index[group.name] = {label: start + n for n, label in enumerate(group.labels)}
            start += group.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalog) and self.groups == other.groups

    def __hash__(self) -> int:
        return hash(self.groups)

    def __repr__(self) -> str:
        return f"Catalog({len(self.groups)} groups, {self.size} labels)"

    def group(self, name: str) -> Group:
        """The group called ``name``; UserError names the known ones."""
        for group in self.groups:
            if group.name == name:
                return group
        raise UserError(f"group {name!r} is not in the catalog: its groups are {', '.join(self.names)}")

    def index(self, group: str, label: str) -> int:
        """Position of a label in the label vector, 0 to ``size - 1``; UserError names the known groups or labels."""
        if group not in self._index:
            self.group(group)
        try:
            return self._index[group][label]
        except KeyError:
            known = self.group(group).labels
            listed = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
            raise UserError(
                f"label {label!r} is not in group {group!r} of the catalog: its labels are {listed}"
            ) from None

    @classmethod
    def from_dict(cls, groups: Mapping[str, Any], source: str = "catalog") -> Catalog:
        """A catalog from ``{group: [label, ...]}``, or ``{group: {"kind": ..., "labels": [...]}}``, in that order.

        ``source``: the file that the groups were made of, for messages.
        """
        made = []
        for name, value in groups.items():
            if isinstance(value, Mapping):
                unknown = [key for key in value if key not in _GROUP_KEYS]
                if unknown:
                    raise UserError(f"{source}: group {name!r}: unknown key {unknown[0]!r}: expected kind and labels")
                made.append(Group(name, tuple(value.get("labels", ())), value.get("kind", "attribute")))
            else:
                made.append(Group(name, tuple(value)))
        return cls(made, source)

    @classmethod
    def load(cls, path: str | Path) -> Catalog:
        """Read a ``catalog.yaml``; every mistake in it is a UserError that names the file and the line.

        Labels are taken as they are written: ``No`` is a label called No, not a truth value.
        """
        source = str(path)
        if not Path(path).exists():
            raise UserError(done.absent(Path(path)))
        root = yaml_file.read(path, "the catalog")
        groups, lines = _read(root, source)
        return cls(groups, source, lines)

    def save(self, path: str | Path) -> None:
        """Write the catalog as YAML to edit: one label per line, groups of kind ``attribute`` as plain lists."""
        groups = {
            group.name: list(group.labels)
            if group.kind == "attribute"
            else {"kind": group.kind, "labels": list(group.labels)}
            for group in self.groups
        }
        text = yaml.safe_dump(
            {"groups": groups}, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000
        )
        whole_file.write(path, "# group -> labels, in the order of the nets' outputs\n" + text)


def _read(root: Node | None, source: str) -> tuple[list[Group], dict[tuple[int, int], int]]:
    """The groups of a YAML document, and the line of each: (group, -1) its name, (group, n) its n-th label."""
    if root is None:
        raise UserError(f"{source}: the catalog is empty: expected `groups:` and a mapping of group to labels")
    lines: dict[tuple[int, int], int] = {}
    groups: list[Group] = []
    for key, (line, _) in _fields(root, source, "the catalog").items():
        if key != "groups":
            raise UserError(f"{source}:{line}: unknown key {key!r}: expected groups")
    if "groups" not in root.fields:
        raise UserError(f"{source}: key groups is missing")
    for number, (name, (line, value)) in enumerate(_fields(root.fields["groups"][1], source, "groups").items()):
        kind, labels = "attribute", value
        if value.kind == "mapping":
            for part, (at, _) in value.fields.items():
                if part not in _GROUP_KEYS:
                    raise UserError(f"{source}:{at}: unknown key {part!r} in group {name!r}: expected kind, labels")
            if "kind" in value.fields:
                kind = _text(value.fields["kind"][1], source, f"the kind of group {name!r}")
                if kind not in KINDS:
                    at = value.fields["kind"][1].line
                    raise UserError(f"{source}:{at}: kind {kind!r}: expected type or attribute")
            if "labels" not in value.fields:
                raise UserError(f"{source}:{line}: group {name!r} has no labels")
            labels = value.fields["labels"][1]
        if labels.is_null:
            raise UserError(f"{source}:{line}: group {name!r} has no labels: list them, or delete the group")
        if labels.kind != "list":
            raise UserError(
                f"{source}:{labels.line}: the labels of group {name!r} are no list: write one `- label` a line"
            )
        lines[number, -1] = line
        texts = []
        for position, node in enumerate(labels.items):
            lines[number, position] = node.line
            texts.append(cells.tidy(_text(node, source, f"label {position + 1} of group {name!r}")))
        groups.append(Group(cells.tidy(name), tuple(texts), kind))
    return groups, lines


def _fields(node: Node, source: str, what: str) -> dict[str, tuple[int, Node]]:
    if node.kind != "mapping":
        raise UserError(f"{source}:{node.line}: {what}: expected `key: value` lines")
    return node.fields


def _text(node: Node, source: str, what: str) -> str:
    if node.is_empty:
        raise UserError(f"{source}:{node.line}: {what} is empty")
    if node.kind != "text":
        raise UserError(f"{source}:{node.line}: {what} is no plain text (put it in quotes if it holds ':' or '[')")
    return node.text


def _check(groups: Sequence[Group], source: str, lines: Mapping[tuple[int, int], int]) -> None:
    """What holds for every catalog, read or made; ``lines`` gives places for the messages where there is a file."""

    def at(group: int, label: int = -1) -> str:
        line = lines.get((group, label))
        return f"{source}:{line}" if line else source

    def first(group: int, label: int = -1) -> str:
        line = lines.get((group, label))
        return f" (first on line {line})" if line else ""

    if not groups:
        raise UserError(f"{source}: no groups: a catalog needs at least one")
    names: dict[str, int] = {}
    slugs: dict[str, int] = {}
    for number, group in enumerate(groups):
        _check_text(group.name, "group", at(number))
        if group.name in names:
            raise UserError(f"{at(number)}: group {group.name!r} stands twice{first(names[group.name])}")
        if group.name.endswith(("!", "?")):
            raise UserError(
                f"{at(number)}: group {group.name!r}: '!' and '?' at the end of a group's name mark no and unknown "
                "in the records: rename it"
            )
        if not group.slug:
            raise UserError(f"{at(number)}: group {group.name!r}: a name needs at least one letter or digit")
        if group.slug in slugs:
            other = groups[slugs[group.slug]].name
            raise UserError(
                f"{at(number)}: groups {other!r} and {group.name!r} give the same blob name {group.slug!r}: rename one"
            )
        if group.kind not in KINDS:
            raise UserError(f"{at(number)}: group {group.name!r}: kind {group.kind!r}: expected type or attribute")
        if not group.labels:
            raise UserError(f"{at(number)}: group {group.name!r} has no labels: list them, or delete the group")
        names[group.name] = slugs[group.slug] = number
        labels: dict[str, int] = {}
        for position, label in enumerate(group.labels):
            _check_text(label, f"a label of group {group.name!r}", at(number, position))
            if label in labels:
                where = first(number, labels[label])
                raise UserError(f"{at(number, position)}: label {label!r} stands twice in group {group.name!r}{where}")
            labels[label] = position


def _check_text(text: Any, what: str, at: str) -> None:
    problem = "is no text" if not isinstance(text, str) else cells.name_problem(text)
    if problem:
        raise UserError(f"{at}: {what} {text!r} {problem}")
