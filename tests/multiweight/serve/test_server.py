"""The page's answers over a real connection: what is right, what is refused, and what it goes on after."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import httpx
import numpy as np
import pytest
from checkout import REPOSITORY

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.features import extraction
from multiweight.query.annotation import Annotator
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.serve import server, uploads
from served_shop import served


def error_of(answer):
    return answer.status_code, answer.json()["error"]


def test_labels_are_those_of_annotate_and_products_come_once(address, trained_shop, photo):
    answer = httpx.post(f"{address}/api/photo", content=photo.read_bytes()).json()
    assert [method["id"] for method in answer["methods"]] == ["multi_label", "multi_weight"]
    for method in answer["methods"]:
        net = Annotator(engine.select(), trained_shop.run(method["id"]))
        outputs = net.outputs(photo)
        for group in net.catalog.groups:
            values = outputs[net.catalog.slices[group.name]]
            shown = method["labels"][group.name]
            assert [label for label, _ in shown] == [group.labels[m] for m in np.argsort(-values, kind="stable")[:3]]
            np.testing.assert_allclose([p for _, p in shown], np.sort(values)[::-1][:3], atol=1e-4)
        products = [product["product"] for product in method["products"]]
        assert len(products) == len(set(products)) > 3
        scores = [product["score"] for product in method["products"]]
        assert scores == sorted(scores, reverse=True)


def test_the_neighbours_of_a_shop_photo_are_of_other_products(address, trained_shop):
    result = extraction.load(trained_shop.run("multi_weight").features)
    key = result.keys[0]
    answer = httpx.get(f"{address}/api/shop/{key}", params={"method": "multi_weight"}).json()
    mine = answer["photo"]["product"]
    (method,) = answer["methods"]
    assert mine not in [product["product"] for product in method["products"]]
    # The first is the nearest of all by the features that evaluation uses.
    unit = result.values / np.linalg.norm(result.values, axis=1, keepdims=True)
    known = dict(records.read_packed(trained_shop.packed("test"), Catalog.load(trained_shop.catalog)))
    other_products = [row for row, name in enumerate(result.keys) if known[name].product != mine]
    assert method["products"][0]["score"] == pytest.approx(max(unit[other_products] @ unit[0]), abs=1e-4)


def test_photos_of_a_label_and_what_a_method_says(address):
    everything = httpx.get(f"{address}/api/shop", params={"group": "Garment", "method": "multi_label"}).json()
    assert everything["total"] > 3 and everything["problem"] == ""
    assert all(photo["labels"]["Garment"] and len(photo["predicted"]["Garment"]) == 1 for photo in everything["photos"])
    label = everything["photos"][0]["labels"]["Garment"][0]
    some = httpx.get(f"{address}/api/shop", params={"group": "Garment", "label": label}).json()
    assert 0 < some["total"] <= everything["total"]
    assert all(label in photo["labels"]["Garment"] for photo in some["photos"])
    assert error_of(httpx.get(f"{address}/api/shop", params={"group": "Shoe"}))[0] == 409
    assert "whole number" in error_of(httpx.get(f"{address}/api/shop", params={"start": "x"}))[1]


def test_a_picture_is_a_jpeg_of_the_side_asked_for(address):
    key = httpx.get(f"{address}/api/shop").json()["photos"][0]["key"]
    result = httpx.get(f"{address}/pictures/160/{key}.jpg")
    assert result.headers["content-type"] == "image/jpeg"
    assert max(cv2.imdecode(np.frombuffer(result.content, np.uint8), cv2.IMREAD_COLOR).shape) <= 160
    assert "expected one of 160, 480" in error_of(httpx.get(f"{address}/pictures/9999/{key}.jpg"))[1]
    assert "no test image has the key 'none'" in error_of(httpx.get(f"{address}/pictures/160/none.jpg"))[1]


@pytest.mark.parametrize(
    "name, data, status, message",
    [
        ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415, "not a photo"),
        ("b.jpg", b"<!DOCTYPE html><script>alert(1)</script>", 415, "not a photo"),
        ("c.jpg", b"", 400, "empty"),
        ("d.png", b"\x89PNG\r\n\x1a\n", 415, "truncated"),
        ("e.exr", b"\x76\x2f\x31\x01" + bytes(64), 415, "not a photo"),
    ],
)
def test_what_is_no_photo_is_told_in_one_message(address, name, data, status, message):
    result = error_of(httpx.post(f"{address}/api/photo", content=data))
    assert result[0] == status and message in result[1] and "\n" not in result[1]


def test_more_pixels_than_allowed_are_refused_before_decoding(address):
    intact = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    huge = intact[:16] + (60_000).to_bytes(4, "big") * 2 + intact[24:]
    status, message = error_of(httpx.post(f"{address}/api/photo", content=huge))
    assert status == 415 and "60000x60000 pixels, allowed 50000000" in message


def test_200_mb_are_refused_whether_or_not_the_length_is_told(address, photo):
    host, port = address.removeprefix("http://").split(":")
    for length in (b"Content-Length: 209715200", b"Transfer-Encoding: chunked"):
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(b"POST /api/photo HTTP/1.1\r\nHost: 127.0.0.1\r\n" + length + b"\r\n\r\n")
            sent, answer, part = 0, b"", bytes(1 << 20)
            line.settimeout(0.005)
            while not answer and sent < 200:
                try:
                    line.sendall(b"100000\r\n" + part + b"\r\n" if b"chunked" in length else part)
                except (TimeoutError, ConnectionError):
                    pass
                sent += 1
                try:
                    answer = line.recv(4096)
                except (TimeoutError, ConnectionError):
                    continue
        assert b" 413 " in answer.splitlines()[0], (length, sent, answer[:200])
        assert sent * (1 << 20) <= uploads.MAX_BYTES + (16 << 20)
    assert httpx.post(f"{address}/api/photo", content=photo.read_bytes()).status_code == 200


def test_fifty_photos_at_once_are_all_answered_alike(address, photo):
    data = photo.read_bytes()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{address}/api/photo", content=data, timeout=60), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


def test_every_answer_says_what_a_page_may_load(address):
    for path in ("/", "/shop", "/runs", "/static/photo.js", "/api/runs", "/nowhere", "/static/none.js", "/api/photo"):
        answer = httpx.get(address + path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert " style=" not in answer.text and "<script>" not in answer.text


def test_pages_of_other_sites_get_nothing(address, photo):
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 400
    sent = httpx.post(f"{address}/api/photo", content=photo.read_bytes(), headers={"Origin": "http://evil.example"})
    assert error_of(sent) == (403, "photos are taken from this server's own page alone")
    own = httpx.post(f"{address}/api/photo", content=photo.read_bytes(), headers={"Origin": address})
    assert own.status_code == 200


def test_a_run_deleted_and_an_lmdb_gone_are_told_and_the_rest_goes_on(own_shop, photo):
    with served(own_shop) as address:
        data = photo.read_bytes()
        key = httpx.get(f"{address}/api/shop").json()["photos"][0]["key"]
        assert len(httpx.post(f"{address}/api/photo", content=data).json()["methods"]) == 2
        shutil.rmtree(own_shop.run("multi_weight").root)
        gone = httpx.post(f"{address}/api/photo", params={"method": "multi_weight"}, content=data)
        assert error_of(gone) == (409, "multi_weight: no trained run of that name any more: load the page again")
        assert len(httpx.post(f"{address}/api/photo", content=data).json()["methods"]) == 1
        assert "multi_weight" not in httpx.get(address).text
        shutil.rmtree(own_shop.images("test"))
        assert "no LMDB there: pack the data first" in error_of(httpx.get(f"{address}/api/shop/{key}"))[1]
        answer = httpx.get(f"{address}/api/shop", params={"method": "multi_label"}).json()
        assert "no LMDB there" in answer["problem"] and answer["photos"]
        assert httpx.post(f"{address}/api/photo", content=data).status_code == 200
        own_shop.run("multi_label").features.unlink()
        (method,) = httpx.post(f"{address}/api/photo", content=data).json()["methods"]
        assert "no features yet" in method["no_products"] and method["labels"] and not method["products"]
        shutil.rmtree(own_shop.run("multi_label").root)
        assert "no trained run yet" in error_of(httpx.post(f"{address}/api/photo", content=data))[1]
        own_shop.packed("test").unlink()
        page = httpx.get(f"{address}/shop")
        assert page.status_code == 409 and "pack the data first" in page.text and "Traceback" not in page.text


def test_a_port_that_is_taken_is_one_line(trained_shop):
    listening = server.bind("127.0.0.1", 0)
    try:
        port = listening.getsockname()[1]
        with pytest.raises(UserError, match=rf"127.0.0.1:{port} cannot be listened on .*--port"):
            server.bind("127.0.0.1", port)
        command = [sys.executable, REPOSITORY / "tools" / "serve.py", "--dataset", trained_shop.name, "--gpu", "none"]
        command += ["--runs", trained_shop.root.parent, "--port", port]
        ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: 127.0.0.1:") and ended.stderr.count("\n") == 1
    finally:
        listening.close()
    with pytest.raises(UserError, match="expected 0 to 65535"):
        server.bind("127.0.0.1", 70000)
    assert server.is_local("127.0.0.1") and server.is_local("localhost") and not server.is_local("0.0.0.0")
