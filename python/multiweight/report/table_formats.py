"""One table in the forms that people use it in: Markdown, CSV, LaTeX, and cells for HTML."""

from __future__ import annotations

from pathlib import Path

from multiweight.base import csv_file, markup, whole_file
from multiweight.report.tables import DASH, Table


def plain(cell: str) -> tuple[str, bool]:
    """(text, bold) of a Markdown cell as :mod:`tables` writes them."""
    bold = len(cell) > 4 and cell.startswith("**") and cell.endswith("**")
    text = cell[2:-2] if bold else cell
    if len(text) > 2 and text.startswith("`") and text.endswith("`"):
        text = text[1:-1]
    return markup.from_markdown(text), bold


def markdown(table: Table) -> str:
    marks = ["---" if n in table.text else "---:" for n in range(len(table.header))]
    return "".join(f"| {' | '.join(row)} |\n" for row in [table.header, marks, *table.rows])


def latex(table: Table, caption: str) -> str:
    """A ``table`` environment for booktabs; best values are bold as in Markdown."""
    columns = "".join("l" if n in table.text else "r" for n in range(len(table.header)))

    def row(cells: list[str]) -> str:
        shown = []
        for text, bold in map(plain, cells):
            escaped = markup.latex(text)
            shown.append(rf"\textbf{{{escaped}}}" if bold else escaped)
        return "  " + " & ".join(shown) + r" \\"

    head = markup.latex(caption)
    lines = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"  \centering", rf"  \caption{{{head}}}"]
    lines += [rf"  \begin{{tabular}}{{{columns}}}", r"  \toprule", row(table.header), r"  \midrule"]
    lines += [row(table_row) for table_row in table.rows] + [r"  \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def write(folder: Path, name: str, table: Table, caption: str) -> None:
    """``name``.md, .csv and .tex of a table in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    whole_file.write(folder / f"{name}.md", f"{caption}\n\n{markdown(table)}")
    whole_file.write(folder / f"{name}.tex", latex(table, caption))
    rows = ([plain(cell)[0] for cell in row] for row in [table.header, *table.rows])
    header, *body = [["" if text == DASH else text for text in row] for row in rows]
    csv_file.write(folder / f"{name}.csv", [markup.cell(text) for text in header], body)
