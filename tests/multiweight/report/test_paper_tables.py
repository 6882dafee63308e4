from __future__ import annotations

import csv
import json
import shutil
import subprocess

import unchecked

import synthetic_runs
from multiweight.base.paths import Dataset
from multiweight.paper.methods import METHODS
from multiweight.report import paper_tables, report, results, table_formats
from multiweight.report.tables import Table

TABLE = Table(["Group", "a_b", "c"], [["odd\\_name & co", "**12.50**", "–"], ["`net.width`", "3", "50%"]])


def test_one_table_in_three_forms(tmp_path):
    table_formats.write(tmp_path, "t", TABLE, "A caption: 100% & more")
    with open(tmp_path / "t.csv", newline="") as file:
        result = list(csv.reader(file))
    assert result == [["Group", "a_b", "c"], ["odd_name & co", "12.50", ""], ["net.width", "3", "50%"]]
    assert (tmp_path / "t.md").read_text().splitlines()[2:4] == ["| Group | a_b | c |", "| --- | ---: | ---: |"]
    text = (tmp_path / "t.tex").read_text()
    assert r"\begin{tabular}{lrr}" in text and r"\caption{A caption: 100\% \& more}" in text
    assert r"odd\_name \& co & \textbf{12.50} & -- \\" in text and r"net.width & 3 & 50\% \\" in text


@unchecked.unless(shutil.which("pdflatex") is not None, "that LaTeX sets the tables", "apt-get install texlive")
def test_latex_sets(tmp_path):
    table_formats.write(tmp_path, "t", TABLE, "Caption")
    document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\input{t}\\end{document}"
    (tmp_path / "d.tex").write_text(document)
    done = subprocess.run(["pdflatex", "-interaction=batchmode", "d"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, (tmp_path / "d.log").read_text()


def subset(root, name, groups):
    """A dataset of two groups in the shape that evaluation leaves."""
    dataset = Dataset(name, root)
    for n, variant in enumerate(("multi_label", "multi_task", "multi_weight", "random")):
        run = dataset.run(variant)
        run.root.mkdir(parents=True)
        values = {g: {"map": 0.1 * (n + 1 + m), "queries": 9, "proportion": 1 - 0.9 * m} for m, g in enumerate(groups)}
        evaluation = {
            "groups": values, "mean_map": 0.2, "metric": "cosine", "denominator": "retrieved", "k": 50, "test": {},
        }  # fmt: skip
        run.evaluation.write_text(json.dumps(evaluation))
    dataset.data.mkdir()
    dataset.info.write_text(json.dumps({"group_images": dict(zip(groups, (1000, 100)))}))
    return dataset


def test_all_five_tables_with_the_papers_figures_beside(tmp_path):
    ends = [0.4, 0.6]
    dataset = synthetic_runs.write(tmp_path, mean_interval=ends)
    subsets = [subset(tmp_path, "four", ["Coat", "Pantsuit"]), subset(tmp_path, "five", ["Shirts", "Sleeve"])]
    result = {t.name: t for t in paper_tables.all_tables(dataset, results.load(dataset), subsets)}
    assert [t.number for t in result.values()] == ["I", "II", "III", "IV", "V"]
    first = result["table_1"].table
    assert first.rows[1] == ["Sleeve", "–", "–", "–", "100", "0.3000", "0.0064"]
    second = result["table_2"].table
    assert second.header[-4:] == [f"paper {method.title}" for method in METHODS.values()]
    color = next(row for row in second.rows if row[0] == "Color")
    assert color[3] == "**80.00**" and color[-4:] == ["35.24", "27.03", "34.66", "36.03"]
    assert next(row for row in second.rows if row[0] == "95% interval")[3] == "40.00 to 60.00"
    fourth = result["table_4"].table
    assert fourth.rows == [
        ["Coat", "1,000", "10.00", "20.00", "**30.00**"],
        ["Pantsuit", "100", "20.00", "30.00", "**40.00**"],
        ["paper: Coat", "–", "57.47", "58.52", "57.86"],
        ["paper: Pantsuit", "–", "31.94", "32.28", "33.25"],
    ]
    assert [row[2] for row in result["table_5"].table.rows[2:]] == ["46.71", "13.58"]
    report.write(dataset, subsets)
    names = sorted(p.name for p in (dataset.report / "tables").iterdir())
    assert names == sorted(f"table_{n}.{form}" for n in range(1, 6) for form in ("md", "csv", "tex"))
    assert "the form of Table IV" in (dataset.report / "report.md").read_text()
    for name in ("histogram", "change", "curves"):
        assert (dataset.report / f"{name}.svg").read_text().rstrip().endswith("</svg>")
        assert (dataset.report / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
