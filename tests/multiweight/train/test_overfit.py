"""Each method's loss on a few images falls to near zero: net, loss, data pairs and solver work together."""

import lmdb
import numpy as np
import pytest

import caffe_torch as caffe
from multiweight.base import engine
from multiweight.gamma import weights
from multiweight.nets import nets, prototxt_text, solvers
from multiweight.nets.settings import DataPaths
from multiweight.paper.methods import METHODS
from small_nets import CATALOG, settings

IMAGES, SIDE = 6, 67
PROPORTIONS = {"Colour": 1.0, "Coat": 0.5, "Leather": 0.1, "Skirt": 0.3}


@pytest.fixture
def paths(tmp_path):
    """A few images of noise with random labels, as a pair of LMDBs; both phases read the same."""
    schema = engine.schema(caffe)
    rng = np.random.default_rng(5)
    blocks = rng.integers(0, 256, (IMAGES, 3, 8, 8), dtype=np.uint8)
    pictures = blocks.repeat(9, axis=2).repeat(9, axis=3)[:, :, :SIDE, :SIDE]
    labels = (rng.random((IMAGES, CATALOG.size, 1, 1)) < 0.4).astype(np.uint8)
    for name, arrays in (("images", pictures), ("labels", labels)):
        with lmdb.open(str(tmp_path / name), map_size=1 << 24) as store, store.begin(write=True) as writer:
            for key, array in enumerate(arrays):
                c, h, w = array.shape
                datum = schema.Datum(channels=c, height=h, width=w, data=array.tobytes())
                writer.put(f"{key:08d}".encode(), datum.SerializeToString())
    mean = schema.BlobProto(num=1, channels=3, height=SIDE, width=SIDE, data=[127.5] * (3 * SIDE * SIDE))
    (tmp_path / "mean.binaryproto").write_bytes(mean.SerializeToString())
    images, vectors = str(tmp_path / "images"), str(tmp_path / "labels")
    return DataPaths(images, vectors, images, vectors, str(tmp_path / "mean.binaryproto"))


CASES = [("multi_label", "builtin"), *((v, loss) for v in list(METHODS)[1:] for loss in ("python", "builtin"))]


@pytest.mark.parametrize("variant, loss", CASES)
def test_a_few_images_are_learned_by_heart(tmp_path, paths, variant, loss):
    method = METHODS[variant]
    gamma = weights.compute(method.scheme, PROPORTIONS, c=method.c)
    chosen = settings(
        method.head,
        width=1 / 4,
        loss=loss,
        size=SIDE,
        crop=SIDE,
        mirror=False,
        batch_size=IMAGES,
        test_batch_size=IMAGES,
    )
    schema = engine.schema(caffe)
    net = nets.train_val(caffe, chosen, CATALOG, gamma.values, paths)
    (tmp_path / "train_val.prototxt").write_text(prototxt_text.render(net))
    how = solvers.for_run(CATALOG.size, 1000, IMAGES, IMAGES, stepsize=1000, snapshot=10_000, test_iter=1)
    solver = solvers.solver(schema, how, str(tmp_path / "train_val.prototxt"), str(tmp_path / variant))
    solver.display, solver.test_initialization, solver.snapshot_after_train = 0, False, False
    (tmp_path / "solver.prototxt").write_text(prototxt_text.render(solver))
    engine_solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))

    def loss_now():
        blobs = engine_solver.test_nets[0].forward()
        each = {name: float(np.ravel(value)[0]) for name, value in blobs.items()}
        if "loss" in each:
            return each["loss"]
        return sum(gamma.values[g.name] * each[f"loss_{g.slug}"] for g in CATALOG.groups)

    before = loss_now()
    for _ in range(10):
        engine_solver.step(50)
        if loss_now() < 0.01 * before:
            break
    assert loss_now() < 0.01 * before
