"""Files of the steps' own, damaged or edited, met by the steps that read them: one line that names the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tiny_run
from multiweight.base.errors import run_tool
from multiweight.base.paths import Dataset
from multiweight.commands import (
    annotate,
    build_lmdb,
    clean_dataset,
    evaluate,
    extract_features,
    import_dataset,
    make_prototxt,
    make_subset,
    report,
    search,
    split,
    train,
    verify_lmdb,
)

CPU = ["--gpu", "none"]
RUN = ["--variant", "multi_label"]
SUBSET = ["--name", "two", "--large", "Garment", "--small", "Brooch", "--ratio", "1", "--kind", "dependent"]
STEPS = {
    "import": (import_dataset, ["{runs}/shop"]),
    "clean": (clean_dataset, []),
    "split": (split, []),
    "pack": (build_lmdb, ["--size", "72", "--engine", "torch"]),
    "pack again": (build_lmdb, ["--size", "72", "--engine", "torch", "--overwrite"]),
    "verify": (verify_lmdb, ["--engine", "torch"]),
    "subset": (make_subset, SUBSET),
    "nets": (make_prototxt, [*RUN, *tiny_run.NET]),
    "other nets": (make_prototxt, ["--variant", "multi_task", *tiny_run.NET]),
    "train": (train, [*RUN, *CPU]),
    "go on": (train, [*RUN, *CPU]),
    "extract": (extract_features, [*RUN, *CPU, "--iteration", "3"]),
    "evaluate": (evaluate, [*RUN]),
    "evaluate anew": (evaluate, [*RUN, "--k", "7"]),
    "report": (report, ["--gallery", "2"]),
    "annotate": (annotate, [*RUN, *CPU, "{photo}"]),
    "search": (search, [*RUN, *CPU, "{photo}"]),
}
JSON = ["", "{}", "[]", '{"settings": {}}', '{"settings": 3, "counts": 4, "groups": 5, "test": 6}', "\0\0\0"]
#: file -> (what it holds, by number of the case; the steps that read it).
FILES: dict[str, tuple[list[str], list[str]]] = {
    "data/import.json": (JSON, ["import", "pack again", "subset"]),
    "data/split.json": (JSON, ["split"]),
    "data/dataset.json": (JSON, ["pack", "verify", "other nets"]),
    "data/catalog.yaml": (["", "{}", "groups: 3", "groups: {Colour: {labels: x}}"], ["clean", "other nets", "search"]),
    "data/records.csv": (["", "image\n", "image,product,labels\na.jpg\n"], ["clean", "subset"]),
    "data/train.csv": (["", "a,b\n1,2\n", "image,product,labels\na.jpg,1,No=such\n"], ["pack again"]),
    "data/test_packed.csv": (["", "key\n1\n"], ["verify", "search", "evaluate anew"]),
    "data/mean.binaryproto": (["", "{}", "\0" * 900], ["verify", "extract", "annotate"]),
    "multi_label/settings.json": (JSON[:-2], ["nets"]),
    "multi_label/train_val.prototxt": (["", "{}", 'name: "x" layer { nme: "y" }', "\0" * 300], ["go on"]),
    "multi_label/solver.prototxt": (["base_l: 0.1", "{}", "base_lr: fast", "\0" * 300], ["train", "go on"]),
    "multi_label/deploy.prototxt": (["{}", 'layer { typ: "x" }', "\0" * 300], ["extract", "annotate"]),
    "multi_label/train.json": (JSON, ["train"]),
    "multi_label/log.csv": (["a,b\n", "iteration,phase,loss\nx,train,1\n1,train,2\n"], ["go on", "report"]),
    "multi_label/snapshots/multi_label_iter_3.training.json": (
        ["[]", '{"sums": 3}', '{"count": "x"}'],
        ["go on"],
    ),
    "multi_label/snapshots/multi_label_iter_3.caffemodel": (["", "{}", "\0" * 300], ["go on", "extract"]),
    "multi_label/snapshots/multi_label_iter_3.solverstate": (["{}", "\0" * 300], ["go on"]),
    "multi_label/snapshots/multi_label_iter_3.resume.0.json": (["[]", '{"format": 1}', "{"], ["go on"]),
    "multi_label/features.h5": (["", "{}", "\0" * 300], ["evaluate", "search"]),
    "multi_label/retrieval.h5": (["", "{}", "\0" * 300], ["report"]),
    "multi_label/evaluation.json": (JSON, ["evaluate anew", "report"]),
}
CASES = [(file, text, step) for file, (texts, steps) in FILES.items() for text in texts for step in steps]


@pytest.fixture(scope="module")
def undamaged_runs(tmp_path_factory) -> Path:
    """The folder of all runs after a training, its features, their scores and a report."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    tiny_run.make(runs)
    for step, arguments in (
        (train, [*RUN, *CPU]), (extract_features, [*RUN, *CPU, "--untrained"]), (evaluate, ["--all", "--random"]),
    ):  # fmt: skip
        assert step.main([*tiny_run.where(runs), *arguments]) == 0
    return runs


@pytest.fixture
def runs(undamaged_runs, tmp_path, request) -> Path:
    target = tmp_path / "runs"
    shutil.copytree(undamaged_runs, target)
    shop = (target / "tiny/data/import.json").read_text().replace(str(undamaged_runs), str(target))
    (target / "tiny/data/import.json").write_text(shop)
    if request.node.callspec.params["step"] == "go on":
        run = Dataset("tiny", target).run("multi_label")
        run.training.unlink()
        for path in run.snapshots.glob("*_iter_4.*"):
            path.unlink()
    return target


def command_line(name, runs):
    step, arguments = STEPS[name]
    photo = next((runs / "shop").rglob("*.jpg"))
    return step, tiny_run.arguments([*arguments, "{where}"], runs, photo=photo)


@pytest.mark.parametrize("file, text, step", CASES, ids=[f"{f}-{s}-{t[:12]!r}" for f, t, s in CASES])
def test_a_damaged_file_is_one_line_or_made_again(file, text, step, runs, capsys):
    path = runs / "tiny" / file
    path.write_text(text)
    called, words = command_line(step, runs)
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        run_tool(lambda: called.main(words))
    error_lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    if caught.value.code == 0:
        assert not error_lines and (path.read_text(errors="replace") != text or text in ("{}", "")), "it was made again"
    else:
        assert caught.value.code == 2 and len(error_lines) == 1 and len(error_lines[0]) < 1500
        assert path.name in error_lines[0] or path.stem.partition(".")[0] in error_lines[0]
