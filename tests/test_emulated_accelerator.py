"""The emulated accelerator: numbers as the CPU's, and the mistakes that a GPU would punish."""

from __future__ import annotations

import emulated_accelerator as emulated
import pytest
import torch
import torch.nn.functional as F

DEVICE = emulated.install()


@pytest.fixture(autouse=True)
def fresh():
    with emulated.present():
        yield


def test_torch_reports_it():
    assert torch.accelerator.current_accelerator(check_available=True).type == "emulated"
    assert torch.accelerator.device_count() == 1


def test_a_convolution_and_its_gradients_are_the_cpus():
    torch.manual_seed(1)
    images, kernel = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    there, here = [k.requires_grad_() for k in (kernel.to(DEVICE), kernel.clone())]
    F.conv2d(images.to(DEVICE), there).relu().sum().backward()
    F.conv2d(images, here).relu().sum().backward()
    assert torch.equal(there.grad.cpu(), here.grad)


def test_host_and_device_do_not_mix():
    x = torch.ones(3, device=DEVICE)
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.ones(3)
    assert (x + torch.tensor(2.0)).cpu().tolist() == [3, 3, 3]


def test_views_share_memory():
    x = torch.zeros(2, 3, device=DEVICE)
    x.view(-1)[1:3].add_(1)
    x[1] = 5
    assert x.cpu().tolist() == [[0, 1, 1], [5, 5, 5]]


def test_a_copy_without_waiting_arrives_at_a_synchronisation():
    x = torch.arange(3.0, device=DEVICE)
    early = x.to("cpu", non_blocking=True)
    counted = torch.arange(3, device=DEVICE).to("cpu", non_blocking=True)
    x.add_(1)
    assert early.isnan().all() and counted.tolist() == [-1, -1, -1]
    torch.get_device_module(DEVICE).synchronize()
    assert early.tolist() == [0, 1, 2] and counted.tolist() == [0, 1, 2]
    assert x.cpu().tolist() == [1, 2, 3]


def test_what_is_counted():
    x = torch.ones(4).to(DEVICE)
    emulated.counts.phase = "work"
    y = (x.view(2, 2) * 2 + 1).t()
    total = float(y.sum())
    y.cpu()
    assert total == 12
    assert emulated.counts.uploads == {"": 1} and emulated.counts.downloads == {"work": 2}
    assert emulated.counts.kernels_of("work") == 3 and emulated.counts.kernels_of() == 3
    assert emulated.counts.by_operation() == {"mul.Tensor": 1, "add.Tensor": 1, "sum.dim_IntList": 1}


def test_an_operation_made_of_others_counts_as_those():
    x, target = torch.zeros(2, 3, device=DEVICE), torch.ones(2, 3, device=DEVICE)
    emulated.counts.clear()
    F.binary_cross_entropy_with_logits(x, target)
    assert emulated.counts.kernels_of() >= 4
    assert not any("binary_cross_entropy" in name for name in emulated.counts.by_operation())


def test_a_device_without_float64():
    with emulated.without_float64(), pytest.raises(TypeError, match="no float64"):
        torch.ones(2, device=DEVICE).double()
    assert torch.ones(2, device=DEVICE).double().dtype == torch.float64


def test_a_reshape_that_must_copy_stays_on_the_device():
    x = torch.arange(6.0).reshape(2, 3).to(DEVICE)
    flat = x[:, :2].reshape(-1)
    assert torch.cat([flat, flat]).cpu().tolist() == [0, 1, 3, 4, 0, 1, 3, 4]


def test_who_waits_for_the_computation_is_counted():
    stream = torch.get_device_module(DEVICE).current_stream(DEVICE)
    copied = torch.ones(2, device=DEVICE).to("cpu", non_blocking=True)
    stream.synchronize()
    assert emulated.counts.waits.total() == 1 and copied.tolist() == [1, 1]
