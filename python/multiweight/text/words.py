"""Text -> words: Chinese by jieba, every other script by Unicode's word characters."""

from __future__ import annotations

import functools
import importlib
import re
import tempfile
import unicodedata
import warnings
from typing import Any

# Han first, then words that may hold a hyphen, an apostrophe, an ampersand or a slash: t-shirt, men's, h&m, 3/4.
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_LETTER = r"[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
_RUN = re.compile(rf"{_HAN.pattern}|{_LETTER}(?:['&/-]{_LETTER})*")


def words(text: str) -> list[str]:
    """The words of ``text`` in order, in lower case, widths and ligatures made plain (Unicode NFKC)."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'").casefold()
    found: list[str] = []
    for run in _RUN.findall(plain):
        if _HAN.match(run):
            found += [word for word in _segmenter().cut(run) if word.strip()]
        else:
            found.append(run[:-2] if run.endswith("'s") else run)
    return found


@functools.cache
def _segmenter() -> Any:
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
