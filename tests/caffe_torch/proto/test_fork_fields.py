"""The fields of Caffe's forks: each has a number that a fork gave it or one of our own, and their text files parse."""

import pytest

from caffe_torch import CaffeError
from caffe_torch.files.prototxt import parse
from caffe_torch.proto import caffe_pb2
from caffe_torch.proto.fork_fields import fork_fields, forks_of

#: From here on: numbers of our own.
OURS = 500_001

#: BVLC has these too, under another number than the forks that the table names.
BVLCS = (
    "LayerParameter.scale_param", "LayerParameter.bias_param", "LayerParameter.tile_param",
    "ConvolutionParameter.dilation", "LossParameter.NormalizationMode.NONE",
)  # fmt: skip


def number(name):
    """Of a field, or of an enum's value."""
    path, _, last = name.rpartition(".")
    pool = caffe_pb2.DESCRIPTOR.pool
    try:
        return pool.FindMessageTypeByName(f"caffe.{path}").fields_by_name[last].number
    except KeyError:
        return pool.FindEnumTypeByName(f"caffe.{path}").values_by_name[last].number


def test_every_field_of_the_table_is_in_the_schema_under_a_known_number():
    numbers = {name: number(name) for name in fork_fields()}
    assert len(numbers) > 900
    for name, result in numbers.items():
        listed = {field.number for field in fork_fields()[name]}
        assert result in listed or result >= OURS or name in BVLCS, (name, result, listed)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Numbers that the published .caffemodel files and AnnotatedDatum databases of SSD hold.
        ("LayerParameter.prior_box_param", 203),
        ("LayerParameter.norm_param", 206),
        ("AnnotatedDatum.annotation_group", 3),
        ("NormalizedBBox.difficult", 6),
        ("LayerParameter.roi_pooling_param", 8266711),
        ("LayerParameter.psroi_pooling_param", 10001),
        ("TransformationParameter.resize_param", 8),
        ("DropoutParameter.scale_train", 2),
        ("UpsampleParameter.upsample_h", 6),
        ("InterpParameter.pad_end", 6),
    ],
)
def test_numbers_of_the_forks_most_used(name, expected):
    assert number(name) == expected


def test_a_number_that_bvlc_needs_is_ours_for_a_fork():
    assert number("SolverParameter.eval_type") != 41  # layer_wise_reduce
    assert number("LossParameter.NormalizationMode.PRE_FIXED") >= OURS
    assert number("LayerParameter.interp_param") != 143  # input_param


NETS = {
    "SSD": """layer { type: "PriorBox" prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 2 flip: true
        variance: [0.1, 0.1, 0.2, 0.2] step: 8 offset: 0.5 } }
        layer { type: "DetectionOutput" detection_output_param { code_type: CENTER_SIZE nms_param { top_k: 400 } } }
        layer { type: "AnnotatedData" transform_param { resize_param { prob: 1 resize_mode: WARP interp_mode: AREA }
        emit_constraint { emit_type: CENTER } distort_param { hue_prob: 0.5 } expand_param { prob: 0.5 } } }""",
    "R-CNN": """layer { type: "ROIPooling" roi_pooling_param { pooled_w: 7 pooled_h: 7 spatial_scale: 0.0625 } }
        layer { type: "Dropout" dropout_param { dropout_ratio: 0.5 scale_train: false } }""",
    "R-FCN": """layer { type: "SmoothL1LossOHEM" loss_param { normalization: PRE_FIXED pre_fixed_normalizer: 128 } }""",
    "SegNet": """layer { type: "BN" bn_param { scale_filler { value: 1 } shift_filler { value: 0.001 } } }
        layer { type: "Upsample" upsample_param { scale: 2 upsample_w: 60 upsample_h: 45 } }
        layer { type: "SoftmaxWithLoss" loss_param { weight_by_label_freqs: true class_weighting: 0.3 } }""",
    "PSPNet": """layer { type: "BN" bn_param { slope_filler { value: 1 } bias_filler { value: 0 } frozen: true } }
        layer { type: "Interp" interp_param { zoom_factor: 8 pad_end: -1 } }
        layer { type: "ImageSegData" image_data_param { label_type: PIXEL } transform_param { scale_factors: 0.5 } }""",
    "DeepLab": """layers { type: IMAGE_SEG_DATA image_data_param { label_type: PIXEL } }
        layers { type: CONVOLUTION convolution_param { hole: 4 } }""",
    "ShuffleNet": """layer { type: "ShuffleChannel" shuffle_channel_param { group: 3 } }""",
    "DenseNet": """layer { type: "Pooling" pooling_param { pool: MAX ceil_mode: false } }""",
    "ReLU6": """layer { type: "ReLU6" relu6_param { engine: CAFFE } }""",
}


@pytest.mark.parametrize("fork", NETS)
def test_their_text_parses_and_keeps_its_fields(fork):
    net = parse(NETS[fork], caffe_pb2.NetParameter())
    assert caffe_pb2.NetParameter.FromString(net.SerializeToString()) == net
    assert parse(str(net), caffe_pb2.NetParameter()) == net


def test_a_fork_is_named_by_its_field():
    assert forks_of("LayerParameter.permute_param")[0] == "weiliu89/caffe@ssd"
    assert forks_of("LayerParameter.convolution_param") == []


def test_an_unknown_field_says_where_forks_have_it():
    with pytest.raises(CaffeError) as error:
        parse("layer {\n  roi_pooling_param { nms_threshold: 1 }\n}", caffe_pb2.NetParameter(), "n.prototxt")
    assert "n.prototxt:2:23" in str(error.value)
    assert "NonMaximumSuppressionParameter has a field of this name (weiliu89/caffe@ssd)" in str(error.value)


def test_known_fields_are_bvlcs_the_others_are_counted():
    with pytest.raises(
        CaffeError, match=r"Known fields: accuracy_param.*, type, window_data_param, and \d+ of Caffe's"
    ):
        parse("layer { nobodys_param { } }", caffe_pb2.NetParameter(), "n.prototxt")
