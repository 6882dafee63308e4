"""YAML that people write, read strictly.

A key stands once, words stay the words that were written (``no``, ``on`` and ``036`` are no truth values and no
numbers), aliases and nesting are bounded, and every mistake is a UserError with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from multiweight.base.errors import UserError
from multiweight.base.text_file import DIGITS, read_text

DEPTH = 64  # of lists and mappings inside each other
ALIASED = 100_000  # values that the aliases of a file may stand for
BYTES = 1 << 25  # of a YAML file: people write far less

_EMPTY = ("", "~")
_NULL = (*_EMPTY, "null", "Null", "NULL")
_TAGS = ("str", "int", "float", "bool", "null", "seq", "map")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The numbers of YAML 1.2's core schema, but for those with a leading zero, which are codes and stay words.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Node:
    """A value of a YAML file and its line (1 = first): a text, a list (``items``) or a mapping (``fields``)."""

    kind: str  # "text", "list" or "mapping"
    line: int
    text: str = ""
    quoted: bool = False
    items: list[Node] = field(default_factory=list)
    fields: dict[str, tuple[int, Node]] = field(default_factory=dict)  # key -> (its line, value)
    size: int = 1  # values inside it, aliases counted each time

    @property
    def is_null(self) -> bool:
        """Nothing, ``~`` or ``null``, without quotes."""
        return self.kind == "text" and not self.quoted and self.text in _NULL

    @property
    def is_empty(self) -> bool:
        """Nothing or ``~``: among words, ``null`` is a word."""
        return self.kind == "text" and not self.quoted and self.text in _EMPTY

    def __str__(self) -> str:
        """What stands there, short, for a message."""
        if self.kind == "text":
            return repr(self.text if len(self.text) <= 60 else self.text[:57] + "...")
        return "a list" if self.kind == "list" else "a mapping"


def read(path: str | Path, what: str = "the file") -> Node | None:
    """The one document of a YAML file; None where it has none."""
    return parse(read_text(path, what, BYTES), str(path))


def parse(text: str, source: str) -> Node | None:
    """The one document of ``text``; ``source`` names it in messages."""
    bad = _FORBIDDEN.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise UserError(f"{source}:{line}: not valid YAML (the control character {bad.group()!r})")
    return _Composer(source).document(text)


def plain(node: Node | None) -> Any:
    """The node as Python data: dict, list, and texts as YAML 1.2's core schema reads them.

    ``true``, ``false``, ``null`` and numbers are what they say, unless they stand in quotes or begin with a zero that
    a number would not have; every other word is a str.
    """
    if node is None:
        return None
    if node.kind == "list":
        return [plain(item) for item in node.items]
    if node.kind == "mapping":
        return {key: plain(value) for key, (_, value) in node.fields.items()}
    text = node.text
    if node.quoted:
        return text
    if text in _NULL:
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if len(text) <= DIGITS and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= DIGITS and _FLOAT.fullmatch(text):
        return float(text)
    return text


class _Composer:
    """Builds nodes from the parser's events, one level of its own stack a list or mapping."""

    def __init__(self, source: str):
        self.source = source
        self.anchors: dict[str, Node | None] = {}
        self.aliased = 0

    def fail(self, line: int, problem: str) -> NoReturn:
        raise UserError(f"{self.source}:{line}: {problem}")

    def document(self, text: str) -> Node | None:
        try:
            return self._document(self._events(text))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise UserError(f"{self.source}{line}: not valid YAML ({error.problem or error.context})") from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # Scanners leave chr() and int() of what they read to fail as they like.
            raise UserError(f"{self.source}: not valid YAML ({' '.join(str(error).split())[:120]})") from None

    @staticmethod
    def _events(text: str) -> Iterator[Any]:
        return yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def _document(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        # Each level: the open list or mapping, its anchor, and, of a mapping, the key that waits for its value.
        levels: list[tuple[Node, str | None]] = []
        keys: list[Node | None] = []
        documents = 0
        for event in events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.fail(line, "a second document begins here: one file has one")
                continue
            if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
                if len(levels) >= DEPTH:
                    self.fail(line, f"more than {DEPTH} lists and mappings inside each other")
                self._tag(event, line)
                kind = "list" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
                levels.append((Node(kind, line), event.anchor))
                keys.append(None)
                if event.anchor is not None:
                    self.anchors[event.anchor] = None
                continue
            if isinstance(event, yaml.ScalarEvent):
                self._tag(event, line)
                made = Node("text", line, event.value, quoted=event.style not in (None, ""))
                if event.anchor is not None:
                    self.anchors[event.anchor] = made
            elif isinstance(event, yaml.AliasEvent):
                made = self._alias(event.anchor, line)
            elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                opened, anchor = levels.pop()
                keys.pop()
                made = self._closed(opened)
                if anchor is not None:
                    self.anchors[anchor] = made
            else:
                continue
            if not levels:
                root = made
                continue
            parent = levels[-1][0]
            if parent.kind == "list":
                parent.items.append(made)
            elif keys[-1] is None:
                if made.kind != "text":
                    self.fail(made.line, f"a key is {made}: expected a plain text")
                keys[-1] = made
            else:
                self._field(parent, keys[-1], made)
                keys[-1] = None
        return root

    def _tag(self, event: Any, line: int) -> None:
        tag = event.tag
        if tag not in (None, "!") and tag.rpartition(":")[2] not in _TAGS:
            self.fail(line, f"the tag {tag!r} is not read: leave it out")

    def _alias(self, anchor: str | None, line: int) -> Node:
        if anchor is None or anchor not in self.anchors:
            self.fail(line, f"the alias *{anchor} has no anchor &{anchor} above it")
        made = self.anchors[anchor]
        if made is None:
            self.fail(line, f"the alias *{anchor} stands inside what it means")
        self.aliased += made.size
        if self.aliased > ALIASED:
            self.fail(line, f"aliases (*{anchor}) stand for more than {ALIASED:,} values: write them out")
        return made

    def _field(self, parent: Node, key: Node, value: Node) -> None:
        if key.text == "<<" and not key.quoted:
            for merged in value.items if value.kind == "list" else [value]:
                if merged.kind != "mapping":
                    self.fail(key.line, "<< takes a mapping, or a list of them")
                for name, field in merged.fields.items():
                    # Line 0: a key that stands in the mapping itself takes its place.
                    parent.fields.setdefault(name, (0, field[1]))
            return
        known = parent.fields.get(key.text)
        if known is not None and known[0]:
            self.fail(key.line, f"the key {key} stands twice (first on line {known[0]}): join them")
        parent.fields[key.text] = (key.line, value)

    @staticmethod
    def _closed(node: Node) -> Node:
        inside = node.items if node.kind == "list" else [value for _, value in node.fields.values()]
        fields = {key: (line or value.line, value) for key, (line, value) in node.fields.items()}
        return Node(node.kind, node.line, items=node.items, fields=fields, size=1 + sum(item.size for item in inside))
