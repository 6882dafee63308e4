"""Two of each step at once: the second ends with an error of one sentence and changes nothing."""

import json
from pathlib import Path

import pytest

import tiny_run
from multiweight.base import lock
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.commands import (
    build_lmdb,
    clean_dataset,
    evaluate,
    extract_features,
    import_dataset,
    make_prototxt,
    make_sample_shop,
    make_subset,
    report,
    run_study,
    split,
    train,
    verify_lmdb,
)
from multiweight.evaluate import evaluation

STUDY = """dataset: tiny
size: 72
net: {crop: 67, width: 0.0625}
iterations: 4
seeds: [1]
search: {rates: [0.001], iterations: 2}
experiments:
  - {name: core, methods: [multi_label]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop that is packed, and a run that is written."""
    runs = tmp_path_factory.mktemp("runs")
    dataset = tiny_run.make(runs)
    assert evaluation.evaluate(dataset.run("random"))
    (runs / "study").mkdir()
    (runs / "study" / "study.yaml").write_text(STUDY)
    return dataset


STEPS = [
    (make_sample_shop, ["{runs}/shop", "--products", "41"], "{runs}/shop"),
    (import_dataset, ["{runs}/shop", "{where}", "--min-products", "3"], "{data}"),
    (clean_dataset, ["{where}"], "{data}"),
    (split, ["{where}", "--seed", "2"], "{data}"),
    (build_lmdb, ["{where}", "--size", "80", "--engine", "torch"], "{data}"),
    (make_subset, ["{where}", "--name", "two", "--large", "Color", "--small", "Pattern", "--ratio", "2"], "{two}"),
    (make_prototxt, ["{where}", "--variant", "multi_label", "--overwrite"], "{run}"),
    (train, ["{where}", "--variant", "multi_label", "--gpu", "none"], "{run}"),
    (extract_features, ["{where}", "--untrained", "--gpu", "none"], "{untrained}"),
    (evaluate, ["{where}", "--random", "--k", "7"], "{random}"),
    (report, ["{where}"], "{report}"),
    (verify_lmdb, ["{where}"], "{data}"),
    (run_study, ["{runs}/study", "--runs", "{runs}"], "{logs}"),
]


@pytest.mark.parametrize("step, arguments, folder", STEPS, ids=[step.__name__.split(".")[-1] for step, _, _ in STEPS])
def test_the_second_is_refused(shop, step, arguments, folder, monkeypatch):
    runs = shop.root.parent
    places = {
        "runs": runs, "data": shop.data, "run": shop.run("multi_label").root, "two": Dataset("two", runs).data,
        "untrained": shop.run("untrained").root, "random": shop.run("random").root, "report": shop.report,
        "logs": runs / "tiny-logs",
    }  # fmt: skip
    words = tiny_run.arguments(arguments, **places)
    if "--overwrite" not in words and step in (make_sample_shop, import_dataset, split, build_lmdb):
        words.append("--overwrite")
    held = folder.format(**places)
    name = lock.RESULTS if step in (extract_features, evaluate) else lock.IN_USE
    other = {"process": 1, "host": "elsewhere", "step": "the other", "since": "2026-01-02 03:04:05"}

    @lock.scope
    def meanwhile():
        lock.hold(Path(held), "the other", name=name)
        (Path(held) / name).write_text(json.dumps(other) + "\n")
        # As another process sees it: this one's own memory of what it holds is not there.
        with monkeypatch.context() as patch:
            patch.setattr(lock, "_held", set())
            with pytest.raises(UserError, match="in use by process 1 on elsewhere .the other, since 2026-01-02"):
                step.main(words)

    before = {path: path.stat().st_mtime_ns for path in shop.data.glob("*.csv")}
    meanwhile()
    assert before == {path: path.stat().st_mtime_ns for path in shop.data.glob("*.csv")}


def test_packing_is_refused_while_a_training_reads_the_data(shop, monkeypatch):
    where = ["--dataset", "tiny", "--runs", str(shop.root.parent), "--engine", "torch"]

    @lock.scope
    def meanwhile():
        lock.hold(shop.data, "train", shared=True)
        with monkeypatch.context() as patch:
            patch.setattr(lock, "_held", set())
            with pytest.raises(UserError, match=r"\(train, since"):
                build_lmdb.main([*where, "--size", "80", "--overwrite"])
            # What is packed already disturbs no one.
            assert build_lmdb.main([*where, "--size", "72"]) == 0

    meanwhile()


def test_a_step_on_what_is_not_there_leaves_no_folder(shop):
    runs = shop.root.parent
    before = sorted(path.name for path in shop.root.iterdir())
    with pytest.raises(UserError, match="write the nets first.*the runs there are multi_label"):
        extract_features.main(["--dataset", "tiny", "--runs", str(runs), "--variant", "multiwait", "--gpu", "none"])
    with pytest.raises(UserError, match="no such file"):
        evaluate.main(["--dataset", "tinny", "--runs", str(runs), "--random"])
    assert not (runs / "tinny").exists() and sorted(path.name for path in shop.root.iterdir()) == before
