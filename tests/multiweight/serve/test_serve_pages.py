"""The pages, used in a real browser: a photo dropped, labels read, a neighbour clicked, a curve watched, a phone."""

from __future__ import annotations

import csv
import os
import shutil

import httpx
import pytest
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from browser import window
from served_shop import served

TRICKY = "<img src=x onerror=document.title='marked'>.jpg"


def until(page, condition, seconds=20):
    return WebDriverWait(page, seconds, poll_frequency=0.1).until(lambda _: condition())


def elements(page, selector):
    return page.find_elements("css selector", selector)


def texts(page, selector):
    """In one step: elements that are drawn anew meanwhile are no error."""
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector
    )


def drop_file(page, path):
    """Let the browser read the file as a person's drop would hand it over."""
    page.execute_script("""
        const input = document.createElement("input");
        input.type = "file"; input.id = "dropped"; input.hidden = true;
        document.body.append(input);""")
    page.find_element("id", "dropped").send_keys(str(path))
    page.execute_script("""
        const input = document.getElementById("dropped"), data = new DataTransfer();
        data.items.add(input.files[0]);
        document.getElementById("drop").dispatchEvent(
          new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        input.remove();""")


def test_a_photo_is_dropped_its_labels_read_and_a_neighbour_clicked(address, photo):
    answer = httpx.post(f"{address}/api/photo", content=photo.read_bytes()).json()
    with window() as page:
        page.get(address)
        drop_file(page, photo)
        until(page, lambda: elements(page, ".answer .strip"))
        assert page.execute_script("return document.querySelector('.answer img').naturalWidth") == 64
        # The labels and probabilities that the page shows are the server's.
        page.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for method in answer["methods"]:
            for group, labels in method["labels"].items():
                (shown,) = elements(page, f"ul[aria-label='{group}, {method['name']}']")
                lines = [line.text.split("\n") for line in shown.find_elements("tag name", "li")]
                assert lines == [[label, f"{int(100 * p + 0.5)}%"] for label, p in labels]
        for method in answer["methods"]:
            (strip,) = elements(page, f".strip[data-method={method['id']}]")
            assert len(strip.find_elements("css selector", "a.photo")) == len(method["products"])
        # Framed are the products with the label that the method reads in the chosen group.
        chosen = Select(elements(page, ".answer .controls select")[0])
        chosen.select_by_visible_text("Garment")
        for method in answer["methods"]:
            wanted = method["labels"]["Garment"][0][0]
            shown = elements(page, f".strip[data-method={method['id']}] a")
            frames = ["yes" in photo.get_attribute("class") for photo in shown]
            assert frames == [wanted in product["labels"].get("Garment", []) for product in method["products"]]
        first = answer["methods"][0]["products"][0]
        elements(page, f".strip[data-method={answer['methods'][0]['id']}] a")[0].click()
        until(page, lambda: elements(page, ".answer h2"))
        assert elements(page, ".answer h2")[0].text == f"Product {first['product']}"
        until(page, lambda: elements(page, ".answer .strip a"))
        until(page, lambda: page.execute_script("return document.querySelector('.strip img').naturalWidth") > 0)


def test_one_message_for_what_is_no_photo_and_names_are_text(address, photo, tmp_path):
    (tmp_path / TRICKY).write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'/>")
    shutil.copy(photo, tmp_path / ("copy " + TRICKY))
    with (tmp_path / "large.jpg").open("wb") as large:
        large.truncate(200 * 2**20)
    with window(expected=("status of 415",)) as page:
        page.get(address)
        files = page.find_element("id", "files")
        files.send_keys("\n".join(map(str, (tmp_path / TRICKY, tmp_path / "large.jpg", tmp_path / ("copy " + TRICKY)))))
        until(page, lambda: elements(page, ".answer .strip"))
        panels = elements(page, ".answer")
        assert [panel.find_element("tag name", "h2").text for panel in panels] == [
            "copy " + TRICKY,
            "large.jpg",
            TRICKY,
        ]
        alerts = [[alert.text for alert in panel.find_elements("css selector", "[role=alert]")] for panel in panels]
        assert alerts[0] == [] and "200 MB" in alerts[1][0] and "not a photo" in alerts[2][0]
        assert page.title.startswith("Photo")


def test_looking_through_the_shop(address):
    with window() as page:
        page.get(f"{address}/shop")
        until(page, lambda: elements(page, "#photos a.photo"))
        Select(page.find_element("id", "group")).select_by_visible_text("Garment")
        Select(page.find_element("id", "method")).select_by_visible_text("multi-label")
        until(page, lambda: elements(page, "#photos .right, #photos .wrong"))
        label = Select(page.find_element("id", "label"))
        wanted = texts(page, "#photos a.photo > span:first-of-type")[0]
        label.select_by_visible_text(wanted)
        until(page, lambda: set(texts(page, "#photos a.photo > span:first-of-type")) == {wanted})
        assert "group=Garment" in page.current_url
        page.refresh()
        until(page, lambda: elements(page, "#photos a.photo"))
        assert Select(page.find_element("id", "label")).first_selected_option.text == wanted


