from __future__ import annotations

import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from checkout import REPOSITORY

import synthetic_runs
from multiweight.base.errors import UserError
from multiweight.paper import eclothing
from multiweight.paper.methods import in_order
from multiweight.report import figures, report, results, tables

THREE = "Best of multi-label, multi-task, multi-weight in"


def cells(text, first):
    """Cells of the first Markdown row that begins with ``first``."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def section(text, heading):
    return text.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]


@pytest.fixture(scope="module")
def full_report(tmp_path_factory):
    """Every method, the references and one of a user's own."""
    dataset = synthetic_runs.write(tmp_path_factory.mktemp("runs"))
    synthetic_runs.write_variant(dataset, "smoothed-c2", (0.51, 0.79, 0.34, 0.20))
    outcome = report.write(dataset)
    return dataset, outcome, (dataset.report / "report.md").read_text()


def test_the_verdict_comes_first(full_report):
    _, outcome, text = full_report
    assert outcome.verdict == "passed"
    assert text.splitlines()[2] == "Every trained method beats both the untrained net and a random ranking."


def test_groups_by_proportion_with_the_best_trained_method_in_bold(full_report):
    text = section(full_report[2], "By group")
    assert cells(text, "Group")[3:] == [
        "multi-label", "multi-task", "multi-weight", "multi-weight 1/3", "smoothed-c2", "untrained", "random",
    ]  # fmt: skip
    order = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert order == ["Color", "Sleeve", "Collar", r"odd\_name", "Empty", "Mean", "Best in", THREE]
    assert cells(text, "Color") == [
        "Color", "1.0000", "100", "**80.00**", "70.00", "75.00", "78.00", "79.00", "30.00", "20.00",
    ]  # fmt: skip
    assert cells(text, "Collar")[3:7] == ["30.00", "35.00", "30.00", "**36.00**"]
    assert cells(text, "Empty")[2:] == ["0"] + ["–"] * 7
    # (0.52 + 0.78 + 0.36 + 0.25) / 4: the group without queries takes no part.
    assert cells(text, "Mean")[3:] == ["42.50", "42.50", "42.50", "**47.75**", "46.00", "17.50", "10.50"]
    assert cells(text, "Best in")[3:8] == ["1", "0", "0", "3", "0"]
    # odd_name: multi-label and multi-task are equal, and each counts.
    assert cells(text, THREE)[3:8] == ["2", "2", "1", "", ""]


def test_table_three_has_the_best_of_the_papers_three(full_report):
    text = section(full_report[2], "Beside the current best")
    assert cells(text, "Group") == ["Group", "Proportion", "Current best", "multi-weight 1/3", "smoothed-c2"]
    assert cells(text, "Color")[2:] == ["**80.00**", "78.00", "79.00"]
    assert cells(text, "Sleeve")[2:] == ["50.00", "**52.00**", "51.00"]
    # (0.80 + 0.50 + 0.35 + 0.20) / 4
    assert cells(text, "Mean")[2:] == ["46.25", "**47.75**", "46.00"]
    assert cells(text, "Above current best in")[3:] == ["3", "1"]


def test_the_papers_figures_stand_beside_groups_of_the_same_name(full_report):
    text = section(full_report[2], "Beside the paper")
    assert cells(text, "Sleeve") == [
        "Sleeve", "0.3000", "0.0064", "40.00", "20.73", "45.00", "28.11", "50.00", "28.75", "52.00", "29.57",
    ]  # fmt: skip
    assert r"odd\_name" not in text
    # Color, Sleeve and Collar of Table II's multi-label column.
    assert cells(text, "Mean of these")[3:5] == ["50.00", f"{(35.24 + 20.73 + 33.17) / 3:.2f}"]


def test_gamma_settings_times_and_versions(full_report):
    text = full_report[2]
    assert cells(section(text, "gamma"), "Collar")[1:] == ["0.1000", "1.0000", "1.0000", "0.1000", "0.1000", "0.1000"]
    assert cells(section(text, "gamma"), "Sum")[4] == "1.4110"
    assert "`net.width` 0.5" in section(text, "Settings") and cells(section(text, "Settings"), "`net.head`")
    assert cells(text, "multi-weight 1/3")[1:] == [
        "**47.75**", "3", "proportion", "1,500", "2 min 10 s", "311", "cpu",
    ]  # fmt: skip
    assert "python 3.11, numpy 2.4" in text and "0123456789ab" in text
    assert "the 1,234 test images" in text and "Without queries, and so without a figure: Empty." in text


