"""What forks add to Data and ImageData: sides of a crop and lists of labels are read, hints are said in the log."""

import cv2
import lmdb
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch.proto import caffe_pb2


@pytest.fixture
def database(tmp_path):
    """Four images of 6 x 8 whose pixels are their places, with labels 0 to 3."""
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i in range(4):
            datum = caffe_pb2.Datum(channels=1, height=6, width=8, data=bytes(range(48)), label=i)
            writer.put(f"{i:08}".encode(), datum.SerializeToString())
    return str(tmp_path / "db")


def data_net(database, transform="", data="", phase=caffe.TEST, first=""):
    return caffe.get_net_from_string(
        f'{first} layer {{ name: "d" type: "Data" top: "data" top: "label" transform_param {{ {transform} }} '
        f'data_param {{ source: "{database}" backend: LMDB batch_size: 2 {data} }} }}',
        phase,
    )


@pytest.mark.parametrize("words", ["crop_height: 4 crop_width: 2", "crop_h: 4 crop_w: 2"])
def test_a_crop_may_have_two_sides(database, words):
    net = data_net(database, words)
    net.forward()
    expected = np.arange(48).reshape(6, 8)[1:5, 3:5]
    np.testing.assert_array_equal(net.blobs["data"].data, np.broadcast_to(expected, (2, 1, 4, 2)))
    net, corners = data_net(database, words, phase=caffe.TRAIN), set()
    for _ in range(40):
        net.forward()
        for (image,) in net.blobs["data"].data:
            corners.add(divmod(int(image[0, 0]), 8))
            np.testing.assert_array_equal(image - image[0, 0], expected - expected[0, 0])
    # Every window of 4 x 2 in 6 x 8 can be drawn: rows 0 to 2, columns 0 to 6.
    assert {row for row, _ in corners} == set(range(3)) and {column for _, column in corners} == set(range(7))


@pytest.mark.parametrize(
    ("words", "message"),
    [("crop_h: 4", "give both crop_h and crop_w, found 4 and 0"), ("crop_height: 9 crop_width: 2", "9x2 is larger")],
)
def test_half_a_crop_or_too_large_a_one_is_an_error(database, words, message):
    with pytest.raises(caffe.CaffeError, match=message):
        data_net(database, words)


@pytest.mark.parametrize(
    ("settings", "fork"), [("shuffle: true", "yjxiong/caffe"), ("shuffle_pool_size: 10", "dgd_person_reid")]
)
def test_a_shuffle_of_records_is_said_in_the_log_once_and_the_order_stays(database, settings, fork, capsys):
    net = data_net(database, data=settings)
    output = [line for line in capsys.readouterr().err.splitlines() if "not read here" in line]
    assert len(output) == 1 and f"({fork})" in output[0] and "shuffle when they are packed" in output[0]
    net.forward()
    np.testing.assert_array_equal(net.blobs["label"].data, [0, 1])


def test_richness_is_said_in_the_log_once_by_net_and_by_solver(database, tmp_path, capsys):
    data_net(database, first="richness: 1000")
    output = [line for line in capsys.readouterr().err.splitlines() if "not read here" in line]
    assert len(output) == 1 and "net: richness (dgd_person_reid) is not read here: a hint" in output[0]
    (tmp_path / "solver.prototxt").write_text(
        'net_param { layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 } } } } '
        f'richness: 200 base_lr: 1 lr_policy: "fixed" snapshot_prefix: "{tmp_path}/s"'
    )
    caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
    output = [line for line in capsys.readouterr().err.splitlines() if "not read here" in line]
    assert len(output) == 1 and "solver: richness (yjxiong/caffe)" in output[0]


def image_net(tmp_path, text, dim):
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((3, 4, 3), 40 * i, np.uint8))
    (tmp_path / "list.txt").write_text(text)
    return caffe.get_net_from_string(
        f'layer {{ name: "d" type: "ImageData" top: "data" top: "label" image_data_param {{ batch_size: 2 '
        f'source: "{tmp_path}/list.txt" root_folder: "{tmp_path}/" label_dim: {dim} }} }}',
        caffe.TRAIN,
    )


def test_a_list_with_several_labels_an_image(tmp_path):
    net = image_net(tmp_path, "0.png 1 0 -1\n\n1.png 0 1 7\n", 3)
    assert net.blobs["label"].data.shape == (2, 3)
    net.forward()
    np.testing.assert_array_equal(net.blobs["label"].data, [[1, 0, -1], [0, 1, 7]])
    np.testing.assert_array_equal(net.blobs["data"].data[:, 0, 0, 0], [0, 40])


@pytest.mark.parametrize(
    ("text", "dim", "message"),
    [("0.png 1 0\n1.png 1\n", 2, "list.txt:2: expected an image and 2 whole-number labels.*found 1"),
     ("0.png 1 cat\n", 2, "list.txt:1: .*found 'cat'"), ("\n", 2, "is empty"), ("0.png 1\n", 0, "label_dim must be 1")],
)  # fmt: skip
def test_a_list_of_another_length_names_its_line(tmp_path, text, dim, message):
    with pytest.raises(caffe.CaffeError, match=message):
        image_net(tmp_path, text, dim)
