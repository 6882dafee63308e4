"""An untrained net with BatchNorm: its running sums are those of training batches, its weights those of its seed."""

import numpy as np
import pytest

import small_shop
from multiweight.base.progress import quiet
from multiweight.features import extraction, initial_weights_file
from multiweight.features.settings import Settings
from multiweight.nets import recipe_files, recipes
from multiweight.pack import packing


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    dataset = small_shop.split_shop(tmp_path_factory.mktemp("shop"))
    packing.pack(small_shop.caffe(), dataset, packing.Settings(size=64), progress=quiet)
    return dataset


def written(dataset, trunk):
    caffe = small_shop.caffe()
    net = dict(trunk=trunk, width=0.05, batch_size=8, dropout=0.0, mirror=False)
    recipe = recipes.for_dataset(dataset, "multi_label", net=net, solver=dict(iterations=1), name=trunk)
    recipe_files.write_run(caffe, recipe, dataset, "test")
    return caffe, dataset.run(trunk)


def test_a_net_without_batch_norm_needs_none(dataset):
    caffe, run = written(dataset, "alexnet")
    assert not initial_weights_file.has_batch_norm(caffe, run)
    assert extraction.extract_run(caffe, run, Settings(seed=3), untrained=True)
    assert extraction.load(run.features).attributes["weights"] == "initial weights, seed 3"


def test_the_running_sums_are_of_the_training_images(dataset):
    caffe, run = written(dataset, "alexnet_bn")
    assert initial_weights_file.has_batch_norm(caffe, run)
    weights = initial_weights_file.write_initial_weights(caffe, run, seed=2)
    net = caffe.Net(str(run.deploy), str(weights), caffe.TEST)
    mean, variance, count = (blob.data.copy() for blob in net.params["bn1"])
    # Each batch counts 0.999 times as much as the next: 60 of them.
    assert count[0] == pytest.approx((1 - 0.999**60) / (1 - 0.999), rel=1e-5)
    caffe.set_random_seed(2)
    fresh = caffe.Net(str(run.root / "train_val_untrained.prototxt"), caffe.TRAIN)
    np.testing.assert_array_equal(net.params["conv1"][0].data, fresh.params["conv1"][0].data)
    np.testing.assert_array_equal(net.params["fc8"][0].data, fresh.params["fc8"][0].data)
    outputs = []
    for _ in range(60):
        # Without the normalisation that follows it in place, conv1 is what the sums are of.
        fresh.forward(end="conv1")
        outputs.append(fresh.blobs["conv1"].data.copy())
    # Means and unbiased variances of each batch, the older ones counting less.
    older = 0.999 ** np.arange(59, -1, -1)
    size = outputs[0].size / outputs[0].shape[1]
    means = np.average([output.mean(axis=(0, 2, 3)) for output in outputs], axis=0, weights=older)
    variances = (
        np.average([output.var(axis=(0, 2, 3)) for output in outputs], axis=0, weights=older) * size / (size - 1)
    )
    np.testing.assert_allclose(mean / count, means, rtol=1e-4)
    np.testing.assert_allclose(variance / count, variances, rtol=1e-4)


def test_an_untrained_nets_features_depend_on_its_seed(dataset):
    caffe, run = written(dataset, "alexnet_bn")
    assert extraction.extract_run(caffe, run, Settings(seed=1), untrained=True)
    first = extraction.load(run.features)
    assert first.attributes["weights"] == "untrained_seed_1.caffemodel" and first.values.any()
    assert not extraction.extract_run(caffe, run, Settings(seed=1), untrained=True), (
        "the same weights give the same features"
    )
    assert extraction.extract_run(caffe, run, Settings(seed=2), untrained=True)
    assert not np.allclose(extraction.load(run.features).values, first.values)
