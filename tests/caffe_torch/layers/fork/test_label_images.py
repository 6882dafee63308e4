"""Images with label images: cropped and mirrored alike; and the accuracy of segmentations by hand."""

import cv2
import numpy as np
import pytest
from one_layer import TEST, OneLayer

import caffe_torch as caffe


@pytest.fixture
def net(tmp_path):
    lines = []
    for i in range(2):
        image = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) + 50 * i
        cv2.imwrite(str(tmp_path / f"{i}.png"), cv2.merge([image] * 3))
        cv2.imwrite(str(tmp_path / f"{i}_label.png"), image)  # the label of a pixel is its own value
        lines.append(f"/{i}.png /{i}_label.png")
    (tmp_path / "list.txt").write_text("\n".join(lines))

    def make(kind, settings="", transform="", tops=2, phase=caffe.TRAIN):
        field = "dense_image_data_param" if kind == "DenseImageData" else "image_data_param"
        names = " ".join(f'top: "{name}"' for name in ("data", "label", "size")[:tops])
        return caffe.get_net_from_string(
            f"""layer {{ name: "d" type: "{kind}" {names} transform_param {{ {transform} }}
            {field} {{ source: "{tmp_path}/list.txt" root_folder: "{tmp_path}" batch_size: 2 {settings} }} }}""",
            phase,
        )  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("kind", "settings", "transform", "shape"),
    [
        ("ImageSegData", "label_type: PIXEL", "", (6, 8)),
        ("ImageSegData", "label_type: PIXEL shuffle: true", "crop_size: 4 mirror: true", (4, 4)),
        ("ImageSegData", "", "crop_height: 5 crop_width: 3 mirror: true", (5, 3)),
        ("DenseImageData", "crop_height: 4 crop_width: 6 mirror: true", "", (4, 6)),
        ("ImageLabelmapData", "", "mirror: true", (6, 8)),
    ],
)
def test_labels_stay_under_their_pixels(net, kind, settings, transform, shape):
    n = net(kind, settings, transform)
    for _ in range(4):
        n.forward()
        data, labels = n.blobs["data"].data, n.blobs["label"].data
        assert data.shape == (2, 3, *shape) and labels.shape == (2, 1, *shape)
        np.testing.assert_array_equal(data[:, :1], labels)


def test_a_third_top_gives_the_size_and_outside_is_ignored(net):
    n = net("ImageSegData", "label_type: PIXEL ignore_label: 77", "crop_height: 9 crop_width: 8", tops=3)
    n.forward()
    np.testing.assert_array_equal(n.blobs["size"].data.reshape(2, 2), [[9, 8]] * 2)
    assert (n.blobs["label"].data[:, :, 6:] == 77).all() and not n.blobs["data"].data[:, :, 6:].any()


def test_what_lies_outside_is_the_mean_so_that_nothing_is_left(net):
    n = net("ImageSegData", "", "crop_height: 9 crop_width: 8 mean_value: 7.5")
    n.forward()
    data = n.blobs["data"].data
    assert not data[:, :, 6:].any()
    np.testing.assert_array_equal(data[0, :, :6] + 7.5, np.stack([np.arange(48).reshape(6, 8)] * 3))


def test_image_and_labels_are_scaled_alike(net):
    n = net("ImageSegData", "", "scale_factors: [0.5, 1, 2] crop_height: 12 crop_width: 16")
    inside = set()
    for _ in range(12):
        n.forward()
        for labels in n.blobs["label"].data[:, 0]:
            high, wide = (labels != 255).any(axis=1).sum(), (labels != 255).any(axis=0).sum()
            inside.add((int(high), int(wide)))
    assert inside == {(3, 4), (6, 8), (12, 16)}
    with pytest.raises(caffe.CaffeError, match="above 0"):
        net("ImageSegData", "", "scale_factors: 0")


def test_labels_of_whole_images_and_none(net, tmp_path):
    n = net("ImageSegData", "label_type: NONE ignore_label: 9")
    n.forward()
    assert (n.blobs["label"].data == 9).all()
    with pytest.raises(caffe.CaffeError, match="label from 0 to 255 behind /0.png, found '/0_label.png'"):
        net("ImageSegData", "label_type: IMAGE")
    (tmp_path / "list.txt").write_text("/0.png 3\n/1.png 11\n")
    n = net("ImageSegData", "label_type: IMAGE")
    n.forward()
    assert (n.blobs["label"].data == np.reshape([3, 11], (2, 1, 1, 1))).all()


def test_segmentation_accuracy_by_hand():
    scores = np.zeros((1, 3, 1, 4))
    scores[0, [0, 1, 1, 2], 0, [0, 1, 2, 3]] = 1
    labels = np.reshape([0, 0, 1, 255], (1, 1, 1, 4))
    layer = OneLayer('type: "SegAccuracy" seg_accuracy_param { ignore_label: 255 reset: false }', scores, labels,
                     phase=TEST)  # fmt: skip
    for _ in range(2):
        np.testing.assert_allclose(
            layer.forward().reshape(-1), [2 / 3, (1 / 2 + 1) / 2, (1 / 2 + 1 / 2) / 2], rtol=1e-6
        )
    assert layer.layer.counts.sum() == 6


def test_a_forks_setting_that_is_not_read_is_said_in_the_log(capsys):
    OneLayer('type: "Dropout" dropout_param { sqrt_scale: true scale_train: true }', [[1.0]])
    output = capsys.readouterr().err
    assert (
        "dropout_param.sqrt_scale (happynear/caffe-windows) is not read here" in output and "scale_train" not in output
    )


def test_a_type_that_is_left_out_names_its_fork():
    with pytest.raises(caffe.CaffeError, match="'DenseCRF'. It is a type of hszhao/PSPNet.*register_layer"):
        OneLayer('type: "DenseCRF"', [[1.0]])
