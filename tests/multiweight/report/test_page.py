"""The HTML page, clicked through in a real browser."""

from __future__ import annotations

import json
import re

import h5py
import numpy as np
import pytest

import synthetic_runs
from browser import opened
from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.paper.methods import in_order
from multiweight.records.catalog import Catalog
from multiweight.report import comparisons, gallery, report, results
from multiweight.report.settings import Settings

N = 24
TRICKY = "</script><b>red"


@pytest.fixture(scope="module")
def caffe_and_dataset(tmp_path_factory):
    """A dataset with images of one colour each, labels, and lists that are known."""
    caffe = engine.select()
    dataset = synthetic_runs.write(tmp_path_factory.mktemp("runs"))
    dataset.data.mkdir()
    catalog = Catalog.from_dict(
        {"Sleeve": ["long", "short"], "Color": [TRICKY, "blue"], "Collar": ["v"], "odd_name": ["x"], "Empty": ["y"]}
    )
    catalog.save(dataset.catalog)
    dataset.info.write_text(json.dumps({"group_images": dict.fromkeys(catalog.names, 7)}))
    lines = ["key,image,product,labels"]
    for n in range(N):
        labels = [f"Color={TRICKY if n % 2 else 'blue'}"]
        if n < 12:
            labels.append(f"Sleeve={'long' if n < 9 else 'short'}")
        lines.append(f"{n:08d},{n}.jpg,p{n},{'|'.join(labels)}")
    dataset.packed("test").write_text("\n".join(lines) + "\n")
    write_images(caffe, dataset.images("test"))
    generator = np.random.default_rng(1)
    for number, variant in enumerate(in_order(dataset.variants())):
        indices = np.stack([generator.permutation(np.delete(np.arange(N), q))[:12] for q in range(N)])
        ap = np.full((N, 5), np.nan)
        ap[:, 1] = np.clip(generator.random(N) / 2 + number * 0.05, 0, 1)
        ap[:12, 0] = generator.random(12)
        with h5py.File(str(dataset.run(variant).retrieval), "w") as file:
            file.create_dataset("indices", data=indices.astype(np.int32))
            file.create_dataset("ap", data=ap.astype(np.float32))
    report.write(dataset, settings=Settings(gallery=6), caffe=caffe)
    return caffe, dataset


def write_images(caffe, path):
    import lmdb

    path.mkdir()
    environment, schema = lmdb.open(str(path), map_size=2**24), engine.schema(caffe)
    with environment.begin(write=True) as transaction:
        for n in range(N):
            datum = schema.Datum(channels=3, height=20, width=20)
            datum.data = np.full((3, 20, 20), n * 10, np.uint8).tobytes()
            transaction.put(f"{n:08d}".encode(), datum.SerializeToString())
    environment.close()


def test_the_page_stands_alone(caffe_and_dataset):
    text = (caffe_and_dataset[1].report / "report.html").read_text()
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "http://" not in re.sub(r"data:image/svg[^\"]*", "", text) and "https://" not in text
    assert text.count("</script>") == 2 and "&lt;/script&gt;" not in text.split("gallery-data")[1].split("</script>")[0]
    assert "viewport" in text


def column(page, n, table="groups-table"):
    rows = page.find_elements("css selector", f"#{table} tbody tr:not(.foot)")
    return [row.find_elements("tag name", "td")[n].text for row in rows]


def test_clicking_through_the_page(caffe_and_dataset):
    _, dataset = caffe_and_dataset
    with opened(dataset.report / "report.html") as page:
        assert page.find_element("id", "verdict").text.startswith("Every trained method beats")
        # The table: a heading sorts, falling and then rising; groups without a figure and the means stay below.
        assert column(page, 0) == ["Color", "Sleeve", "Collar", "odd_name", "Empty"]
        heads = page.find_elements("css selector", "#groups-table th button")
        heads[3].click()
        assert column(page, 3) == ["80.00", "40.00", "30.00", "20.00", "–"]
        heads[3].click()
        assert column(page, 3) == ["20.00", "30.00", "40.00", "80.00", "–"]
        heads[0].click()
        heads[0].click()
        assert column(page, 0) == ["Collar", "Color", "Empty", "odd_name", "Sleeve"]
        feet = page.find_elements("css selector", "#groups-table tbody tr.foot")
        assert feet[0].text.startswith("Mean") and len(feet) >= 2
        # Figures are there, and drawn.
        pictures = page.find_elements("css selector", "figure img")
        assert len(pictures) == 3
        assert all(page.execute_script("return arguments[0].naturalWidth", picture) > 200 for picture in pictures)
        # The gallery: every query with ten results a method, framed by whether they share a label.
        data = json.loads(page.execute_script("return document.getElementById('gallery-data').textContent"))
        choose(page, "group", "Sleeve")
        shown = page.find_elements("css selector", ".query")
        assert len(shown) == 6 == len(data["queries"]["Sleeve"])
        for query, article in zip(data["queries"]["Sleeve"], shown):
            assert article.get_attribute("data-key") == f"{query:08d}"
            for row in article.find_elements("css selector", ".row"):
                photos = row.find_elements("css selector", ".photo")
                result = data["lists"][row.get_attribute("data-method")][str(query)]
                assert len(photos) == len(result) == 10
                sleeve = [(i < 12) and (query < 9) == (i < 9) for i in result]
                assert ["yes" in p.get_attribute("class") for p in photos] == sleeve
        # One method alone.
        for box in page.find_elements("css selector", "#methods input"):
            if box.get_attribute("value") != "multi_task":
                box.click()
        heads = page.find_elements("css selector", "#groups-table th")
        shown = [head.text for head in heads if head.is_displayed()]
        assert "multi-task" in shown and "multi-label" not in shown and "untrained" not in shown
        assert len(page.find_elements("css selector", ".row")) == 6
        aps = precisions(page)
        assert aps != sorted(aps)
        # Failures first, and labels are shown as text whatever they say.
        page.find_element("id", "failures").click()
        assert precisions(page) == sorted(aps)
        choose(page, "group", "Color")
        labels = {photo.text for photo in page.find_elements("css selector", ".photo")}
        assert labels == {TRICKY, "blue"}


