"""A small trained shop, and the page of it on a port of this machine."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn

import small_shop
from multiweight.base import engine
from multiweight.base.progress import quiet
from multiweight.evaluate import evaluation
from multiweight.evaluate.settings import Settings
from multiweight.features import extraction
from multiweight.nets import recipe_files, recipes
from multiweight.pack import packing
from multiweight.serve import application, server
from multiweight.serve.site import Site
from multiweight.train import training

METHODS = ("multi_label", "multi_weight")
NET = dict(size=76, crop=67, width=1 / 16, batch_size=8, test_batch_size=8)
SOLVER = dict(iterations=6, display=1, test_interval=3, test_iter=1, snapshot=6, base_lr=0.001)


@pytest.fixture(scope="package")
def trained_shop(tmp_path_factory):
    """30 drawn products, two methods trained for six iterations, features and evaluations."""
    caffe = engine.select()
    caffe.set_mode_cpu()
    dataset = small_shop.split_shop(tmp_path_factory.mktemp("served"))
    packing.pack(caffe, dataset, packing.Settings(size=76), progress=quiet)
    for variant in METHODS:
        recipe = recipes.for_dataset(dataset, variant, net=NET, solver=SOLVER)
        recipe_files.write_run(caffe, recipe, dataset, "a test")
        run = dataset.run(variant)
        training.train(caffe, run)
        extraction.extract_run(caffe, run)
        evaluation.evaluate(run, Settings(k=10))
    return dataset


@pytest.fixture
def own_shop(trained_shop, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(trained_shop.root, tmp_path / trained_shop.name)
    return type(trained_shop)(trained_shop.name, tmp_path)


@contextmanager
def served(dataset):
    """The address of the page of ``dataset``."""
    site = Site(dataset, "none")
    listening = server.bind("127.0.0.1", 0)
    config = uvicorn.Config(application.create(site), log_level="error", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not running.started and time.monotonic() < until:
        time.sleep(0.02)
    assert running.started
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="package")
def address(trained_shop):
    with served(trained_shop) as result:
        yield result


@pytest.fixture
def photo(trained_shop):
    """The file of a drawn photo."""
    return next((trained_shop.root.parent.parent / "shop" / "images").glob("*.jpg"))
