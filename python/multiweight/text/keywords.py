"""Keywords: which words and phrases of a text mean which label; a YAML file that a person edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from multiweight.base import whole_file, yaml_file
from multiweight.base.errors import UserError
from multiweight.base.yaml_file import Node
from multiweight.records import cells
from multiweight.records.catalog import KINDS, Catalog
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

    def catalog(self) -> Catalog:
        """The groups and labels as a catalog."""
        return Catalog.from_dict(
            {
                group: {"kind": self.kinds.get(group, "attribute"), "labels": list(labels)}
                for group, labels in self.groups.items()
                if labels
            }
        )

    @classmethod
    def load(cls, path: str | Path) -> Keywords:
        """Read a keywords file; every mistake in it is a UserError that names the file and where in it."""
        root = yaml_file.read(path, "the keywords")
        if root is None or root.is_null:
            return cls()
        parts = _fields(root, ("groups", "drop", "candidates"), path, "the keywords")
        groups, kinds = _groups(parts.get("groups"), path)
        drop = _words(parts.get("drop"), path, "drop")
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
        made._check(path)
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

    def _check(self, path: str | Path) -> None:
        if self.groups:
            self.catalog()
        for words, meant in self._meaning.items():
            if not words:
                raise UserError(f"{path}: an empty word under {'='.join(meant[0]) if meant else 'drop'}")
            within = [group for group, _ in meant]
            if len(set(within)) != len(within):
                named = " and ".join("=".join(label) for label in meant)
                raise UserError(f"{path}: {' '.join(words)!r} means {named}: one label of a group, choose it")


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


def _groups(node: Node | None, path: str | Path) -> tuple[dict[str, dict[str, list[str]]], dict[str, str]]:
    groups: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, str] = {}
    for written, (line, value) in _mapping(node, path, "groups: expected group: labels"):
        name = cells.tidy(written)
        if name in groups:
            raise UserError(f"{path}:{line}: the group {name!r} stands twice, but for spaces: join them")
        labels = value.fields.get("labels")
        if labels is not None and set(value.fields) <= {"kind", "labels"} and labels[1].kind == "mapping":
            kind = value.fields.get("kind", (0, None))[1]
            kinds[name] = kind.text if kind is not None else "attribute"
            if kinds[name] not in KINDS:
                raise UserError(f"{path}:{line}: group {name!r}: kind {kind}: expected type or attribute")
            value = labels[1]
        if value.kind != "mapping":
            raise UserError(f"{path}:{value.line}: group {name!r}: expected label: [words that mean it]")
        words_of = groups[name] = {}
        for label, (at, means) in value.fields.items():
            if cells.tidy(label) in words_of:
                raise UserError(f"{path}:{at}: the label {label!r} stands twice in {name!r}, but for spaces: join them")
            # A label alone means its own words.
            words_of[cells.tidy(label)] = [label] if means.is_null else _words(means, path, f"label {name}={label}")
    return groups, kinds