def test_a_curve_grows_while_a_training_writes(own_shop):
    log = own_shop.run("multi_label").log
    own_shop.run("multi_label").training.unlink()
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    first_rows = [row for row in rows if int(row["iteration"]) <= 2]

    def write(chosen):
        with log.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(chosen)

    write(first_rows)
    line = "#loss polyline[data-run=multi_label]"
    points = f"return document.querySelector('{line}').getAttribute('points').split(' ').length"
    with served(own_shop) as address, window() as page:
        page.get(f"{address}/runs")
        until(page, lambda: elements(page, "#loss polyline"))
        assert page.execute_script(points) == 2
        card = ".run[data-run=multi_label]"
        assert "training" in texts(page, card)[0] and "iteration 2 of 6" in texts(page, card)[0]
        write(rows)
        until(page, lambda: page.execute_script(points) == 6)
        assert "iteration 6 of 6" in texts(page, card)[0]
        # A log that has not grown for long is a training that stopped.
        os.utime(log, (1, 1))
        assert "stopped" not in texts(page, card)[0]
        until(page, lambda: "stopped" in texts(page, card)[0])
        elements(page, f"{card} input")[0].click()
        assert not elements(page, line) and elements(page, "#loss polyline")


@pytest.mark.parametrize("worst, least, most", [(1e3, 4, 9), (1e20, 3, 8)])
def test_the_values_beside_a_curve_keep_apart_however_high_it_begins(own_shop, worst, least, most):
    log = own_shop.run("multi_label").log
    with log.open(newline="") as file:
        written = list(csv.DictReader(file))
    with log.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(written[0]))
        writer.writeheader()
        writer.writerows([{**written[0], "loss": f"{worst:g}"}, *written[1:]])
    labels = "[...document.querySelectorAll('#loss text[text-anchor=end]')]"
    with served(own_shop) as address, window() as page:
        page.get(f"{address}/runs")
        until(page, lambda: elements(page, "#loss polyline"))
        heights = sorted(page.execute_script(f"return {labels}.map((label) => label.getBoundingClientRect().y)"))
        assert least <= len(heights) <= most
        assert min(after - before for before, after in zip(heights, heights[1:])) >= 12


@pytest.mark.parametrize("path", ["/", "/shop", "/shop?key=FIRST", "/runs"])
def test_pages_fit_a_phone_and_every_control_has_a_name(address, photo, path):
    key = httpx.get(f"{address}/api/shop").json()["photos"][0]["key"]
    with window(390, 800) as page:
        page.get(address + path.replace("FIRST", key))
        if path == "/":
            page.find_element("id", "files").send_keys(str(photo))
        until(
            page, lambda: elements(page, {"/": ".strip a", "/shop": "#photos a", "/runs": ".run"}.get(path, ".strip a"))
        )
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        assert page.execute_script("return window.innerWidth") == 390
        unnamed = """return [...document.querySelectorAll("button, input, select, a, img")].filter((one) =>
            !(one.innerText || one.alt || one.ariaLabel || (one.labels && one.labels.length && one.labels[0].innerText)
              || one.querySelector("img[alt]"))).map((one) => one.outerHTML)"""
        assert page.execute_script(unnamed) == []
        if path != "/runs":
            assert page.execute_script("return document.activeElement.tagName") == "BODY"
            page.switch_to.active_element.send_keys("\t")
            assert page.switch_to.active_element.text == "To the content"


def test_results_label_by_label_and_the_map(address, trained_shop):
    with window() as page:
        page.get(f"{address}/results?group=Garment")
        assert elements(page, "#conclusion .lead")[0].text.split(" leads ")[0] in ("multi-label", "multi-weight")
        assert {"Group", "multi-label", "multi-weight"} <= set(texts(page, "#groups-table th button"))
        page.execute_script("document.querySelector('#groups-table th button').click()")
        assert elements(page, "#groups-table th[aria-sort]")
        assert set(texts(page, "#labels-table tbody td:first-child")) == {"Garment"}
        assert elements(page, ".strip a.photo")
        page.find_element("id", "map-draw").click()
        until(page, lambda: "photos" in texts(page, "#map-status")[0], 60)
        assert (trained_shop.run("multi_label").root / "map.npz").exists()
        colours = """const c = document.getElementById("map-canvas"), found = new Set();
            const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            for (let n = 0; n < data.length; n += 4) if (data[n + 3] > 200) found.add(data.slice(n, n + 3).join());
            return found.size"""
        assert page.execute_script(colours) > 2
        assert len(elements(page, "#map-legend > span")) > 1


def test_results_fit_a_phone(address):
    with window(390, 800) as page:
        page.get(f"{address}/results")
        assert elements(page, "#conclusion")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
