"""A person's text where it must be shown and not obeyed: Markdown, LaTeX, matplotlib, a spreadsheet's cell.

HTML is escaped by Jinja's autoescape.
"""

from __future__ import annotations

import re

# HTML, links and images, GitHub's formulas and struck text included.
_MARKDOWN = "\\`*_<|[]$~&"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "−": "$-$", "–": "--",
}  # fmt: skip
# What a spreadsheet takes for a formula, in the wide forms of Chinese and Japanese too.
_FORMULA = r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*([eE][-+]?[0-9]+)?%?")


def markdown(text: str) -> str:
    """``text`` as Markdown, and the HTML made of it, shows it literally."""
    return "".join(f"\\{mark}" if mark in _MARKDOWN else mark for mark in text)


def from_markdown(text: str) -> str:
    """What :func:`markdown` was given."""
    return re.sub(rf"\\([{re.escape(_MARKDOWN)}])", r"\1", text)


def latex(text: str) -> str:
    """``text`` as LaTeX prints it literally; minus and dash become LaTeX's own."""
    return "".join(_LATEX.get(mark, mark) for mark in text)


def figure(text: str) -> str:
    """``text`` as matplotlib draws it literally: a pair of dollar signs would be a formula."""
    return text.replace("$", r"\$")


def cell(text: str) -> str:
    """``text`` as a CSV cell that no spreadsheet computes: ``=cmd`` gets an apostrophe before it; numbers stay."""
    return f"'{text}" if re.match(f"'*{_FORMULA}", text) and not _NUMBER.fullmatch(text) else text


def from_cell(text: str) -> str:
    """What :func:`cell` was given."""
    return text[1:] if re.match(f"'+{_FORMULA}", text) else text
