"""Keywords: which words and phrases of a text mean which label; a YAML file that a person edits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from multiweight.base.errors import UserError
from multiweight.records.catalog import KINDS, Catalog
from multiweight.records.records import Label
from multiweight.text.words import words

HEAD = """\
# Words and phrases of a text -> labels. Under groups: group -> label -> the words that mean it (synonyms side by side).
# To keep a candidate, move its word into a group; to refuse it, move it to drop. What stands under groups and drop is
# never changed by tools/build_catalog.py; candidates are written anew each time, with counts and examples.
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
                    self._meaning.setdefault(tuple(words(word)), []).append((group, label))
        # A dropped phrase is met before what stands inside it: "polo assn" is no polo.
        for word in self.drop:
            self._meaning.setdefault(tuple(words(word)), [])
        self._longest = max(map(len, self._meaning), default=0)

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
        return list(dict.fromkeys(label for found, _ in self.matches(words(text)) for label in found))

    def matches(self, tokens: list[str]) -> Iterable[tuple[list[Label], tuple[str, ...]]]:
        """(labels, phrase) of each place of ``tokens`` that means something, from left to right, none overlapping."""
        at = 0
        while at < len(tokens):
            for length in range(min(self._longest, len(tokens) - at), 0, -1):
                phrase = tuple(tokens[at : at + length])
                if phrase in self._meaning:
                    yield self._meaning[phrase], phrase
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
        try:
            found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{path}: the keywords cannot be read ({error.strerror})") from None
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from None
        except yaml.MarkedYAMLError as error:
            line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
            raise UserError(f"{path}{line}: not valid YAML ({error.problem})") from None
        if found is None:
            return cls()
        _known(found, ("groups", "drop", "candidates"), f"{path}")
        groups, kinds = _groups(found.get("groups") or {}, path)
        drop = found.get("drop") or []
        if not isinstance(drop, list):
            raise UserError(f"{path}: drop: expected a list of words")
        candidates = []
        for word, fields in (found.get("candidates") or {}).items():
            _known(fields, ("count", "group", "examples"), f"{path}: candidate {word!r}")
            examples = tuple(str(text) for text in fields.get("examples") or ())
            candidates.append(
                Candidate(str(word), int(fields.get("count", 0)), str(fields.get("group") or ""), examples)
            )
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
            found.word: {"count": found.times, "group": found.group, "examples": list(found.examples)}
            for found in self.candidates
        }
        parts = [{"groups": groups}, {"drop": self.drop}, {"candidates": candidates}]
        text = "\n".join(
            yaml.safe_dump(part, sort_keys=False, allow_unicode=True, default_flow_style=None, width=118)
            for part in parts
        )
        partial = Path(f"{path}.partial")
        partial.write_text(HEAD + text, encoding="utf-8")
        os.replace(partial, path)

    def _check(self, path: str | Path) -> None:
        if self.groups:
            self.catalog()
        for phrase, meant in self._meaning.items():
            if not phrase:
                raise UserError(f"{path}: an empty word under {'='.join(meant[0]) if meant else 'drop'}")
            within = [group for group, _ in meant]
            if len(set(within)) != len(within):
                named = " and ".join("=".join(label) for label in meant)
                raise UserError(f"{path}: {' '.join(phrase)!r} means {named}: one label of a group, choose it")


def _known(found: Any, keys: tuple[str, ...], where: str) -> None:
    if not isinstance(found, dict):
        raise UserError(f"{where}: expected the keys {', '.join(keys)}")
    for key in found:
        if key not in keys:
            raise UserError(f"{where}: unknown key {key!r}: expected {', '.join(keys)}")


def _groups(found: Any, path: str | Path) -> tuple[dict[str, dict[str, list[str]]], dict[str, str]]:
    groups: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, str] = {}
    if not isinstance(found, dict):
        raise UserError(f"{path}: groups: expected group: labels")
    for name, value in found.items():
        if isinstance(value, dict) and set(value) <= {"kind", "labels"} and isinstance(value.get("labels"), dict):
            kinds[str(name)] = str(value.get("kind", "attribute"))
            if kinds[str(name)] not in KINDS:
                raise UserError(f"{path}: group {name!r}: kind {value['kind']!r}: expected type or attribute")
            value = value["labels"]
        if not isinstance(value, dict):
            raise UserError(f"{path}: group {name!r}: expected label: [words that mean it]")
        labels = groups[str(name)] = {}
        for label, means in value.items():
            # A label alone means its own words.
            means = [label] if means is None else means
            if not isinstance(means, list):
                raise UserError(f"{path}: label {name}={label}: expected a list of words, as [{means}]")
            labels[str(label)] = [str(word) for word in means]
    return groups, kinds
