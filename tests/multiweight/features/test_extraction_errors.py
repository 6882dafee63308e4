"""What an extraction refuses: files that are damaged or of another net, images of another size, NaN."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError
from multiweight.commands import extract_features
from multiweight.features import extraction
from tiny_features import NET, run, write_images


def test_a_snapshot_of_another_net_is_named_with_both_shapes(caffe, case):
    case.deploy.write_text(NET.replace("num_output: 5", "num_output: 6"))
    with pytest.raises(UserError, match=r"another net: layer 'fc7' has shapes 5 x 48, 5 there and 6 x 48, 6"):
        run(caffe, case)
    case.deploy.write_text(NET.replace('name: "fc7" type', 'name: "fc7b" type'))
    with pytest.raises(UserError, match="no layer 'fc7b'"):
        run(caffe, case)
    assert not case.output.exists()


def test_nan_is_an_error_by_key_and_zeros_are_named(caffe, case):
    net = caffe.Net(str(case.deploy), caffe.TEST)
    net.params["fc7"][0].data[...] = 0
    net.params["fc7"][1].data[...] = 0
    net.save(str(case.weights))
    run(caffe, case)
    assert extraction.zero_keys(extraction.load(case.output)) == case.keys
    net.params["fc7"][1].data[...] = np.nan
    net.save(str(case.weights))
    with pytest.raises(UserError, match="NaN or infinity in 'fc7' for 7 image.*00000000"):
        run(caffe, case)


@pytest.mark.parametrize(
    "break_it, message",
    [
        (lambda c: c.weights.write_bytes(b"\xff\xff nonsense"), "not a .caffemodel"),
        (lambda c: c.weights.write_bytes(b""), "holds no weights"),
        (lambda c: c.weights.unlink(), "the snapshot cannot be read"),
        (lambda c: c.mean.unlink(), "the mean file cannot be read"),
        (lambda c: (c.images / "data.mdb").unlink(), "no LMDB there"),
        (lambda c: c.deploy.write_text(NET.replace("dim: 4 dim: 4", "dim: 9 dim: 9")), "a snapshot of another"),
    ],
)
def test_bad_files_are_one_clear_error(caffe, case, break_it, message):
    break_it(case)
    with pytest.raises(UserError, match=message):
        run(caffe, case)


def test_bad_images_are_named_by_key(caffe, case):
    write_images(caffe, case.images, {"00000003": np.zeros((3, 5, 5), np.uint8)})
    with pytest.raises(UserError, match="key 00000003: an image of .3, 5, 5., but the mean is of .3, 7, 7."):
        run(caffe, case)
    write_images(caffe, case.images, {"00000003": np.zeros((3, 3, 9), np.uint8)})
    with pytest.raises(UserError, match="key 00000003: an image of .3, 3, 9., but the net's input is .3, 4, 4."):
        run(caffe, case)


def test_unknown_blob(caffe, case):
    with pytest.raises(UserError, match="no blob 'fc9': the net's blobs are data, fc7, fc8"):
        run(caffe, case, blob="fc9")


def test_a_file_cut_short(tmp_path):
    path = tmp_path / "features.h5"
    with h5py.File(str(path), "w") as file:
        file.create_dataset("fc7", data=np.ones((100, 50), np.float32))
        hdf5_file.describe(file, {"blob": "fc7"})
    with pytest.raises(UserError, match="not a whole features file"):
        extraction.load(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError, match="not a whole features file"):
        extraction.load(path)
    with pytest.raises(UserError, match="no such file"):
        extraction.load(tmp_path / "none.h5")


def test_probabilities_in_the_settings_file_are_for_runs(case, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("features:\n  probabilities: true\n")
    arguments = ["--settings", settings, "--deploy", case.deploy, "--weights", case.weights, "--images", case.images]
    arguments = [*map(str, [*arguments, "--output", case.output]), "--gpu", "none"]
    with pytest.raises(UserError, match=r"settings\.yaml: features: probabilities: true is for runs"):
        extract_features.main(arguments)
    assert not case.output.exists()
    assert extract_features.main([*arguments, "--no-probabilities", "--blob", "fc8"]) == 0
    assert extraction.load(case.output).attributes["blob"] == "fc8"
