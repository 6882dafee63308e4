"""Keywords: which words and phrases of a text mean which label; a YAML file that a person edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from multiweight.base import whole_file, yaml_file
from multiweight.base.errors import UserError
from multiweight.base.yaml_file import Node
from multiweight.records import cells
from multiweight.records.catalog import KINDS, Catalog, Group
from multiweight.records.records import Label
from multiweight.text.words import Segmenter, phrase

HEAD = """\
# Words and phrases of a text -> labels. Under groups: group -> label -> the words that mean it (synonyms side by side).
# To keep a candidate, move its word into a group; to refuse it, move it to drop. What stands under groups and drop is
# never changed by tools/build_catalog.py; candidates are written anew each time, with counts and examples. Comments of
# yours are not kept.
"""


class Candidate(NamedTuple):
    """A word or phrase without a decision: texts that hold it, a suggested group (may be empty), example texts."""

    word: str
    times: int
    group: str
    examples: tuple[str, ...]


class Keywords:
    """Decisions and candidates.

    ``groups``: group -> label -> words and phrases; ``kinds``: group -> type or attribute; ``drop``: words that are no
    label; ``candidates``: what waits for a decision. A phrase is words joined by spaces.
    """

    def __init__(
        self,
        groups: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
        kinds: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        candidates: Iterable[Candidate] = (),
    ):
        self.groups = {
            group: {label: [str(word) for word in means] for label, means in labels.items()}
            for group, labels in (groups or {}).items()
        }
        self.kinds = dict(kinds or {})
        self.drop = [str(word) for word in drop]
        self.candidates = list(candidates)
        self._meaning: dict[tuple[str, ...], list[Label]] = {}
        for group, labels in self.groups.items():
            for label, means in labels.items():
                for word in means:
                    self._meaning.setdefault(phrase(word), []).append((group, label))
        # A dropped phrase is met before what stands inside it: "polo assn" is no polo.
        for word in self.drop:
            self._meaning.setdefault(phrase(word), [])
        self._longest = max(map(len, self._meaning), default=0)
        self._segmenter = Segmenter(word for known_phrase in self._meaning for word in known_phrase)

    @property
    def group_of(self) -> dict[tuple[str, ...], str]:
        """Word tuple -> the (first) group it belongs to."""
        return {phrase: meant[0][0] for phrase, meant in self._meaning.items() if meant}

    @property
    def decided(self) -> set[tuple[str, ...]]:
        """Every word and phrase under groups and drop, as word tuples."""
        return set(self._meaning)

    def labels(self, text: str) -> list[Label]:
        """The (group, label) pairs that ``text`` says, each once, in order; the longest phrase at a place counts."""
        return list(dict.fromkeys(label for meant, _ in self.matches(self.words(text)) for label in meant))

    def words(self, text: str) -> list[str]:
        """The words of ``text``, those that are decided cut out as such."""
        return self._segmenter.words(text)

    def matches(self, tokens: list[str]) -> Iterable[tuple[list[Label], tuple[str, ...]]]:
        """(labels, phrase) of each place of ``tokens`` that means something, from left to right, none overlapping."""
        at = 0
        while at < len(tokens):
            for length in range(min(self._longest, len(tokens) - at), 0, -1):
                candidate = tuple(tokens[at : at + length])
                if candidate in self._meaning:
                    yield self._meaning[candidate], candidate
                    at += length
                    break
            else:
                at += 1

    def catalog(self, source: str = "catalog", lines: Mapping[tuple[str, ...], int] | None = None) -> Catalog:
        """The groups and labels as a catalog; ``source`` and the ``lines`` of (group,) and (group, label) in errors."""
        groups = [
            Group(name, tuple(labels), self.kinds.get(name, "attribute"))
            for name, labels in self.groups.items()
            if labels
        ]
        places = {}
        for number, group in enumerate(groups):
            for position, names in enumerate([(group.name,), *((group.name, label) for label in group.labels)], -1):
                if lines and names in lines:
                    places[number, position] = lines[names]
        return Catalog(groups, source, places)

    @classmethod
    def load(cls, path: str | Path) -> Keywords:
        """Read a keywords file; every mistake in it is a UserError that names the file and where in it."""
        root = yaml_file.read(path, "the keywords")
        if root is None or root.is_null:
            return cls()
        parts = _fields(root, ("groups", "drop", "candidates"), path, "the keywords")
        lines: dict[tuple[str, ...], int] = {}
        groups, kinds = _groups(parts.get("groups"), path, lines)
        drop = _words(parts.get("drop"), path, "drop")
        _check_words(parts.get("groups"), parts.get("drop"), path)
        candidates = []
        for word, (line, fields) in _mapping(parts.get("candidates"), path, "candidates: expected word: {count: ...}"):
            what = f"candidate {word!r}"
            values = _fields(fields, ("count", "group", "examples"), path, what)
            count, group = values.get("count"), values.get("group")
            times = 0 if count is None or count.is_null else yaml_file.plain(count)
            if isinstance(times, bool) or not isinstance(times, int) or times < 0:
                at = line if count is None else count.line
                raise UserError(f"{path}:{at}: {what}: count {count}: expected a number")
            if group is not None and group.kind != "text":
                raise UserError(f"{path}:{group.line}: {what}: group {group}: expected a name")
            named = "" if group is None or group.is_null else group.text
            examples = tuple(_words(values.get("examples"), path, f"{what}: examples"))
            candidates.append(Candidate(word, times, named, examples))
        made = cls(groups, kinds, drop, candidates)
        if made.groups:
            made.catalog(str(path), lines)
        return made

    def save(self, path: str | Path) -> None:
        """Write the file; it appears whole or not at all."""
        groups = {
            group: {"kind": self.kinds[group], "labels": labels} if group in self.kinds else labels
            for group, labels in self.groups.items()
        }
        candidates = {
            candidate.word: {"count": candidate.times, "group": candidate.group, "examples": list(candidate.examples)}
            for candidate in self.candidates
        }
        parts = [{"groups": groups}, {"drop": self.drop}, {"candidates": candidates}]
        text = "\n".join(
            yaml.safe_dump(part, sort_keys=False, allow_unicode=True, default_flow_style=None, width=118)
            for part in parts
        )
        whole_file.write(path, HEAD + text)


def _fields(node: Node, keys: tuple[str, ...], path: str | Path, what: str) -> dict[str, Node]:
    if node.kind != "mapping":
        raise UserError(f"{path}:{node.line}: {what}: expected the keys {', '.join(keys)}")
    for key, (line, _) in node.fields.items():
        if key not in keys:
            raise UserError(f"{path}:{line}: {what}: unknown key {key!r}: expected {', '.join(keys)}")
    return {key: value for key, (_, value) in node.fields.items()}


def _mapping(node: Node | None, path: str | Path, what: str) -> Iterable[tuple[str, tuple[int, Node]]]:
    if node is None or node.is_null:
        return ()
    if node.kind != "mapping":
        raise UserError(f"{path}:{node.line}: {what}, found {node}")
    return node.fields.items()


def _words(node: Node | None, path: str | Path, what: str) -> list[str]:
    if node is None or node.is_null:
        return []
    if node.kind != "list":
        raise UserError(f"{path}:{node.line}: {what}: expected a list of words, as [{node.text}]")
    for item in node.items:
        if item.kind != "text" or item.is_empty:
            raise UserError(f"{path}:{item.line}: {what}: {item} in a list of words: expected words alone")
    return [item.text for item in node.items]


def _check_words(groups: Node | None, drop: Node | None, path: str | Path) -> None:
    """UserError with its line for a word that is empty, means two labels of a group, or is a label's and dropped."""
    first: dict[tuple[str, tuple[str, ...]], tuple[int, str]] = {}
    of_label: dict[tuple[str, ...], tuple[int, str]] = {}
    for group, label, line, word in _words_of_groups(groups):
        words, named = phrase(word), f"{group}={label}"
        if not words:
            raise UserError(f"{path}:{line}: {named}: {word!r} has no letter or digit: expected a word")
        before, other = first.setdefault((group, words), (line, named))
        if other != named:
            raise UserError(
                f"{path}:{line}: {' '.join(words)!r} means {named}, and {other} on line {before}: "
                "one label of a group, choose it"
            )
        of_label.setdefault(words, (line, named))
    for item in drop.items if drop is not None else ():
        words = phrase(item.text)
        if not words:
            raise UserError(f"{path}:{item.line}: drop: {item} has no letter or digit: expected a word")
        if words in of_label:
            line, named = of_label[words]
            raise UserError(
                f"{path}:{item.line}: {' '.join(words)!r} is dropped, and means {named} on line {line}: keep one"
            )


