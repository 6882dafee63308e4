"""Solvers: Caffe's arithmetic by hand, policies, snapshots and resume."""

import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.proto import caffe_pb2
from caffe_torch.solver.rules import learning_rate

# One weight w, input 1, target 3: the loss is (w - 3)^2 / 2, its gradient w - 3.
NET = """layer { name: "x" type: "DummyData" top: "x" top: "t"
  dummy_data_param { shape { dim: 1 dim: 1 } data_filler { value: 1 } data_filler { value: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" param { lr_mult: %g decay_mult: %g }
  inner_product_param { num_output: 1 bias_term: false weight_filler { value: 1 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss" }"""


def solver(tmp_path, settings, lr_mult=1.0, decay_mult=1.0, net=None):
    (tmp_path / "net.prototxt").write_text(net or NET % (lr_mult, decay_mult))
    text = f'net: "{tmp_path}/net.prototxt" snapshot_prefix: "{tmp_path}/s" snapshot_after_train: false {settings}'
    (tmp_path / "solver.prototxt").write_text(text)
    return caffe.get_solver(str(tmp_path / "solver.prototxt"))


def weight(s):
    return float(s.net.params["fc"][0].data[0, 0])


def test_sgd_keeps_the_rate_in_its_history(tmp_path):
    s = solver(tmp_path, 'base_lr: 0.1 lr_policy: "step" gamma: 0.5 stepsize: 1 momentum: 0.9 weight_decay: 0.01')
    w, history = 1.0, 0.0
    for iteration in range(4):
        history = 0.9 * history + 0.1 * 0.5**iteration * (w - 3 + 0.01 * w)
        w -= history
        s.step(1)
        assert weight(s) == pytest.approx(w, rel=1e-6)


def test_multipliers_scale_rate_and_decay(tmp_path):
    s = solver(tmp_path, 'base_lr: 0.1 lr_policy: "fixed" weight_decay: 0.01', lr_mult=2, decay_mult=3)
    s.step(1)
    assert weight(s) == pytest.approx(1 - 0.2 * (1 - 3 + 0.03), rel=1e-6)


def test_clipping_and_iter_size(tmp_path):
    s = solver(tmp_path, 'base_lr: 1 lr_policy: "fixed" iter_size: 2 clip_gradients: 1')
    s.step(1)  # two passes gather a gradient of -4, clipped to -1, then halved
    assert weight(s) == pytest.approx(1.5)


def test_clipping_at_nan_clips_nothing(tmp_path):
    s = solver(tmp_path, 'base_lr: 1 lr_policy: "fixed" clip_gradients: nan')
    s.step(1)  # the original compares the norm with it, and finds it no greater
    assert weight(s) == pytest.approx(3)
    s.step(1)  # a gradient of 0
    assert weight(s) == pytest.approx(3)


@pytest.mark.parametrize(
    "settings, at, rate",
    [
        ('lr_policy: "fixed"', 7, 0.1),
        ('lr_policy: "step" gamma: 0.5 stepsize: 3', 7, 0.025),
        ('lr_policy: "exp" gamma: 0.5', 2, 0.025),
        ('lr_policy: "inv" gamma: 1 power: 2', 1, 0.025),
        ('lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 6', 7, 0.025),
        ('lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 2', 2, 0.05),
        ('lr_policy: "poly" power: 2 max_iter: 10', 5, 0.025),
        ('lr_policy: "sigmoid" gamma: 1 stepsize: 4', 4, 0.05),
        ('lr_policy: "sigmoid" gamma: 10 stepsize: 1000', 4, 0),
        ('lr_policy: "exp" gamma: 1e30', 40, np.inf),
        ('lr_policy: "poly" power: 0.5 max_iter: 3', 4, np.nan),
    ],
)
def test_policies(settings, at, rate):
    from google.protobuf import text_format

    param = text_format.Parse("base_lr: 0.1 " + settings, caffe_pb2.SolverParameter())
    step = 0
    for iteration in range(at + 1):
        result, step = learning_rate(param, iteration, step)
    assert result == pytest.approx(rate, nan_ok=True)


