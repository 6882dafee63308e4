"""The data tools as a person runs them: one after the other, again, and with mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import REPOSITORY

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "multiweight"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "multiweight" / "datasets"))

import test_deepfashion  # noqa: E402
import test_fashion_product_images  # noqa: E402
import test_imaterialist  # noqa: E402
import test_shop_table  # noqa: E402


def run(tool, *arguments, cwd):
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "tools" / tool), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
    )


STEPS = [
    ("make_sample_shop.py", "shop", "--products", "30", "--size", "48"),
    ("import_dataset.py", "shop", "--dataset", "small"),
    ("split.py", "--dataset", "small"),
    ("build_lmdb.py", "--dataset", "small", "--size", "32"),
]


def test_the_whole_way(tmp_path):
    for step in STEPS:
        done = run(*step, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "skipped" not in done.stdout
    done = run("verify_lmdb.py", "--dataset", "small", cwd=tmp_path)
    assert done.returncode == 0 and "sound: train" in done.stdout
    for step in STEPS:
        done = run(*step, cwd=tmp_path)
        assert done.returncode == 0 and "skipped, already" in done.stdout
    done = run("build_lmdb.py", "--dataset", "small", "--size", "64", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout.count("\n") == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "--overwrite" in done.stderr


SOURCES = {
    "shop": test_shop_table.shop,
    "fashion": test_fashion_product_images.kaggle,
    "deepfashion": test_deepfashion.published,
    "imaterialist": test_imaterialist.published,
}


@pytest.mark.parametrize("name", SOURCES)
def test_one_command_a_source(tmp_path, name):
    SOURCES[name](tmp_path / "set")
    arguments = ["--dataset", name, "--min-products", "1", "--max-bad", "0.6"]
    done = run("import_dataset.py", "set", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("imported ")
    assert (tmp_path / "runs" / name / "data" / "records.csv").exists()
    done = run("describe_dataset.py", "--dataset", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "runs" / name / "data" / "statistics.md").read_text()
    assert "| proportion |" in page and "1.0000" in page


@pytest.mark.parametrize(("name", "folder"), [*zip(SOURCES, ["my-shop", "fashion-product-images", *list(SOURCES)[2:]])])
def test_the_guides_line_of_a_source(tmp_path, name, folder):
    """Its import, by make with the line's own settings; the sets here are too small, and too broken, for the rest."""
    readme = (REPOSITORY / "docs" / "GUIDE.md").read_text(encoding="utf-8")
    (line,) = [x.partition("#")[0].split() for x in readme.splitlines() if x.startswith(f"    make lmdb DATA={folder} ")
               and "CLEAN" not in x]  # fmt: skip
    SOURCES[name](tmp_path / folder)
    settings = [f"DATA={tmp_path / folder}", *line[3:], f"RUNS={tmp_path / 'runs'}", "READY=", f"PY={sys.executable}"]
    done = subprocess.run(
        ["make", "records", *settings, "MAX_BAD=0.6"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "python")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / folder / "data" / "records.csv").exists(), done.stdout


def test_keywords_cleaning_split_options_subset_and_sheet(tmp_path):
    assert run(*STEPS[0], cwd=tmp_path).returncode == 0
    (tmp_path / "texts.csv").write_text("title\n" + "Red silk scarf\n" * 9 + "Blue wool hat\n" * 9)
    for number in (1, 2):
        done = run(
            "build_catalog.py", "texts.csv", "--column", "title", "--keywords", "k.yaml", "--min-count", 5, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert f"{'0' if number == 1 else '1'} groups and" in done.stdout
        text = (tmp_path / "k.yaml").read_text()
        assert ("  silk:\n" in text) == (number == 1)
        (tmp_path / "k.yaml").write_text("groups:\n  Material:\n    silk: [silk]\ndrop: [hat]\n")
    assert "silk (9)" in (tmp_path / "k_report.md").read_text()
    where = ["--dataset", "small"]
    for step in (
        STEPS[1],
        ("clean_dataset.py", *where),
        ("split.py", *where, "--dedupe"),
        STEPS[3],
        ("show_lmdb.py", *where, "--count", 5),
        (
            "make_subset.py",
            *where,
            "--name",
            "two",
            "--large",
            "Garment",
            "--small",
            "Hood",
            "--ratio",
            3,
            "--kind",
            "dependent",
        ),
        ("split.py", "--dataset", "two"),
    ):
        done = run(*step, cwd=tmp_path)
        assert done.returncode == 0, (step, done.stdout, done.stderr)
    assert (tmp_path / "runs/small/data/train_sheet.png").read_bytes()[:4] == b"\x89PNG"
    done = run("build_catalog.py", "texts.csv", "--column", "name", cwd=tmp_path)
    assert done.returncode == 2 and "no column 'name': found title" in done.stderr


def test_shards_by_hand(tmp_path):
    for step in STEPS[:3]:
        assert run(*step, cwd=tmp_path).returncode == 0
    for number in (2, 1):
        done = run(*STEPS[3], "--shard", f"{number}/2", cwd=tmp_path)
        assert done.returncode == 0 and "--merge 2" in done.stdout, done.stderr
    done = run("build_lmdb.py", "--dataset", "small", "--merge", "2", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[-1].startswith("packed train"), done.stderr
    assert run("verify_lmdb.py", "--dataset", "small", cwd=tmp_path).returncode == 0
    assert run(*STEPS[3], "--shard", "3/2", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    "tool",
    [
        "import_dataset.py",
        "clean_dataset.py",
        "split.py",
        "describe_dataset.py",
        "build_lmdb.py",
        "verify_lmdb.py",
        "show_lmdb.py",
    ],
)
def test_a_mistake_is_one_line(tmp_path, tool):
    data = ["nowhere"] if tool == "import_dataset.py" else []
    done = run(tool, *data, "--dataset", "none", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    assert run(tool, "--help", cwd=tmp_path).returncode == 0