def test_csv_and_json_hold_the_same(full_report):
    dataset, outcome, _ = full_report
    with open(dataset.report / "tables.csv", newline="") as file:
        rows = {row["group"]: row for row in csv.DictReader(file)}
    assert rows["Color"]["multi_label"] == "80.0000" and rows["Color"]["best_method"] == "multi_label"
    assert rows["Sleeve"]["current_best"] == "50.0000" and rows["Sleeve"]["paper_multi_weight_third"] == "29.57"
    assert rows["Empty"]["multi_task"] == "" and rows["mean"]["multi_weight_third"] == "47.7500"
    assert rows["best in"]["multi_weight_third"] == "3"
    facts = json.loads((dataset.report / "report.json").read_text())
    assert facts["verdict"] == "passed" and facts["mean_map"]["random"] == pytest.approx(0.105)
    assert facts["groups"]["Empty"]["multi_label"] is None


def test_pictures_are_drawn(full_report):
    for name in ("histogram.png", "curves.png"):
        picture = cv2.imread(str(full_report[0].report / name))
        assert min(picture.shape[:2]) > 300 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    assert "(histogram.png)" in full_report[2] and "(curves.png)" in full_report[2]


@pytest.mark.parametrize(
    "variants",
    [["multi_weight"], ["smoothed-c2", "random"], ["untrained", "random"], ["multi_label", "multi_task"]],
)
def test_any_subset_of_variants(tmp_path, variants):
    maps = {**synthetic_runs.MAPS, "smoothed-c2": (0.5, 0.5, 0.5, 0.5)}
    dataset = synthetic_runs.write(tmp_path, variants, maps)
    outcome = report.write(dataset)
    text = (dataset.report / "report.md").read_text()
    assert outcome.verdict in ("unchecked", "failed") and "not" in text.splitlines()[2].lower()
    assert cells(text, "Mean") and (dataset.report / "histogram.png").exists()


def test_a_run_that_was_not_evaluated_is_named(tmp_path):
    dataset = synthetic_runs.write(tmp_path)
    dataset.run("half-done").root.mkdir()
    dataset.run("half-done").settings.write_text("{}")
    report.write(dataset)
    assert "Not evaluated, and so not in this report: half-done." in (dataset.report / "report.md").read_text()


def run_tool(dataset, *flags):
    command = [sys.executable, str(REPOSITORY / "tools" / "report.py"), "--dataset", dataset.name]
    return subprocess.run([*command, "--runs", str(dataset.root.parent), *flags], capture_output=True, text=True)


def test_the_tool_fails_where_a_method_does_not_beat_a_reference(tmp_path):
    maps = {**synthetic_runs.MAPS, "multi_task": (0.1, 0.1, 0.1, 0.1)}
    dataset = synthetic_runs.write(tmp_path, maps=maps)
    done = run_tool(dataset, "--check")
    assert done.returncode == 1
    assert "check failed: multi-task has mean mAP 10.00, which does not beat untrained with 17.50" in done.stderr
    assert "multi-task has mean mAP 10.00, which does not beat random with 10.50" in done.stderr
    assert "**Not every trained method beats" in (dataset.report / "report.md").read_text()
    without = run_tool(dataset)
    assert without.returncode == 0 and "note: multi-task has mean mAP 10.00" in without.stderr


def test_the_tool_says_when_a_reference_is_absent(tmp_path):
    dataset = synthetic_runs.write(tmp_path, ["multi_label", "random"])
    done = run_tool(dataset, "--check")
    assert done.returncode == 1 and "untrained not evaluated" in done.stderr
    assert "untrained not evaluated" in (dataset.report / "report.md").read_text()


def test_the_tool_ends_in_one_line_without_evaluations(tmp_path):
    dataset = synthetic_runs.write(tmp_path, [])
    done = run_tool(dataset)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "make evaluate" in done.stderr
    assert "Traceback" not in done.stderr


def test_differing_measures_are_not_mixed(tmp_path):
    dataset = synthetic_runs.write(tmp_path)
    synthetic_runs.write_variant(dataset, "other", (0.5,) * 4, k=10)
    with pytest.raises(UserError, match="multi_label was evaluated with k 50, other with 10"):
        report.write(dataset)


