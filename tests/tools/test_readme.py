"""README and the pages: short, without paths of one machine, their links there, their commands known."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from checkout import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_readme_is_short_and_names_no_folder_of_one_machine():
    assert len(README.splitlines()) <= 120
    assert not re.search(r"\.\./shared|/home/|/work/|/root/", README)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


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
