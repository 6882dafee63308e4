"""README and the pages: short, without paths of one machine; links, files, commands and flags that they name exist."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
OTHERS = ("CONTRIBUTING.md", "data/README.md", "prototxt/README.md", "docker/README.md", "data/eclothing/README.md")
ALL_PAGES = [*PAGES, *(REPOSITORY / name for name in (*OTHERS, "data/fashion-product-images/README.md"))]
FOLDERS = ("python", "tools", "tests", "benchmarks", "docker", "docs", "data", "prototxt", "examples")
FILES = {path.relative_to(REPOSITORY).as_posix() for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.*")}
#: Of TensorBoard and torchrun.
FLAGS_ELSEWHERE = {"--logdir", "--nproc_per_node"}


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def anchors(page: Path) -> set[str]:
    """The ids that a page's headings have on the web: lower case, hyphens for spaces, other punctuation dropped."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def flags() -> set[str]:
    """Flags of the commands, of make's scripts and of benchmarks, as their sources spell or make them."""
    known = set(FLAGS_ELSEWHERE)
    for name in FILES:
        if name.endswith((".py", ".sh")) and not name.startswith("tests/"):
            source = (REPOSITORY / name).read_text(encoding="utf-8")
            known.update(re.findall(r"--[a-z][\w-]*", source))
            known.update("--" + name for name in re.findall(r"\bflag\(\s*\"(\w+)\"", source))
            fields = re.findall(r"^    (\w+): .*= setting\(", source, re.MULTILINE)
            known.update(no + field.replace("_", "-") for field in fields for no in ("--", "--no-"))
    return known


def test_readme_is_short_and_names_no_folder_of_one_machine():
    assert len(README.splitlines()) <= 120
    assert not re.search(r"\.\./shared|/home/|/work/|/root/", README)


@pytest.mark.parametrize("page", ALL_PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page):
    for link, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            target = page.parent / link if link else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), f"{page.name}: {link} has no heading {anchor}"


@pytest.mark.parametrize("page", [page for page in ALL_PAGES if page.name != "CONTRIBUTING.md"], ids=name_of)
def test_files_and_flags_that_a_page_names_exist(page):
    """But for CONTRIBUTING.md's examples, which tests/test_contributing.py puts in their places."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|sh|c|proto|yaml|ipynb))`", text):
        of_a_user = name.startswith("DIR/")
        assert of_a_user or any(f"/{path}".endswith(f"/{name}") for path in FILES), f"{page.name} names {name}"
    unknown = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text)) - flags()
    assert not unknown, f"{page.name}: no command has {', '.join(sorted(unknown))}"


def test_every_page_is_in_the_index():
    index = (REPOSITORY / "docs" / "README.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert page.name == "README.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize("page", PAGES[:1] + [REPOSITORY / "docs" / "GUIDE.md"], ids=lambda page: page.name)
def test_the_commands_that_it_shows_are_known_to_make(page):
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    listed = " ".join(re.findall(r"^## ([A-Za-z_ -]+)  ", text, re.MULTILINE)).split()
    known, variables = ({word for word in listed if word.isupper() is case} for case in (False, True))
    shown = re.findall(r"^    make ([^#\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown
    for line in shown:
        for word in re.sub(r'"[^"]*"', "x", line).split():
            if "=" in word:
                assert word.partition("=")[0] in variables, (line, word)
            else:
                assert word in known, (line, word)


def test_the_table_of_a_shop_is_read_as_shown(tmp_path):
    lines = re.search(r"((?:    .*\n)+)", README[README.index("    image,product,text") :]).group(1).splitlines()
    assert len(lines) == 5
    (tmp_path / "my-shop").mkdir()
    (tmp_path / "my-shop" / "shop.csv").write_text("\n".join(line[4:] for line in lines) + "\n")
    import cv2
    import numpy as np

    for name in ("a1", "b1", "c1", "d1"):
        cv2.imwrite(str(tmp_path / "my-shop" / f"{name}.jpg"), np.full((40, 40, 3), 99, np.uint8))
    command = [sys.executable, REPOSITORY / "tools" / "import_dataset.py", tmp_path / "my-shop", "--dataset", "my-shop"]
    command += ["--runs", tmp_path / "runs"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    records = (tmp_path / "runs" / "my-shop" / "data" / "records.csv").read_text()
    assert records.count("\n") >= 4 and "Garment=dress" in records