@pytest.mark.parametrize("name, value", [("views", "crops"), ("blob", "fc6")])
def test_other_features_are_not_mixed(tmp_path, name, value):
    dataset = synthetic_runs.write(tmp_path)
    synthetic_runs.write_variant(dataset, "other", (0.5,) * 4)
    report.write(dataset)
    path = dataset.run("other").evaluation
    result = json.loads(path.read_text())
    result["features"][name] = value
    result["settings"]["retrieval_blob"] = "fc7"
    path.write_text(json.dumps(result))
    with pytest.raises(UserError, match=f"features of {name} .*, other of {value}: extract and evaluate both alike"):
        report.write(dataset)
    if name == "blob":  # another trunk's own
        result["settings"]["retrieval_blob"] = value
        path.write_text(json.dumps(result))
        report.write(dataset)


def test_other_test_images_are_not_mixed(tmp_path):
    dataset = synthetic_runs.write(tmp_path)
    synthetic_runs.write_variant(dataset, "other", (0.5,) * 4, test={"images": 3})
    with pytest.raises(UserError, match="different test images"):
        report.write(dataset)


def test_a_log_tells_the_unweighted_total(tmp_path):
    dataset = synthetic_runs.write(tmp_path, ["multi_label", "multi_weight"])
    label, weight = results.load(dataset)
    assert label.log.total == label.log.objective and len(label.log.test) == 5
    assert all(total > objective for total, objective in zip(weight.log.total, weight.log.objective))
    dataset.run("multi_label").log.write_text("iteration,phase,loss\n0,train,3.5\nten,train,3\n")
    with pytest.raises(UserError, match=r"log.csv:3: not a row"):
        results.load(dataset)


def test_without_logs_there_are_no_curves(tmp_path):
    dataset = synthetic_runs.write(tmp_path)
    for variant in in_order(dataset.variants()):
        dataset.run(variant).log.unlink(missing_ok=True)
    report.write(dataset)
    assert not (dataset.report / "curves.png").exists()
    assert "curves.png" not in (dataset.report / "report.md").read_text()


def test_a_running_mean_keeps_a_line_and_skips_gaps():
    line = np.arange(400.0)
    np.testing.assert_allclose(figures.smoothed(line), line)
    line[200] = np.nan
    assert np.isfinite(figures.smoothed(line)).all()
    assert figures.smoothed([1.0, 5.0]).tolist() == [1, 5]


def test_the_papers_own_table_gives_the_papers_counts(tmp_path):
    """Tables II and III through the report: best-of counts 7, 5, 12 and the column averages."""
    rows = eclothing.published()
    result = []
    for variant in ("multi_label", "multi_task", "multi_weight", "multi_weight_third"):
        groups = {r.group: {"map": r.map[variant] / 100, "queries": 9, "proportion": r.proportion} for r in rows}
        mean = sum(r.map[variant] for r in rows) / len(rows) / 100
        result.append(results.Result(variant, {"groups": groups, "mean_map": mean, "k": 50}, {}, results.Log()))
    assert results.best_counts(result[:3]) == {"multi_label": 7, "multi_task": 5, "multi_weight": 12}
    three = tables.by_group(result[:3])
    assert three.rows[-2][3:] == ["52.48", "53.11", "**54.37**"]
    third = tables.against_best(result)
    assert third is not None and third.rows[-2][3] == "**55.63**"


@pytest.mark.parametrize(
    "seconds, text",
    [(None, "–"), (0.42, "0.42 s"), (61, "61 s"), (725, "12 min 5 s"), (12000, "3 h 20 min")],
)
def test_durations(seconds, text):
    assert tables.duration(seconds) == text


def test_figures_and_tables_of_names_that_are_no_markup(tmp_path, monkeypatch):
    """``($$)`` is no formula of matplotlib's, ``@`` no function of a spreadsheet's; LaTeX and Markdown show both."""
    names = ["Price level ($$)", "$x_1$", "@SUM(1)", "a_b & 50%"]
    monkeypatch.setattr(synthetic_runs, "PROPORTIONS", dict(zip(names, (1.0, 0.3, 0.1, 0.01))))
    maps = {name: values[:4] for name, values in synthetic_runs.MAPS.items()}
    dataset = synthetic_runs.write(tmp_path, maps=maps)
    report.write(dataset)
    folder = dataset.report
    assert (folder / "histogram.png").stat().st_size > 5000 and (folder / "change.svg").exists()
    assert r"Price level (\$\$)" in (folder / "report.md").read_text(encoding="utf-8")
    assert "\n'@SUM(1)," in (folder / "tables.csv").read_text(encoding="utf-8")
    (latex,) = [path for path in sorted((folder / "tables").glob("*.tex"))][:1]
    assert r"Price level (\$\$)" in latex.read_text() and r"a\_b \& 50\%" in latex.read_text()
    assert "<td>Price level ($$)</td>" in (folder / "report.html").read_text(encoding="utf-8")
