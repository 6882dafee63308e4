"""The steps on folders that may only be read and on a full disk: one line with the file; the same command goes on."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

import tiny_run
from multiweight.base.errors import run_tool
from multiweight.base.paths import Dataset
from multiweight.commands import (
    annotate,
    build_catalog,
    build_lmdb,
    clean_dataset,
    describe_dataset,
    evaluate,
    export,
    extract_features,
    import_dataset,
    make_prototxt,
    make_sample_shop,
    make_subset,
    report,
    search,
    show_lmdb,
    split,
    train,
    verify_lmdb,
)

NOBODY = 65534
NET = ["--variant", "multi_label", *tiny_run.NET]
CPU = ["--gpu", "none"]
SUBSET = ["--name", "two", "--large", "Garment", "--small", "Brooch", "--ratio", "1", "--kind", "dependent"]
PACKED = ["--size", "72", "--engine", "torch", "--overwrite"]
#: Each step with work to do, in an order in which each can, and a file that it writes: below the dataset's folder.
STEPS = [
    (make_sample_shop, ["{runs}/shop", "--products", "40", "--size", "72", "--overwrite"], "../shop/shop.json"),
    (import_dataset, ["{runs}/shop", "{where}", "--overwrite"], "data/records.csv"),
    (clean_dataset, ["{where}", "--overwrite"], "data/cleaned.csv"),
    (split, ["{where}", "--overwrite"], "data/train.csv"),
    (describe_dataset, ["{where}"], "data/statistics.png"),
    (build_lmdb, ["{where}", *PACKED], "data/train_packed.csv"),
    (verify_lmdb, ["{where}"], "data/verify.json"),
    (show_lmdb, ["{where}", "--count", "2"], "data/train_sheet.png"),
    (make_subset, ["{where}", *SUBSET, "--overwrite"], "../two/data/subset.json"),
    (make_prototxt, ["{where}", *NET, "--overwrite"], "multi_label/settings.json"),
    (train, ["{where}", *CPU, "--variant", "multi_label"], "multi_label/train.json"),
    (extract_features, ["{where}", *CPU, "--all"], "multi_label/features.h5.part.json"),
    (evaluate, ["{where}", "--all", "--random"], "random/evaluation.json"),
    (report, ["{where}"], "report/report.md"),
    (export, ["{where}"], "multi_label/export/catalog.json"),
    (search, ["{where}", *CPU, "--html", "{runs}/found.html", "{photo}"], "../found.html"),
    (annotate, ["{where}", *CPU, "--draw", "{runs}/drawn", "{photo}"], "../drawn"),
    (build_catalog, ["{runs}/texts.csv"], "../keywords.yaml"),
]  # fmt: skip
NAMES = [step.__name__.rpartition(".")[2] for step, _, _ in STEPS]


@pytest.fixture(scope="module")
def states(tmp_path_factory) -> dict[str, Path]:
    """The folder of all runs as each step finds it; that every step has run here once loads what it imports."""
    base = tmp_path_factory.mktemp("states")
    base.chmod(0o755)  # records name the shop there
    runs = base / "now" / "runs"
    tiny_run.make(runs)
    (runs / "texts.csv").write_text("text\n" + "red cotton shirt with long sleeves\n" * 30)
    result = {}
    for name, (step, arguments, _) in zip(NAMES, STEPS):
        result[name] = base / name
        shutil.copytree(runs, result[name])
        assert step.main(command_line(arguments, runs)) == 0, name
    return result


@pytest.fixture
def runs(states, request, tmp_path) -> Path:
    """A folder of runs for the step of the test, of the same depth as where its files were written."""
    target = tmp_path / "now" / "runs"
    shutil.copytree(states[request.node.callspec.params["name"]], target)
    return target


def command_line(templates, runs):
    return tiny_run.arguments(templates, runs, photo=next((runs / "shop").rglob("*.jpg")))


def ended(capsys, action):
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        run_tool(action)
    return caught.value.code, [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


@contextmanager
def only_to_read(folder: Path):
    """The folder for one who may not write there: root may everywhere, and becomes another user."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    above = [path for path in folder.parents if os.geteuid() == 0 and path.stat().st_mode & 0o005 != 0o005]
    for path in above:
        path.chmod(path.stat().st_mode | 0o005)
    own = os.geteuid()
    if own == 0:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if own == 0:
            os.seteuid(0)
            os.setegid(0)
        for path in above:
            path.chmod(path.stat().st_mode & ~0o005)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("name, step, arguments", [(n, s, a) for n, (s, a, _) in zip(NAMES, STEPS)], ids=NAMES)
def test_a_folder_that_may_only_be_read_is_one_line(name, step, arguments, runs, capsys):
    words = command_line(arguments, runs)
    with only_to_read(runs):
        status, error_lines = ended(capsys, lambda: step.main(words))
    assert status == 2 and len(error_lines) == 1
    assert str(runs) in error_lines[0] and "ermission denied" in error_lines[0]


@pytest.mark.parametrize("name, step, arguments, file", [(name, *case) for name, case in zip(NAMES, STEPS)], ids=NAMES)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(name, step, arguments, file, runs, capsys):
    words = command_line(arguments, runs)
    path = Dataset("tiny", runs).root / file
    if name == "annotate":
        path = path / f"{Path(words[-1]).name}.labels.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{path}.partial").symlink_to("/dev/full")
    status, error_lines = ended(capsys, lambda: step.main(words))
    assert status == 2 and len(error_lines) == 1
    assert path.name in error_lines[0] and "No space left on device" in error_lines[0]
    assert step.main(words) == 0 and not list(path.parent.glob("*.partial"))