def choose(page, control, text):
    from selenium.webdriver.support.select import Select

    Select(page.find_element("id", control)).select_by_visible_text(text)


def precisions(page):
    return [float(e.text.rsplit(" ", 1)[1]) for e in page.find_elements("css selector", ".query .name")]


def test_the_page_fits_a_phone(caffe_and_dataset):
    with opened(caffe_and_dataset[1].report / "report.html", 390, 800) as page:
        # Wide tables and lists scroll for themselves; the page does not.
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        assert page.execute_script("return window.innerWidth") == 390
        size = page.execute_script("return parseFloat(getComputedStyle(document.querySelector('p')).fontSize)")
        assert size >= 14
        for control in page.find_elements("css selector", ".controls label"):
            assert control.size["height"] >= 36
        heads = page.find_elements("css selector", "#groups-table th button")
        heads[0].click()
        assert column(page, 0)[0] == "Sleeve"


def test_failures_are_the_queries_with_the_lowest_ap(caffe_and_dataset):
    caffe, dataset = caffe_and_dataset
    result = results.load(dataset)
    worst = gallery.collect(caffe, dataset, result, 3, failures=True)
    trained = [comparisons.precisions(dataset, r.variant)[:, 1] for r in result if r.trained]
    assert worst["queries"]["Color"] == np.argsort(np.mean(trained, axis=0), kind="stable")[:3].tolist()
    assert gallery.collect(caffe, dataset, result, 3, False)["queries"] != worst["queries"]
    chosen = gallery.collect(caffe, dataset, result, 3, False, ["00000003", "00000020"])
    assert chosen["queries"] == {"Sleeve": [3], "Color": [3, 20]}
    with pytest.raises(UserError, match="no test image has the key '7'"):
        gallery.collect(caffe, dataset, result, 3, False, ["7"])


def test_differences_are_tested_in_pairs(caffe_and_dataset):
    _, dataset = caffe_and_dataset
    result = results.load(dataset)
    pairs = comparisons.pairs(dataset, result)
    assert len(pairs) == 6
    pair = next(p for p in pairs if (p.first.variant, p.second.variant) == ("multi_label", "multi_weight_third"))
    a, b = (comparisons.precisions(dataset, v)[:, :2] for v in ("multi_label", "multi_weight_third"))
    assert pair.difference.mean == pytest.approx(np.nanmean(b - a, axis=0).mean(), abs=1e-7)
    assert "multi-weight 1/3 − multi-label" in (dataset.report / "report.md").read_text()


def test_without_lists_or_images_there_is_a_page_without_a_gallery(tmp_path):
    dataset = synthetic_runs.write(tmp_path)
    report.write(dataset, caffe=engine.select())
    text = (dataset.report / "report.html").read_text()
    assert 'gallery-data">' not in text and "groups-table" in text


def test_the_page_runs_its_own_script_and_style_alone(caffe_and_dataset):
    """Its policy has the hashes of both, as the browser computes them, and lets nothing else in."""
    import base64
    import hashlib
    import html

    text = (caffe_and_dataset[1].report / "report.html").read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1))
    assert policy.startswith("default-src 'none'; img-src data:; ") and "unsafe" not in policy and "http" not in policy
    for name, pattern in (("style-src", "<style>(.*?)</style>"), ("script-src", "<script>(.*?)</script>")):
        (inside,) = re.findall(pattern, text, re.S)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", text.replace(inside, ""))
