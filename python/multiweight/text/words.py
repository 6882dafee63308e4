"""Text -> words: Chinese by jieba, every other script by Unicode's word characters."""

from __future__ import annotations

import copy
import functools
import importlib
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Iterable
from typing import Any

_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAN = re.compile(rf"[{_IDEOGRAPHS}]+")
_MARK = rf"[^\W_{_IDEOGRAPHS}]"
_LETTER = rf"{_MARK}+"
# Han first, then words that may hold a hyphen, an apostrophe, an ampersand or a slash: t-shirt, men's, h&m, 3/4.
_RUN = re.compile(rf"{_HAN.pattern}|{_LETTER}(?:['&/-]{_LETTER})*")


def words(text: str) -> list[str]:
    """The words of ``text`` in order, in lower case, widths and ligatures made plain (Unicode NFKC)."""
    return _PLAIN.words(text)


def phrase(text: str) -> tuple[str, ...]:
    """A decided word or phrase as words: those that spaces part, and what stands together in Chinese is one."""
    words_found: list[str] = []
    for part in _made_plain(text).split():
        runs = _RUN.findall(part)
        # Letters beside Han are one word with it: t恤, v领.
        mixed = len(runs) > 1 and "".join(runs) == part and any(map(_HAN.match, runs))
        words_found += [part] if mixed else [run if _HAN.match(run) else _without_s(run) for run in runs]
    return tuple(words_found)


class Segmenter:
    """Cuts texts; ``known``, the words that a person has decided on, are cut out as such.

    They are in jieba's dictionary, and where it cuts a longer word around one of two characters or more (长袖衫 around
    长袖) the known one is taken out of it, the longest first. A known word is never taken across the border of two
    words of the text, so 大衣 is not in 宽大衣服.
    """

    def __init__(self, known: Iterable[str] = ()):
        terms = {word for word in known if _HAN.search(word)}
        self._han = {word for word in terms if _HAN.fullmatch(word) and len(word) > 1}
        self._longest = max(map(len, self._han), default=0)
        mixed = sorted((word for word in terms if not _HAN.fullmatch(word)), key=lambda word: (-len(word), word))
        self._mixed = re.compile("(" + "|".join(map(_bounded, mixed)) + ")") if mixed else None
        self._own: Any = None

    def words(self, text: str) -> list[str]:
        """The words of ``text`` in order, as :func:`words` gives them."""
        words_found: list[str] = []
        parts = self._mixed.split(_made_plain(text)) if self._mixed else [_made_plain(text)]
        for number, part in enumerate(parts):
            if number % 2:
                words_found.append(part)
                continue
            for run in _RUN.findall(part):
                words_found += self._cut(run) if _HAN.match(run) else [_without_s(run)]
        return words_found

    def _cut(self, run: str) -> list[str]:
        cut = [word for word in self._jieba().cut(run) if word.strip()]
        if not self._han:
            return cut
        ends, at = set(), 0
        for word in cut:
            at += len(word)
            ends.add(at)
        pieces: list[str] = []
        at = start = 0
        while at < len(run):
            end = next(end for end in sorted(ends) if end > at)
            length = self._known_at(run, at, end, ends, at == 0 or at in ends)
            if length or at in ends:
                pieces += [run[start:at]] if start < at else []
                start = at
            if length:
                pieces.append(run[at : at + length])
                start = at = at + length
            else:
                at += 1
        return pieces + ([run[start:]] if start < len(run) else [])

    def _known_at(self, run: str, at: int, end: int, ends: set[int], border: bool) -> int:
        """The length of the longest known word at ``at``: within the word that ends at ``end``, or of whole words."""
        for length in range(min(self._longest, len(run) - at), 1, -1):
            if (at + length <= end or (border and at + length in ends)) and run[at : at + length] in self._han:
                return length
        return 0

    def _jieba(self) -> Any:
        if not self._han:
            return _tokenizer()
        if self._own is None:
            self._own = copy.copy(_tokenizer())
            self._own.FREQ = dict(self._own.FREQ)
            # Short ones first: a long one then outweighs those inside it.
            for word in sorted(self._han, key=lambda word: (len(word), word)):
                self._own.add_word(word, max(self._own.suggest_freq(word), self._own.FREQ.get(word) or 0))
        return self._own


def _made_plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("\u2019", "'").casefold()


def _without_s(word: str) -> str:
    return word[:-2] if word.endswith("'s") else word


def _bounded(term: str) -> str:
    """A pattern of a term of Han and letters that begins and ends where words of letters do."""
    before = "" if _HAN.match(term) else rf"(?<!{_MARK})"
    after = "" if _HAN.match(term[-1]) else rf"(?!{_MARK})"
    return before + re.escape(term) + after


@functools.cache
def _tokenizer() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jieba = importlib.import_module("jieba")
    jieba.setLogLevel("WARNING")
    tokenizer = jieba.Tokenizer()
    # Its cache goes to a folder of this process: one shared in /tmp could be another user's file.
    with tempfile.TemporaryDirectory(prefix="multiweight-") as folder:
        tokenizer.tmp_dir = folder
        tokenizer.initialize()
    return tokenizer


_PLAIN = Segmenter()
