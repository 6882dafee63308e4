import pytest

from multiweight.prepare import statistics
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record

CATALOG = Catalog.from_dict({"Colour": ["red", "blue", "green", "black"], "Craft": ["beads", "lace"]})
ITEMS = [
    Record("a.jpg", "p", (("Colour", "red"),)),
    Record("b.jpg", "p", (("Colour", "red"), ("Colour", "blue"))),
    Record("c.jpg", "q", (("Colour", "red"), ("Craft", "lace"))),
    Record("d.jpg", "r", (("Colour", "green"),)),
]


def test_hand_worked():
    result = statistics.count(ITEMS, CATALOG)
    assert (result["images"], result["products"], result["groups"], result["labels"]) == (4, 3, 2, 6)
    assert result["group_sizes"] == {"max": 4, "min": 2, "mean": 3.0, "std": 1.0}
    assert result["labels_an_image"] == 1.5
    assert result["group_images"] == {"Colour": 4, "Craft": 1} and result["proportions"] == {
        "Colour": 1.0,
        "Craft": 0.25,
    }
    assert result["label_images"]["Colour"] == {"red": 3, "blue": 1, "green": 1, "black": 0}
    page = statistics.markdown("shop", {"train": result, "test": result}, "tail.png")
    assert "| Craft | 2 | 1 | 1 | 0.2500 |" in page and "max 4, min 2, mean 3.0, standard deviation 1.0" in page


def test_the_papers_table_is_reproduced_by_the_formula():
    # 24 groups of max 130, min 2: the formula for the deviation is the population's.
    sizes = [2, 130]
    catalog = Catalog.from_dict({f"g{n}": [f"l{k}" for k in range(size)] for n, size in enumerate(sizes)})
    assert statistics.count([], catalog)["group_sizes"]["std"] == pytest.approx(64)


def test_chart(tmp_path):
    statistics.chart(statistics.count(ITEMS, CATALOG), tmp_path / "new" / "tail.png", "shop")
    assert (tmp_path / "new" / "tail.png").read_bytes()[:4] == b"\x89PNG"


NAMES = ("Price level ($$)", "$x_1$", "a_b <b>&", "@SUM(1)")


def test_names_are_no_markup(tmp_path):
    """Dollar signs are drawn, not set as formulas; nothing in the page is HTML or Markdown."""
    catalog = Catalog.from_dict({name: ["x $y$", "z"] for name in NAMES})
    items = [Record(f"{n}.jpg", str(n), ((name, "z"),)) for n, name in enumerate(NAMES)]
    result = statistics.count(items, catalog)
    statistics.chart(result, tmp_path / "a.png", "shop $a$")
    statistics.chart(result, tmp_path / "a.svg", "shop $a$")
    page = statistics.markdown("shop", {"all": result})
    assert r"a\_b \<b>\&" in page and r"Price level (\$\$)" in page
