"""One table in the forms that people use it in: Markdown, CSV, LaTeX, and cells for HTML."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from multiweight.report.tables import DASH, Table

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "−": "$-$", DASH: "--",
}  # fmt: skip


def plain(cell: str) -> tuple[str, bool]:
    """(text, bold) of a Markdown cell as :mod:`tables` writes them."""
    bold = len(cell) > 4 and cell.startswith("**") and cell.endswith("**")
    text = cell[2:-2] if bold else cell
    if len(text) > 2 and text.startswith("`") and text.endswith("`"):
        text = text[1:-1]
    return re.sub(r"\\([\\`*_<|])", r"\1", text), bold


def markdown(table: Table) -> str:
    marks = ["---" if n in table.text else "---:" for n in range(len(table.header))]
    return "".join(f"| {' | '.join(row)} |\n" for row in [table.header, marks, *table.rows])


def latex(table: Table, caption: str) -> str:
    """A ``table`` environment for booktabs; best values are bold as in Markdown."""
    columns = "".join("l" if n in table.text else "r" for n in range(len(table.header)))

    def row(cells: list[str]) -> str:
        shown = []
        for text, bold in map(plain, cells):
            escaped = "".join(_LATEX.get(mark, mark) for mark in text)
            shown.append(rf"\textbf{{{escaped}}}" if bold else escaped)
        return "  " + " & ".join(shown) + r" \\"

    head = "".join(_LATEX.get(mark, mark) for mark in caption)
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"  \centering", rf"  \caption{{{head}}}"]
    lines += [rf"  \begin{{tabular}}{{{columns}}}", r"  \toprule", row(table.header), r"  \midrule"]
    lines += [row(one) for one in table.rows] + [r"  \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def write(folder: Path, name: str, table: Table, caption: str) -> None:
    """``name``.md, .csv and .tex of a table in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(f"{caption}\n\n{markdown(table)}", encoding="utf-8")
    (folder / f"{name}.tex").write_text(latex(table, caption), encoding="utf-8")
    with open(folder / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in [table.header, *table.rows]:
            texts = [plain(cell)[0] for cell in row]
            writer.writerow(["" if text == DASH else text for text in texts])