def _words_of_groups(node: Node | None) -> Iterator[tuple[str, str, int, str]]:
    """(group, label, line, word) of each word below ``groups``, which :func:`_groups` has read without an error."""
    for written, (_, value) in node.fields.items() if node is not None else ():
        for label, (line, means) in _labels_of(value).fields.items():
            for item in [Node("text", line, label)] if means.is_null else means.items:
                yield cells.tidy(written), cells.tidy(label), item.line, item.text


def _labels_of(value: Node) -> Node:
    """A group's mapping of label to words, which may stand under ``labels``, beside a ``kind``."""
    labels = value.fields.get("labels")
    inner = labels is not None and set(value.fields) <= {"kind", "labels"} and labels[1].kind == "mapping"
    return labels[1] if labels is not None and inner else value


def _groups(
    node: Node | None, path: str | Path, lines: dict[tuple[str, ...], int]
) -> tuple[dict[str, dict[str, list[str]]], dict[str, str]]:
    groups: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, str] = {}
    for written, (line, value) in _mapping(node, path, "groups: expected group: labels"):
        name = cells.tidy(written)
        if name in groups:
            raise UserError(f"{path}:{line}: the group {name!r} stands twice, but for spaces: join them")
        lines[(name,)] = line
        if _labels_of(value) is not value:
            kind = value.fields.get("kind", (0, None))[1]
            kinds[name] = kind.text if kind is not None else "attribute"
            if kinds[name] not in KINDS:
                raise UserError(f"{path}:{line}: group {name!r}: kind {kind}: expected type or attribute")
            value = _labels_of(value)
        if value.kind != "mapping":
            raise UserError(f"{path}:{value.line}: group {name!r}: expected label: [words that mean it]")
        words_of = groups[name] = {}
        for label, (at, means) in value.fields.items():
            if cells.tidy(label) in words_of:
                raise UserError(f"{path}:{at}: the label {label!r} stands twice in {name!r}, but for spaces: join them")
            # A label alone means its own words.
            lines[name, cells.tidy(label)] = at
            words_of[cells.tidy(label)] = [label] if means.is_null else _words(means, path, f"label {name}={label}")
    return groups, kinds
