"""ImageData, HDF5Data, HDF5Output, MemoryData, WindowData: what they draw at random, and mistakes in their files.

That every batch without a draw equals the original's is checked in tests/parity/test_file_layers.py.
"""

import cv2
import h5py
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.layers.sources import prefetching
from caffe_torch.layers.sources.window_data import place
from caffe_torch.proto import caffe_pb2


def net(tmp_path, kind, settings, tops='top: "data" top: "label"', phase=caffe.TRAIN):
    (tmp_path / "n.prototxt").write_text(f'layer {{ name: "s" type: "{kind}" {tops} {settings} }}')
    return caffe.Net(str(tmp_path / "n.prototxt"), phase)


def images(tmp_path, count=7, size=6):
    names = []
    for i in range(count):
        names.append(f"i{i}.png")
        cv2.imwrite(str(tmp_path / names[-1]), np.full((size, size, 3), i * 10, np.uint8))
    (tmp_path / "list.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(names)))
    return f'source: "{tmp_path}/list.txt" root_folder: "{tmp_path}/"'


def labels(n, batches, top="label"):
    values = []
    for _ in range(batches):
        n.forward()
        values += n.blobs[top].data.ravel().astype(int).tolist()
    return values


def test_image_data_shuffles_each_pass_anew(tmp_path):
    caffe.set_random_seed(1)
    n = net(tmp_path, "ImageData", f"image_data_param {{ {images(tmp_path)} batch_size: 7 shuffle: true }}")
    passes = [tuple(labels(n, 1)) for _ in range(6)]
    assert all(sorted(p) == list(range(7)) for p in passes)
    assert len(set(passes)) > 3
    assert (n.blobs["data"].data[:, 0, 0, 0] == n.blobs["label"].data * 10).all()


def test_image_data_skips_to_a_random_start(tmp_path):
    source = images(tmp_path)
    starts = set()
    for seed in range(20):
        caffe.set_random_seed(seed)
        n = net(tmp_path, "ImageData", f"image_data_param {{ {source} batch_size: 3 rand_skip: 4 }}")
        first, second, third = labels(n, 1)
        assert (second, third) == ((first + 1) % 7, (first + 2) % 7)
        starts.add(first)
    assert starts == {0, 1, 2, 3}


def test_the_start_the_order_and_the_crops_are_drawn_apart(tmp_path):
    """Each pixel holds its row, so that the first image's crop tells where it was cut."""
    source = images(tmp_path)
    for i in range(7):
        cv2.imwrite(str(tmp_path / f"i{i}.png"), np.arange(6, dtype=np.uint8)[:, None, None].repeat(6, 1).repeat(3, 2))
    crop = "transform_param { crop_size: 3 }"
    drawn_by_setting = {"rand_skip: 4": set(), "shuffle: true": set()}
    for seed in range(30):
        for setting, pairs in drawn_by_setting.items():
            caffe.set_random_seed(seed)
            n = net(tmp_path, "ImageData", f"{crop} image_data_param {{ {source} batch_size: 1 {setting} }}")
            n.forward()
            pairs.add((int(n.blobs["label"].data[0]), int(n.blobs["data"].data[0, 0, 0, 0])))
    # Of 4 starts by 4 rows, and of 7 first images by 4 rows; drawn from one stream, one would tell the other.
    assert len(drawn_by_setting["rand_skip: 4"]) > 8 and len(drawn_by_setting["shuffle: true"]) > 12


@pytest.mark.parametrize("seed", [0, 1, 2**62 + 3])
def test_no_stream_of_a_layer_is_another(seed):
    """NumPy takes (seed), (seed, 0) and (seed, 0, 0) for the same."""
    streams = [np.random.default_rng((seed, batch, item)) for batch in range(3) for item in range(3)]
    streams += [prefetching.stream(seed, purpose, turn) for purpose in (1, 2) for turn in range(3)]
    assert len({stream.integers(2**63) for stream in streams}) == len(streams) == 15


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "list.txt: the list of images is empty"),
        ("i0.png zero\n", "list.txt:1: expected an image and its whole-number label"),
        ("i0.png 0\nno.png 1\n", "no.png: no such image file"),
        ("list.txt 0\n", "list.txt: is no image"),
    ],
)
def test_a_bad_list_is_named(tmp_path, content, message):
    source = images(tmp_path)
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, "ImageData", f"image_data_param {{ {source} batch_size: 2 }}").forward()


