"""lr_mult and decay_mult of parameters shared by name: they must not contradict each other."""

import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

INPUT = 'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }\n'
FC = """layer { name: "f%d" type: "InnerProduct" bottom: "x" top: "f%d" param { name: "w" %s }
  inner_product_param { num_output: 2 bias_term: false } }\n"""


def shared(folder, *specs):
    text = INPUT + "".join(FC % (i, i, spec) for i, spec in enumerate(specs))
    (folder / "net.prototxt").write_text(text)
    (parameter,) = caffe.Net(str(folder / "net.prototxt"), caffe.TRAIN).graph.learnable
    return parameter.lr_mult, parameter.decay_mult


@pytest.mark.parametrize("field", ["lr_mult", "decay_mult"])
@pytest.mark.parametrize("values", [(1, 0), (0, 1), (2, 1), (1, 2)])
def test_two_values_are_an_error_also_where_one_of_them_is_1(tmp_path, field, values):
    message = rf"'f1' .*'w' is shared with layer 'f0', but its {field} is {values[1]} here and {values[0]} there"
    with pytest.raises(CaffeError, match=message):
        shared(tmp_path, *(f"{field}: {value}" for value in values))


def test_a_value_said_once_holds_for_all(tmp_path):
    assert shared(tmp_path, "", "lr_mult: 3", "decay_mult: 0", "lr_mult: 3") == (3, 0)


def test_the_third_is_held_against_the_second(tmp_path):
    with pytest.raises(CaffeError, match="lr_mult is 1 here and 3 there"):
        shared(tmp_path, "", "lr_mult: 3", "lr_mult: 1")