@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path, kind):
    momentum = "" if kind in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    settings = f'type: "{kind}" base_lr: 0.05 lr_policy: "step" gamma: 0.5 stepsize: 3 {momentum} delta: 1e-6'
    uninterrupted = solver(tmp_path, settings)
    uninterrupted.step(4)
    uninterrupted.snapshot()
    uninterrupted.step(4)
    assert weight(uninterrupted) != 1.0
    resumed = solver(tmp_path, settings)
    resumed.restore(str(tmp_path / "s_iter_4.solverstate"))
    assert resumed.iter == 4
    resumed.step(4)
    assert weight(resumed) == weight(uninterrupted)


@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"])
def test_a_solver_is_of_its_types_class_and_all_are_sgd_solvers(tmp_path, kind):
    s = solver(tmp_path, f'type: "{kind}" base_lr: 0.05 lr_policy: "fixed"')
    assert type(s) is getattr(caffe, f"{kind}Solver") and isinstance(s, caffe.SGDSolver)
    assert type(caffe.get_solver(s.param)) is type(s)


def test_file_names_may_be_bytes(tmp_path):
    solver(tmp_path, 'base_lr: 0.05 lr_policy: "fixed"').snapshot()
    for make in (caffe.SGDSolver, caffe.get_solver):
        s = make(str(tmp_path / "solver.prototxt").encode())
        s.restore(str(tmp_path / "s_iter_0.solverstate").encode())
        s.solve(str(tmp_path / "s_iter_0.solverstate").encode())


def test_a_caffemodel_is_no_state(tmp_path):
    s = solver(tmp_path, 'base_lr: 0.1 lr_policy: "fixed"')
    s.snapshot()
    with pytest.raises(CaffeError, match="a .solverstate is needed"):
        s.restore(str(tmp_path / "s_iter_0.caffemodel"))


def test_a_diverging_loss_stops_before_the_weights_are_spoilt(tmp_path):
    s = solver(tmp_path, 'base_lr: 1e30 lr_policy: "fixed"')
    with pytest.raises(CaffeError, match="iteration 1: the loss is (inf|nan)"):
        s.step(5)
    assert np.isfinite(weight(s))


def test_the_test_net_follows_the_training_nets_weights(tmp_path):
    s = solver(tmp_path, 'base_lr: 0.5 lr_policy: "fixed" test_iter: 1 test_interval: 100 test_initialization: false')
    s.step(1)
    assert s.test(0)["loss"] == pytest.approx((weight(s) - 3) ** 2 / 2)


@pytest.mark.parametrize("batches", [0, -1])
def test_a_test_without_batches_is_passed_over(tmp_path, batches):
    s = solver(
        tmp_path, f'base_lr: 0.1 lr_policy: "fixed" test_iter: {batches} test_interval: 1 test_compute_loss: true'
    )
    s.step(2)
    assert s.iter == 2 and s.test(0) == {}


def messages(text):
    """The log without its stamps."""
    return [line.partition("] ")[2] if line[:1] == "I" else line for line in text.splitlines()]


def test_the_log_tells_what_solver_and_nets_are_made_of(tmp_path, capsys):
    (tmp_path / "own.prototxt").write_text(NET % (1, 1))
    rules = "".join(
        f'layer {{ name: "{i}" type: "Power" bottom: "fc" top: "{i}" {rule} }}\n'
        for i, rule in enumerate(
            (
                "include { phase: TEST }", "include { min_level: 2 }", "exclude { max_level: -1 }",
                'include { stage: "a" }', 'include { not_stage: "b" }',
            )
        )
    )  # fmt: skip
    s = solver(
        tmp_path,
        f'base_lr: 0.1 test_net: "{tmp_path}/own.prototxt" test_iter: 1 test_iter: 1 test_interval: 9 '
        'train_state { stage: "b" }',
        net=NET % (1, 1) + rules,
    )
    output = messages(capsys.readouterr().err)
    at = output.index("Initializing solver from parameters: ")
    assert (
        "base_lr: 0.1" in output[at + 1 : output.index(f"Creating training net from net file: {tmp_path}/net.prototxt")]
    )
    assert f"Creating test net (#0) specified by test_net file: {tmp_path}/own.prototxt" in output
    assert f"Creating test net (#1) specified by net file: {tmp_path}/net.prototxt" in output
    at = output.index("Initializing net from parameters: ")
    assert "layer {" in output[at:] and "  phase: TRAIN" in output[at:]
    for line in (
        "phase (0) differed from the phase (1) specified by a rule in layer 0",
        "level (0) is below the min_level (2) specified by a rule in layer 1",
        "level (0) is above the max_level (-1) specified by a rule in layer 2",
        "did not contain stage 'a' specified by a rule in layer 3",
        "contained a not_stage 'b' specified by a rule in layer 4",
    ):
        assert f"The NetState {line}" in output
    inside = caffe_pb2.SolverParameter(base_lr=1, snapshot_prefix="s")
    inside.net_param.CopyFrom(caffe_pb2.NetParameter(layer=[node.layer.param for node in s.net.graph.nodes]))
    inside.net_param.layer[-2].blobs.add(data=[0.125])
    inside.test_iter.append(1)
    inside.test_interval = 9
    caffe.get_solver(inside)
    output = messages(capsys.readouterr().err)
    assert "Creating training net specified in net_param." in output
    assert "Creating test net (#0) specified by net_param" in output
    assert not any("blobs" in line for line in output)


