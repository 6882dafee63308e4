"""AnnotatedData: images and their boxes through resize, crop, mirror, samplers, a larger canvas and colours."""

import cv2
import lmdb
import numpy as np
import pytest
from google.protobuf import text_format

import caffe_torch as caffe
from caffe_torch.input import distortion
from caffe_torch.layers.fork import box_sampling
from caffe_torch.proto import caffe_pb2

#: The boxes of each image: label, corners, difficult.
BOXES = [[(1, 0.2, 0.3, 0.6, 0.8, False)], [], [(2, 0, 0, 0.5, 0.5, True), (1, 0.5, 0.5, 1, 1, False)]]


@pytest.fixture
def net(tmp_path):
    rng = np.random.default_rng(0)
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i, rows in enumerate(BOXES):
            record = caffe_pb2.AnnotatedDatum(type=caffe_pb2.AnnotatedDatum.BBOX)
            image = np.full((20, 40, 3), 60 * (i + 1), np.uint8)
            image[:, :20] = rng.integers(0, 256, 3)
            record.datum.encoded, record.datum.data = True, cv2.imencode(".png", image)[1].tobytes()
            for label, x1, y1, x2, y2, difficult in rows:
                box = record.annotation_group.add(group_label=label).annotation.add().bbox
                box.xmin, box.ymin, box.xmax, box.ymax, box.difficult = x1, y1, x2, y2, difficult
            writer.put(b"%08d" % i, record.SerializeToString())

    def make(transform="", annotated="", batch=3, phase=caffe.TEST):
        return caffe.get_net_from_string(
            f"""layer {{ name: "d" type: "AnnotatedData" top: "data" top: "label"
            data_param {{ source: "{tmp_path}/db" backend: LMDB batch_size: {batch} }}
            transform_param {{ {transform} }} annotated_data_param {{ {annotated} }} }}""",
            phase,
        )  # fmt: skip

    return make


def rows(net):
    net.forward()
    return net.blobs["label"].data.reshape(-1, 8)


def test_boxes_come_with_the_image_they_are_of(net):
    n = net("resize_param { height: 10 width: 10 } mean_value: 5")
    expected = [[0, 1, 0, 0.2, 0.3, 0.6, 0.8, 0], [2, 2, 0, 0, 0, 0.5, 0.5, 1], [2, 1, 0, 0.5, 0.5, 1, 1, 0]]
    np.testing.assert_allclose(rows(n), expected, rtol=1e-6)
    assert n.blobs["data"].data.shape == (3, 3, 10, 10) and n.blobs["data"].data[0, 0, 0, 9] == 55


def test_a_batch_without_boxes_is_a_row_of_minus_ones(net):
    n = net(batch=1)
    n.forward()
    np.testing.assert_array_equal(rows(n), np.full((1, 8), -1))


def test_crop_and_mirror_move_boxes(net):
    # The middle 10 x 10 of 20 x 40: columns 15 to 25, rows 5 to 15.
    result = rows(net("crop_size: 10", batch=1))
    np.testing.assert_allclose(result[0, 3:7], [0, 0.1, 0.9, 1], atol=1e-6)
    sides = {tuple(rows(net("mirror: true", batch=1))[0, 3:7].astype(float).round(4)) for _ in range(12)}
    assert sides == {(0.2, 0.3, 0.6, 0.8), (0.4, 0.3, 0.8, 0.8)}


def test_a_box_whose_centre_is_cut_off_is_dropped(net):
    centre = "emit_constraint { emit_type: CENTER }"
    assert len(rows(net(f"crop_size: 10 {centre}", batch=3))) == 1
    overlap = "emit_constraint { emit_type: MIN_OVERLAP emit_overlap: 0.1 }"
    assert len(rows(net(f"crop_size: 10 {overlap}", batch=3))) == 3


def test_padding_keeps_the_sides_ratio(net):
    n = net("resize_param { resize_mode: FIT_LARGE_SIZE_AND_PAD height: 20 width: 20 pad_value: 7 }", batch=1)
    np.testing.assert_allclose(rows(n)[0, 3:7], [0.2, 0.25 + 0.15, 0.6, 0.25 + 0.4], atol=1e-6)
    assert (n.blobs["data"].data[0, :, :5] == 7).all()
    small = net("resize_param { resize_mode: FIT_SMALL_SIZE height: 10 width: 10 }", batch=1)
    small.forward()
    assert small.blobs["data"].data.shape == (1, 3, 10, 20)


SAMPLERS = """batch_sampler { max_sample: 1 max_trials: 1 }
batch_sampler { sampler { min_scale: 0.3 max_scale: 1 min_aspect_ratio: 0.5 max_aspect_ratio: 2 }
  sample_constraint { min_jaccard_overlap: 0.5 } max_sample: 1 max_trials: 50 }"""
