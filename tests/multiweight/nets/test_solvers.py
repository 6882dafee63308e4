import pytest

from caffe_torch.proto import caffe_pb2
from multiweight.base.errors import UserError
from multiweight.nets import solvers


def test_base_lr_depends_on_the_number_of_labels_alone():
    assert solvers.base_lr(1) == 0.001
    assert solvers.base_lr(100) == 0.001
    assert solvers.base_lr(830) == 0.00035
    with pytest.raises(UserError):
        solvers.base_lr(0)


def test_base_lr_of_a_trunk_with_batch_norm_is_ten_times_the_rule():
    assert solvers.base_lr(100, "alexnet_bn") == 0.01
    assert solvers.base_lr(830, "alexnet_bn") == 0.0035
    assert solvers.for_run(830, 10, 10, 10, "alexnet_bn").base_lr == 0.0035
    assert solvers.for_run(830, 10, 10, 10, "caffenet").base_lr == 0.00035


def test_the_papers_lengths():
    assert solvers.for_paper("multi_label", 830).iterations == 200_000
    for variant in ("multi_task", "multi_weight", "multi_weight_third"):
        assert solvers.for_paper(variant, 830).iterations == 450_000
    assert solvers.for_paper("multi_label", 830).base_lr == solvers.for_paper("multi_weight", 830).base_lr


def test_a_run_is_the_same_for_every_method_and_can_be_overridden():
    settings = solvers.for_run(100, 1000, test_images=420, test_batch_size=50, base_lr=None, seed=3)
    assert (settings.base_lr, settings.stepsize, settings.test_iter, settings.test_interval, settings.snapshot) == (
        0.001,
        800,
        9,
        100,
        250,
    )
    assert settings.seed == 3
    # No more than 1000 images per test, however large the test split.
    assert solvers.for_run(100, 1000, test_images=400_000, test_batch_size=50).test_iter == 20
    assert solvers.for_run(100, 1, test_images=1, test_batch_size=50).stepsize == 1


@pytest.mark.parametrize(
    "changes", [dict(base_lr=-1.0), dict(base_lr=float("nan")), dict(stepsize=0), dict(momentum=1.0)]
)
def test_settings_that_cannot_train(changes):
    with pytest.raises(UserError, match=next(iter(changes))):
        solvers.for_run(100, 1000, 10, 10, **changes)


def test_the_message_is_alexnets_and_leaves_the_mode_to_the_run():
    message = solvers.solver(caffe_pb2, solvers.for_paper("multi_task", 830), "a/train_val.prototxt", "a/snapshots/x")
    assert (message.type, message.lr_policy, message.stepsize) == ("SGD", "step", 100_000)
    assert (message.momentum, message.weight_decay) == (pytest.approx(0.9), pytest.approx(0.0005))
    assert (message.net, message.snapshot_prefix) == ("a/train_val.prototxt", "a/snapshots/x")
    assert not message.HasField("solver_mode") and message.random_seed == 1


def test_a_trunk_with_batchnorm_is_not_tested_before_it_has_statistics():
    def made(trunk):
        return solvers.solver(caffe_pb2, solvers.for_run(9, 10, 10, 10, trunk), "train_val.prototxt", "s/x", trunk)

    assert not made("alexnet_bn").test_initialization and made("alexnet").test_initialization