def test_several_test_nets_each_with_its_state(tmp_path):
    (tmp_path / "own.prototxt").write_text(NET.replace("value: 3", "value: 5") % (1, 1))
    branch = NET % (1, 1) + 'layer { name: "more" type: "Power" bottom: "fc" top: "more" include { stage: "b" } }'
    s = solver(
        tmp_path,
        f'base_lr: 0.1 lr_policy: "fixed" test_net: "{tmp_path}/own.prototxt" test_iter: 1 test_iter: 2 test_iter: 3 '
        'test_interval: 9 test_state { } test_state { } test_state { stage: "b" }',
        net=branch,
    )
    assert [sorted(net.outputs) for net in s.test_nets] == [["loss"], ["loss"], ["loss", "more"]]
    s.step(1)
    assert s.test(0)["loss"] == pytest.approx((weight(s) - 5) ** 2 / 2)
    assert s.test(2)["more"] == pytest.approx(weight(s))


@pytest.mark.parametrize(
    "settings, message",
    [
        ("test_iter: 1", "has test_iter, but no test_interval"),
        ("test_iter: 1 test_interval: 1 test_state { } test_state { }", "2 test_state for 1 test net"),
        ("average_loss: 0", "average_loss and iter_size must be 1 or more"),
        ('lr_policy: "step"', "needs a stepsize"),
        *(
            (f'lr_policy: "{policy}" gamma: -1 stepsize: 1', f"'{policy}' needs a gamma of 0 or more, found -1")
            for policy in ("step", "exp", "inv", "multistep", "sigmoid")
        ),
        ('lr_policy: "poly" power: 1', "'poly' needs a max_iter of 1 or more, found 0"),
        ('type: "Adam" momentum: 1', "Adam needs a momentum below 1"),
        ('type: "RMSProp" rms_decay: 1.5', "RMSProp needs an rms_decay of at least 0 and below 1, found 1.5"),
        ('type: "RMSProp" rms_decay: -0.1', "RMSProp needs an rms_decay of at least 0"),
        ('type: "Adam" momentum: 0.9 momentum2: 1.5', "momentum2 of 1 at most, found 0.9 and 1.5"),
        ('lr_policy: "steps"', "lr_policy 'steps' is unknown"),
        ('lr_policy: "fixed" snapshot: 1 snapshot_prefix: "/proc/nowhere/s"', "cannot be written"),
    ],
)
def test_a_bad_solver_is_refused(tmp_path, settings, message):
    (tmp_path / "net.prototxt").write_text(NET % (1, 1))
    prefix = "" if "snapshot_prefix" in settings else f'snapshot_prefix: "{tmp_path}/s"'
    (tmp_path / "solver.prototxt").write_text(f'net: "{tmp_path}/net.prototxt" base_lr: 1 {prefix} {settings}')
    with pytest.raises(CaffeError, match=message):
        caffe.get_solver(str(tmp_path / "solver.prototxt")).step(1)


def test_apply_update_counts_as_in_pycaffe(tmp_path):
    s = solver(tmp_path, 'base_lr: 0.1 lr_policy: "fixed"')
    s.net.forward()
    s.net.backward()
    s.apply_update()
    assert s.iter == 1 and weight(s) == pytest.approx(1 + 0.2)