TRAINING = """mirror: true mean_value: 104 mean_value: 117 mean_value: 123
resize_param { height: 12 width: 12 interp_mode: AREA interp_mode: CUBIC } emit_constraint { emit_type: CENTER }
distort_param { brightness_prob: 0.5 brightness_delta: 32 contrast_prob: 0.5 contrast_lower: 0.5 contrast_upper: 1.5
  hue_prob: 0.5 hue_delta: 18 saturation_prob: 0.5 saturation_lower: 0.5 saturation_upper: 1.5 random_order_prob: 0.5 }
expand_param { prob: 0.5 max_expand_ratio: 4 } noise_param { decolorize: true jpeg: 70 posterize: true }"""


def test_everything_together_is_drawn_by_the_seed_and_goes_on_after_a_resume(net):
    batches = []
    for _ in range(2):
        caffe.set_random_seed(3)
        n = net(TRAINING, SAMPLERS, phase=caffe.TRAIN)
        batches.append([(rows(n).copy(), n.blobs["data"].data.copy()) for _ in range(3)])
    for first, second in zip(*batches):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
        assert ((first[0][:, 3:7] >= 0) & (first[0][:, 3:7] <= 1)).all() and np.isfinite(first[1]).all()
    layer = net(TRAINING, SAMPLERS, phase=caffe.TRAIN).layers[0]
    caffe.set_random_seed(3)
    layer.load_state_dict({"seed": int(n.layers[0].seed), "served": 2})
    np.testing.assert_array_equal(layer.reader.batch(2)[1].reshape(-1, 8), batches[0][2][0])


def constraint(text):
    return text_format.Parse(text, caffe_pb2.SampleConstraint())


def test_constraints_by_hand():
    box = np.array([[0.0, 0, 0.5, 0.5]])
    window = np.array([0.0, 0, 1, 0.5])  # shares 1/4, of 1/2 in all
    for text, expected in (
        ("min_jaccard_overlap: 0.5", True), ("min_jaccard_overlap: 0.51", False), ("max_jaccard_overlap: 0.4", False),
        ("min_sample_coverage: 0.5", True), ("min_object_coverage: 1", True), ("max_object_coverage: 0.9", False),
        ("", True),
    ):  # fmt: skip
        assert box_sampling.satisfies(window, box, constraint(text)) is expected, text


def test_sampled_windows_satisfy_their_constraint_and_lie_inside():
    samplers = text_format.Parse(SAMPLERS, caffe_pb2.AnnotatedDataParameter()).batch_sampler[1:]
    rng, box = np.random.default_rng(0), np.array([[0.2, 0.2, 0.7, 0.9]])
    for _ in range(30):
        window = box_sampling.sample(samplers, box, rng)
        if window is not None:
            assert box_sampling.satisfies(window, box, samplers[0].sample_constraint)
            assert window.min() >= 0 and window.max() <= 1 + 1e-9
    assert box_sampling.sample(samplers, np.zeros((0, 4)), rng) is None


def test_colours_and_canvas_by_hand():
    image, rng = np.full((4, 6, 3), 100, np.uint8), np.random.default_rng(0)
    param = caffe_pb2.DistortionParameter(contrast_prob=1, contrast_lower=1.5, contrast_upper=1.5)
    assert (distortion.distort(image, param, rng) == 150).all()
    param = caffe_pb2.DistortionParameter(contrast_prob=1, contrast_lower=3, contrast_upper=3)
    assert (distortion.distort(image, param, rng) == 255).all()
    same = caffe_pb2.DistortionParameter(saturation_lower=1, saturation_upper=2, hue_delta=9, brightness_delta=9)
    assert (distortion.distort(image, same, rng) == 100).all()
    canvas, window = distortion.expand(
        image, caffe_pb2.ExpansionParameter(prob=1, max_expand_ratio=3), np.array([1.0, 2, 3]), rng
    )
    left, top = -window[:2] * [6, 4]
    assert (canvas[round(top) : round(top) + 4, round(left) : round(left) + 6] == 100).all()
    assert (canvas == 100).all(axis=2).sum() == 24
    noise = caffe_pb2.NoiseParameter(inverse=True, posterize=True)
    assert (distortion.add_noise(image, noise, rng) == 255 - 64).all()


def test_records_of_another_kind_are_named(tmp_path, net):
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        writer.put(b"00000000", caffe_pb2.Datum(channels=1, height=1, width=1, data=b"a").SerializeToString())
    with pytest.raises(caffe.CaffeError, match="record '00000000'.*AnnotatedDatum"):
        net()
