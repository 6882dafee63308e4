"""A run's settings in a YAML file: the committed files, what overrides them, and the errors for mistakes."""

from __future__ import annotations

import argparse

import pytest

from multiweight.base.errors import UserError
from multiweight.commands import evaluate, extract_features, make_prototxt, make_subset, report, split
from multiweight.evaluate import settings as scoring
from multiweight.features import settings as features
from multiweight.nets.settings import NetSettings
from multiweight.prepare import subsets
from multiweight.report import settings as shown
from multiweight.settings import run_file


def parsed(*words: str) -> argparse.Namespace:
    p = argparse.ArgumentParser()
    run_file.flags(p, "net", "solver")
    return p.parse_args(words)


def test_the_committed_files_are_the_runs_of_the_pages():
    small = {"trunk": "alexnet", "width": 0.5, "batch_size": 32}
    shop, photos, paper = (run_file.load(name) for name in ("drawn-shop", "photos", "paper"))
    assert set(run_file.SHIPPED) == {"drawn-shop", "photos", "paper"}
    assert photos["net"] == small and shop["net"] == {**small, "trunk": "alexnet_bn", "dropout": 0.0}
    assert shop["pack"]["size"] == photos["pack"]["size"] == 96
    assert shop["solver"] == {"iterations": 800, "base_lr": 0.01, "seed": 1}
    assert photos["solver"] == {"iterations": 12000, "base_lr": 0.001, "seed": 1}
    assert paper["pack"]["size"] == 256 and paper["solver"]["stepsize"] == 100_000
    assert paper["solver"]["base_lr"] is None, "by the rule"
    assert photos["pack"]["unknown"] == "no", "a word, not a truth value"


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("net: {width: 1, mirror: false}\nsolver: {iterations: 50, base_lr: 0.01}\n")
    args = parsed("--settings", str(path), "--width", "0.25", "--base-lr", "none")
    assert run_file.chosen(args, "net") == {"width": 0.25, "mirror": False}
    assert run_file.settings(args, "net") == NetSettings(width=0.25, mirror=False)
    assert run_file.chosen(args, "solver") == {"iterations": 50, "base_lr": None}
    assert run_file.chosen(parsed("--no-mirror", "--decay-by-gamma"), "net") == {
        "mirror": False,
        "decay_by_gamma": True,
    }
    assert run_file.chosen(parsed("--settings", str(path), "--mirror"), "net")["mirror"] is True


def test_the_steps_after_training_read_the_file_and_their_flags_win(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("subset: {ratio: 2}\nfeatures: {views: mirror, batch: 5}\nevaluate: {k: 7}\nreport: {gallery: 0}\n")
    for module, section, words, settings in (
        (make_subset, "subset", ["--name=a", "--large=b", "--small=c", "--seed=3"], subsets.Settings(2.0, seed=3)),
        (extract_features, "features", ["--batch=9"], features.Settings(views="mirror", batch=9)),
        (evaluate, "evaluate", ["--float16", "--memory=64"], scoring.Settings(k=7, float16=True, memory=64)),
        (report, "report", ["--failures-first"], shown.Settings(gallery=0, failures_first=True)),
    ):
        args = module.parser().parse_args(["--dataset=x", "--settings", str(path), *words])
        assert run_file.settings(args, section) == settings
        args = module.parser().parse_args(["--dataset=x", "--settings", "photos", *words[:3]])
        run_file.settings(args, section)


@pytest.mark.parametrize(
    "kind, values, message",
    [
        (features.Settings, dict(batch=0), "batch 0: expected 1 or more"),
        (scoring.Settings, dict(memory=0), "memory 0: expected 1 or more, in MB"),
        (scoring.Settings, dict(metric="angle"), "metric 'angle' is unknown: expected one of cosine, euclidean"),
        (shown.Settings, dict(gallery=-1), "gallery -1: expected 0 or more"),
    ],
)
def test_a_setting_out_of_range_is_named(kind, values, message):
    with pytest.raises(UserError, match=message):
        kind(**values)


def test_a_method_of_the_paper_has_solver_settings_of_its_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("solver: {iterations: 50, base_lr: 0.01}\nmethods:\n  multi_weight: {base_lr: 0.04}\n")
    args = parsed("--settings", str(path))
    assert run_file.chosen(args, "solver", "multi_weight") == {"iterations": 50, "base_lr": 0.04}
    assert run_file.chosen(args, "solver", "multi_task") == {"iterations": 50, "base_lr": 0.01}
    assert run_file.chosen(args, "solver") == {"iterations": 50, "base_lr": 0.01}
    assert "base_lr" not in run_file.chosen(args, "net", "multi_weight")
    arguments = parsed("--settings", str(path), "--base-lr", "0.5")
    assert run_file.chosen(arguments, "solver", "multi_weight")["base_lr"] == 0.5


def test_the_help_tells_each_default_once():
    text = " ".join(make_prototxt.parser().format_help().split())
    assert "images per training iteration (default: 256)" in text
    assert "half of" not in text and text.count("(default: none)") == 0
    assert text.count("--width") == 2 and "--no-mirror no random mirroring in training" in text


@pytest.mark.parametrize(
    "text, message",
    [
        ("methods: {multiweight: {base_lr: 1}}\n", "mine.yaml:1: methods: method 'multiweight' is unknown"),
        ("methods:\n  multi_weight: {width: 1}\n", "mine.yaml:2: methods: multi_weight: key 'width' is unknown"),
        ("nets: {width: 1}\n", r"mine.yaml:1: section 'nets' is unknown: did you mean net\?"),
        ("net:\n  widht: 1\n", r"mine.yaml:2: net: key 'widht' is unknown: did you mean width\?"),
        ("net:\n  head: multi_task\n", "mine.yaml:2: net: key 'head' is unknown"),
        ("net:\n  batch_size: 1.5\n", "mine.yaml:2: net: batch_size: '1.5': expected a whole number"),
        ("net:\n  mirror: no\n", "mine.yaml:2: net: mirror: 'no': expected true or false"),
        ("net:\n\n  trunk: lenet\n", "mine.yaml:3: net: trunk: 'lenet': expected one of alexnet"),
        ("net: 3\n", "mine.yaml:1: net: '3': expected a mapping"),
        ("pack: {size: }\n", "mine.yaml:1: pack: size: '': expected a whole number"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        run_file.load(path)


def test_a_name_that_is_no_file(tmp_path):
    with pytest.raises(
        UserError, match=r"settings phtos: expected drawn-shop, paper, photos, or a file that ends in .yaml"
    ):
        run_file.load("phtos")
    with pytest.raises(UserError, match="absent.yaml"):
        run_file.load(tmp_path / "absent.yaml")


def test_two_ways_with_alike_photos_do_not_go_together(tmp_path):
    with pytest.raises(UserError, match="give one of them"):
        split.main(["--dataset", "x", "--runs", str(tmp_path), "--near-duplicates", "--dedupe"])
