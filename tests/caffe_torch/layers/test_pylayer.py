"""The user's own layers: their objects, their errors, their constructors."""

import sys
import types

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "own" type: "Python" bottom: "x" top: "y"
        python_param { module: "own_layers" layer: "%s" param_str: "p" } }
"""


class Doubling(caffe.Layer):
    def __init__(self, param, *args):
        super().__init__(param, *args)
        self.name_at_setup = param.name

    def setup(self, bottom, top):
        assert self.param_str == "p" and self.phase == caffe.TEST and self.type == "Python"

    def reshape(self, bottom, top):
        for below, above in zip(bottom, top):  # the original allows bottom[0] only
            above.reshape(*below.shape)

    def forward(self, bottom, top):
        top[0].data[...] = 2 * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        assert list(propagate_down) == [True]
        bottom[0].diff[...] = 2 * top[0].diff


class Failing(Doubling):
    def forward(self, bottom, top):
        raise ZeroDivisionError("by the user")


class Misspelt(caffe.Layer):
    reshape, forward = Doubling.reshape, Doubling.forward

    def backwards(self, top, propagate_down, bottom):
        pass


class Forwardless(caffe.Layer):
    def reshape(self, bottom, top):
        top[0].reshape(1)


class Shapeless(caffe.Layer):
    def forward(self, bottom, top):
        pass


class SetUpLate(Doubling):
    setup = caffe.Layer.setup

    def setUp(self, bottom, top):
        self.late = True


class Weighted(Doubling):
    def setup(self, bottom, top):
        self.given = [blob.data.tolist() for blob in self.blobs]
        self.blobs.add_blob(3)


@pytest.fixture
def net(tmp_path, monkeypatch):
    module = types.ModuleType("own_layers")
    for layer in (Doubling, Failing, Misspelt, Forwardless, Shapeless, SetUpLate, Weighted):
        setattr(module, layer.__name__, layer)
    monkeypatch.setitem(sys.modules, "own_layers", module)

    def make(layer):
        (tmp_path / "net.prototxt").write_text(NET % layer)
        return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)

    return make


def test_net_layers_holds_the_users_object_which_its_constructor_got_the_layer_parameter(net):
    n = net("Doubling")
    assert type(n.layers[1]) is Doubling and n.layer_dict["own"] is n.layers[1] and n.layers[1].name_at_setup == "own"
    np.testing.assert_array_equal(n.forward(x=np.ones((2, 3)))["y"], np.full((2, 3), 2))
    np.testing.assert_array_equal(n.backward(y=np.ones((2, 3)))["x"], np.full((2, 3), 2))


def test_an_exception_of_the_layer_is_what_the_caller_gets(net):
    with pytest.raises(ZeroDivisionError, match="by the user"):
        net("Failing").forward()


def test_a_gradient_that_meets_no_backward_is_pycaffes_attribute_error_with_the_likely_name(net):
    n = net("Misspelt")
    n.forward()
    with pytest.raises(AttributeError, match=r"layer 'own' .*Misspelt has no method 'backward'.*mean 'backwards'"):
        n.backward()


@pytest.mark.parametrize("layer, method", [("Forwardless", "forward"), ("Shapeless", "reshape")])
def test_other_methods_that_are_missing(net, layer, method):
    with pytest.raises(CaffeError, match=f"{layer} has no method '{method}'"):
        net(layer).forward()


def test_a_setup_of_another_spelling_is_not_passed_over(net):
    with pytest.raises(CaffeError, match="layer 'own' .*SetUpLate has 'setUp', which nothing calls: .* 'setup'"):
        net("SetUpLate")


def test_weights_in_the_text_are_there_before_setup(net, monkeypatch):
    monkeypatch.setitem(
        globals(), "NET", NET.replace('type: "Python"', 'type: "Python" blobs { shape { dim: 2 } data: 3 data: 4 }')
    )
    n = net("Weighted")
    assert n.layers[1].given == [[3, 4]] and [blob.shape for blob in n.params["own"]] == [(2,), (3,)]


def test_arrays_live_on_when_the_net_is_gone(net):
    n = net("Doubling")
    data, diff = n.blobs["y"].data, n.blobs["x"].diff
    n.forward(x=np.ones((2, 3)))
    n.backward(y=np.ones((2, 3)))
    del n
    data[0, 0] = 9
    assert data.sum() == 19 and diff.sum() == 12


def test_an_import_that_fails_inside_the_module_is_named(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import sys\nimport surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = NET.replace("own_layers", "needs_more") % "Any"
    with pytest.raises(caffe.CaffeError, match="needs_more.py:2: No module named 'surely_not_installed'") as error:
        caffe.get_net_from_string(text, caffe.TEST)
    assert "PYTHONPATH" not in str(error.value)
    with pytest.raises(caffe.CaffeError, match="No module named 'absent'.*PYTHONPATH"):
        caffe.get_net_from_string(text.replace("needs_more", "absent.inner"), caffe.TEST)


def test_the_phase_is_a_number_whose_text_is_its_name(net):
    phase = net("Doubling").layers[1].phase
    assert (phase, str(phase), f"{phase}", phase == caffe.TEST) == (1, "TEST", "TEST", True)
    assert net("Doubling").layers[1].param_str_ == "p"


def test_the_names_of_pycaffes_vectors_can_be_imported():
    from caffe._caffe import BoolVec, DtypeVec, IntVec, LayerVec, NetVec, RawBlobVec, StringVec

    assert all(issubclass(cls, list) for cls in (BoolVec, DtypeVec, IntVec, LayerVec, NetVec, RawBlobVec, StringVec))
