"""make: which variables it takes, what help lists, and the flags that it gives the steps."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from checkout import REPOSITORY

from multiweight.base import make_variables

STEP = REPOSITORY / "tools" / "make" / "step.py"
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")


def surroundings() -> dict[str, str]:
    """This process's environment without what make would take for its variables, and without Python's paths."""
    hidden = {*variables(), "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in hidden}


def make(*words: str, cwd=REPOSITORY) -> subprocess.CompletedProcess[str]:
    """make, by the tests' own interpreter and without the environment that it would set up first."""
    command = ["make", "READY=", f"PY={sys.executable}", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=surroundings(), timeout=200)


def listed(kind: str) -> list[str]:
    return " ".join(re.findall(rf"^## ({kind}+)  ", MAKEFILE, re.MULTILINE)).split()


def variables() -> list[str]:
    return listed("[A-Z_ ]")


def flags(step: str, **variables: str) -> list[str]:
    command = [sys.executable, str(STEP), "--print", step]
    done = subprocess.run(command, env={**surroundings(), **variables}, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return shlex.split(done.stdout)


def refused(step: str, **given: str) -> str:
    command = [sys.executable, str(STEP), "--print", step]
    done = subprocess.run(command, env={**surroundings(), **given}, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize("word, nearest", [("ITERATION=100", "ITERATIONS"), ("SCHEMA=smoothed", "SCHEME")])
def test_a_misspelt_variable_is_an_error_that_names_the_nearest(word, nearest):
    done = make("demo", word)
    name = word.partition("=")[0]
    assert done.returncode == 2 and f"{name} is no variable of make's here: did you mean {nearest}?" in done.stderr
    assert done.stdout == "", "nothing has run"


def test_help_needs_no_environment_and_fits_a_screen(tmp_path):
    for name in ("Makefile", "tools"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "bin").mkdir()
    for name in ("sh", "sed"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    texts = []
    for words in ([], ["help"]):
        path = {"PATH": str(tmp_path / "bin")}
        command = [shutil.which("make") or "make", *words]
        done = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    lines = texts[0].splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 130
    assert any(line.startswith("demo: everything") for line in lines)
    assert any(line.startswith("ITERATIONS LR STEPSIZE SEED: length of a training") for line in lines)


def test_help_lists_every_target_and_no_other():
    rules = set(re.findall(r"^([a-z][a-z -]*):(?![=])", MAKEFILE, re.MULTILINE))
    targets = {name for rule in rules for name in rule.split()} - {"help"}
    assert set(listed("[a-z -]")) == targets


def test_every_variable_of_the_makefile_and_of_the_steps_is_listed():
    own = set("PY READY WHOLE ROOMS STEP VARIABLES UNKNOWN_OF BENCHMARKS DOCKER_BUILD MAKE SUDO_UID SUDO_GID".split())
    used = set(re.findall(r"\$\(([A-Z_]+)\)", MAKEFILE))
    used.update(re.findall(r"^([A-Z_]+) *[?:]?=", MAKEFILE, re.MULTILINE))
    steps = set(" ".join(make_variables.STEPS.values()).split())
    assert (used - own) | steps <= set(variables())


@pytest.mark.parametrize("step", sorted(make_variables.STEPS))
def test_the_steps_know_the_flags_that_make_gives(step, tmp_path):
    values = {name: "1" for name in variables() if name not in ("NET", "RUNS", "DATA", "SETTINGS")}
    choices = {"LOSS": "builtin", "TRUNK": "vgg16", "OBJECTIVE": "focal", "RESIZE": "pad", "UNKNOWN": "ignore",
               "VIEWS": "mirror", "METRIC": "euclidean", "DENOMINATOR": "all", "CANDIDATES": "group",
               "KIND": "dependent", "ENGINE": "torch", "DEDUPE": ""}  # fmt: skip
    (tmp_path / "shop.csv").write_text("image,product\n")
    tool, *words = flags(step, **{**values, **choices, "DATA": str(tmp_path), "NET": "--crop 67"})
    assert tool == f"tools/{step.replace('-', '_')}.py"
    parser = importlib.import_module(f"multiweight.commands.{step.replace('-', '_')}").parser()
    parser.parse_args(words)


def test_what_belongs_to_a_scheme_needs_one():
    for setting in ("C=2", "RESCALE=1", "OBJECTIVE=focal"):
        done = make("prototxt", setting, "-n")
        assert done.returncode == 2 and "need SCHEME=" in done.stderr
        assert make("prototxt", setting, "SCHEME=smoothed", "-n").returncode == 0


def test_switches_lists_and_empty_variables():
    assert "--overwrite" in flags("split", OVERWRITE="1") and "--overwrite" not in flags("split", OVERWRITE="0")
    assert flags("report", SUBSETS="a b")[-4:] == ["--subset", "a", "--subset", "b"]
    assert "--base-lr" not in flags("make-prototxt")
    words = flags("make-prototxt", LR="")
    assert words[words.index("--base-lr") + 1] == "none", "LR= takes the rule"
    assert flags("train", GPU="0,1")[-1] == "0,1" and flags("extract-features", GPU="0,1")[-1] == "0"
    assert flags("make-prototxt", NET="--test-interval 20 --crop 67")[-4:] == ["--test-interval", "20", "--crop", "67"]


@pytest.mark.parametrize("value", ["0", "no", "No", "NO", "off", "Off", "false", "False", "n", ""])
def test_what_says_no_neither_overwrites_nor_cleans(value):
    assert "--overwrite" not in flags("split", OVERWRITE=value)
    assert "clean_dataset" not in make("split", f"CLEAN={value}", "-n", "READY=").stdout.replace("-", "_")


def test_what_says_yes_and_what_says_neither():
    for value in ("1", "yes", "TRUE", "on"):
        assert "--overwrite" in flags("split", OVERWRITE=value)
    assert "clean_dataset" in make("split", "CLEAN=1", "-n", "READY=").stdout.replace("-", "_")
    assert refused("split", OVERWRITE="2") == "error: OVERWRITE=2: expected 1 or 0\n"


def test_odd_quotes_and_names_that_begin_with_a_dash():
    assert (
        refused("make-prototxt", NET="--crop '67") == "error: NET=--crop '67: No closing quotation: check its quotes\n"
    )
    assert flags("import-dataset", DATA="-x")[1:4] == ["./-x", "--dataset", "x"]
    assert flags("search", PHOTO="-x.jpg")[1] == "./-x.jpg"
    assert refused("import-dataset", DATA="/") == "error: DATA=/: give the dataset a name: DATASET=\n"


def test_the_drawn_shop_and_photos_have_settings_of_their_own():
    assert "drawn-shop" in flags("build-lmdb", DATA="runs/../runs/sample-shop/shop") and "drawn-shop" in flags("split")
    assert "photos" in flags("build-lmdb", DATA="elsewhere") and "mine.yaml" in flags(
        "build-lmdb", SETTINGS="mine.yaml"
    )


def test_spaces_and_chinese_from_a_shop_to_nets(tmp_path):
    """DATA, RUNS and PHOTO with a space and in Chinese, and settings from a file of variables."""
    runs, shop = tmp_path / "我的 runs", tmp_path / "照片 shop"
    done = make("shop", f"RUNS={runs}", "PRODUCTS=24")
    assert done.returncode == 0, done.stderr
    (runs / "sample-shop" / "shop").rename(shop)
    mine = tmp_path / "my.mk"
    mine.write_text("SIZE = 72\nBATCH = 8\nWIDTH = 0.0625\nITERATIONS = 10\n")
    words = (f"RUNS={runs}", f"DATA={shop}", f"SETTINGS={mine}", "NET=--crop 67")
    done = make("lmdb", "prototxt", *words, "SCHEME=smoothed", "BATCH=4")
    assert done.returncode == 0, done.stderr
    settings = json.loads((runs / "照片-shop" / "smoothed-c3" / "settings.json").read_text(encoding="utf-8"))
    assert settings["dataset"] == "照片-shop"
    net, solver = settings["net"], settings["solver"]
    assert (net["size"], net["crop"], net["width"], net["batch_size"]) == (72, 67, 0.0625, 4), "the command line wins"
    assert (solver["iterations"], solver["stepsize"], solver["base_lr"]) == (10, 8, 0.001)
    photo = next((shop / "images").iterdir()).rename(shop / "一 photo.jpg")
    done = make("annotate", *words, f"PHOTO={photo}")
    assert done.returncode == 2 and "no trained run" in done.stderr and str(photo) in shlex.split(done.stderr)


def test_a_file_of_variables_with_a_misspelt_one_warns(tmp_path):
    mine = tmp_path / "my.mk"
    mine.write_text("ITERATION = 10\n")
    done = make("-n", "prototxt", f"SETTINGS={mine}")
    assert (
        done.returncode == 0
        and "my.mk: ITERATION is no variable of make's here: did you mean ITERATIONS?" in done.stderr
    )


def test_targets_that_miss_something_say_what(tmp_path):
    done = make("keywords", f"DATA={tmp_path}")
    assert done.returncode == 2 and "shop.csv or shop.jsonl" in done.stderr
    done = make("annotate")
    assert done.returncode == 2 and "make annotate needs PHOTO=FILE" in done.stderr
    done = make("train")
    assert done.returncode == 2 and "make train needs SCHEME=" in done.stderr