def test_images_of_unlike_sizes_in_a_batch_are_named(tmp_path):
    source = images(tmp_path)
    cv2.imwrite(str(tmp_path / "i1.png"), np.zeros((4, 5, 3), np.uint8))
    n = net(tmp_path, "ImageData", f"image_data_param {{ {source} batch_size: 2 }}")
    with pytest.raises(CaffeError, match=r"image 1 of the list has shape \(3, 4, 5\).*new_height"):
        n.forward()


def rows(tmp_path, counts=(4, 3)):
    files = []
    for i, count in enumerate(counts):
        files.append(f"{tmp_path}/r{i}.h5")
        with h5py.File(files[-1], "w") as store:
            store["data"] = np.arange(count * 2, dtype=np.float32).reshape(count, 2) + 100 * i
            store["label"] = np.arange(count) + 100 * i
    (tmp_path / "files.txt").write_text("\n".join(files))
    return f'source: "{tmp_path}/files.txt"'


def test_hdf5_data_shuffles_files_and_rows(tmp_path):
    caffe.set_random_seed(2)
    n = net(tmp_path, "HDF5Data", f"hdf5_data_param {{ {rows(tmp_path)} batch_size: 7 shuffle: true }}")
    passes = [tuple(labels(n, 1)) for _ in range(12)]
    for p in passes:  # whole files one after the other, all rows of each
        assert sorted(p) == [0, 1, 2, 3, 100, 101, 102]
        assert {x // 100 for x in p[:3]} in ({0}, {1})
    assert len({p[0] // 100 for p in passes}) == 2 and len(set(passes)) > 6


@pytest.mark.parametrize(
    "labels, message",
    [(None, "r0.h5: has no dataset 'label'.*it has data"), ([1], "has 1 rows"), ([b"x"] * 4, "rows of numbers")],
)
def test_a_bad_hdf5_file_is_named(tmp_path, labels, message):
    source = rows(tmp_path)
    with h5py.File(tmp_path / "r0.h5", "a") as store:
        del store["label"]
        if labels is not None:
            store["label"] = labels
    with pytest.raises(CaffeError, match=message):
        net(tmp_path, "HDF5Data", f"hdf5_data_param {{ {source} batch_size: 2 }}")


def test_a_group_in_the_place_of_a_dataset_is_named(tmp_path):
    source = rows(tmp_path)
    with h5py.File(tmp_path / "r0.h5", "a") as store:
        del store["label"]
        store["label/values"] = [1.0]
    with pytest.raises(CaffeError, match="r0.h5: 'label', the name of a top, is a group there, a dataset is expected"):
        net(tmp_path, "HDF5Data", f"hdf5_data_param {{ {source} batch_size: 2 }}")


def test_hdf5_data_refuses_what_it_cannot_do(tmp_path):
    with pytest.raises(CaffeError, match="does not transform"):
        net(
            tmp_path, "HDF5Data", f"transform_param {{ scale: 2 }} hdf5_data_param {{ {rows(tmp_path)} batch_size: 2 }}"
        )
    (tmp_path / "r0.h5").write_bytes(b"no HDF5")
    with pytest.raises(CaffeError, match="r0.h5: is no HDF5 file"):
        net(tmp_path, "HDF5Data", f'hdf5_data_param {{ source: "{tmp_path}/files.txt" batch_size: 2 }}')


def test_hdf5_output_appends_batch_after_batch(tmp_path):
    source = rows(tmp_path)
    (tmp_path / "n.prototxt").write_text(
        f"""layer {{ name: "s" type: "HDF5Data" top: "data" top: "label" hdf5_data_param {{ {source} batch_size: 3 }} }}
        layer {{ name: "o" type: "HDF5Output" bottom: "data" bottom: "label"
        hdf5_output_param {{ file_name: "{tmp_path}/out.h5" }} }}"""
    )
    n = caffe.Net(str(tmp_path / "n.prototxt"), caffe.TEST)
    n.forward()
    n.forward()
    with h5py.File(tmp_path / "out.h5") as store:
        assert store["data"].shape == (6, 2, 1, 1)
        assert store["label"][:, 0, 0, 0].tolist() == [0, 1, 2, 3, 100, 101]


MEMORY = "memory_data_param { batch_size: 2 channels: 1 height: 2 width: 3 }"


def test_memory_data(tmp_path):
    n = net(tmp_path, "MemoryData", MEMORY)
    with pytest.raises(CaffeError, match="has no data yet"):
        n.forward()
    data = np.arange(24, dtype=np.float32).reshape(4, 1, 2, 3)
    n.set_input_arrays(data, np.arange(4, dtype=np.float32))
    assert labels(n, 3) == [0, 1, 2, 3, 0, 1]
    data[2:] = -1  # the arrays themselves are served
    n.forward()
    assert (n.blobs["data"].data == -1).all()
    layer = n.layers[0]
    for wrong in (data[:3], data[:, :, :1], data[:0]):
        with pytest.raises(CaffeError, match="MemoryData"):
            layer.reset(wrong, np.zeros(len(wrong), np.float32))


def test_memory_data_takes_datums(tmp_path):
    n = net(tmp_path, "MemoryData", "transform_param { scale: 2 mean_value: 1 } " + MEMORY)
    datums = [caffe_pb2.Datum(channels=1, height=2, width=3, data=bytes([i] * 6), label=i) for i in range(4)]
    n.layers[0].add_datum_vector(datums)
    with pytest.raises(CaffeError, match="not been used up"):
        n.layers[0].add_datum_vector(datums)
    assert labels(n, 2) == [0, 1, 2, 3]
    assert (n.blobs["data"].data[1] == (3 - 1) * 2).all()
    n.layers[0].add_datum_vector(datums)


def windows(tmp_path, text):
    (tmp_path / "w.txt").write_text(text)
    return f'source: "{tmp_path}/w.txt" root_folder: "{tmp_path}/"'


def test_window_data_samples_its_share_of_each_kind_and_mirrors(tmp_path):
    gradient = np.tile(np.arange(20, dtype=np.uint8)[None, :, None] * 10, (20, 1, 3))
    cv2.imwrite(str(tmp_path / "i.png"), gradient)
    lines = "".join(f"{k} 0.9 0 0 19 19\n" for k in (1, 2, 3)) + "0 0.1 0 0 19 19\n9 0.4 0 0 19 19\n"
    source = windows(tmp_path, f"# 0\ni.png\n3\n20\n20\n5\n{lines}")
    caffe.set_random_seed(0)
    n = net(
        tmp_path,
        "WindowData",
        f"transform_param {{ crop_size: 20 mirror: true }} window_data_param {{ {source} batch_size: 8 }}",
    )
    foreground_labels, flips = set(), set()
    for _ in range(20):
        window_labels = labels(n, 1)
        assert window_labels[:6] == [0] * 6  # three quarters background, its class always 0
        foreground_labels |= set(window_labels[6:])
        for image in n.blobs["data"].data:
            expected = gradient.transpose(2, 0, 1)
            flips.add(0 if (image == expected).all() else 1 if (image == expected[:, :, ::-1]).all() else 2)
    assert foreground_labels == {1, 2, 3} and flips == {0, 1}


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "w.txt: the window file is empty"),
        ("i.png 3", "image 0: expected '# 0', found 'i.png'"),
        ("# 1\ni.png\n3\n9\n9\n0\n", "image 0: images must be numbered"),
        ("# 0\ni.png\n3\n9\n9\n2\n1 0.9 0 0 5 5\n", "image 0: expected a number, found 'the end of the file'"),
        ("# 0\ni.png\n1\n9\n9\n2\n1 0.9 0 0 5 5\n0 0 0 0 5 5\n", "1 channels, but images are read in colour"),
        ("# 0\ni.png\n3\n9\n9\n1\n1 0.9 0 0 5 5\n", "1 foreground and 0 background windows"),
        ("# 0\ni.png\n3\n9\n9\n2\n0 0.9 0 0 5 5\n0 0 0 0 5 5\n", "overlaps an object, but has class 0"),
        ("# 0\ni.png\n3\n9\n9\n2\n1 0.9 0 0 50 5\n0 0 0 0 50 5\n", "leaves it: it is 6 wide and 6 high"),
        ("# 0\nno.png\n3\n9\n9\n2\n1 0.9 0 0 5 5\n0 0 0 0 5 5\n", "no.png: no such image file"),
    ],
)
def test_a_bad_window_file_is_named(tmp_path, text, message):
    images(tmp_path, 1)
    (tmp_path / "i0.png").rename(tmp_path / "i.png")
    source = windows(tmp_path, text)
    with pytest.raises(CaffeError, match=message):
        net(
            tmp_path, "WindowData", f"transform_param {{ crop_size: 4 }} window_data_param {{ {source} batch_size: 2 }}"
        ).forward()


def test_a_window_at_the_corner_keeps_its_place():
    """A window of 10 x 10 at the corner, 2 of 12 pixels context around: a scale of 12 / 8, so 2.5 pixels a side."""
    placed = place((0, 0, 9, 9), 12, 2, False, False, (40, 40, 3))
    assert placed.box == (0, 0, 13, 13)  # from -3 to 13, cut at the edge
    assert (placed.left, placed.top) == (2, 2)  # 3 of 17 pixels lie outside: 3 * 12 / 17 rounded
    assert placed.size == (10, 10)
