"""Which GPUs a command uses, from its ``--gpu`` flag."""

from __future__ import annotations

from caffe_torch.errors import CaffeError
from caffe_torch.runtime import accelerator, device, log


def chosen(flag: str) -> list[int]:
    """The GPUs' numbers; none where the flag is empty, or where CAFFE_TORCH_FORCE_CPU is set."""
    if flag and device.kept_on_cpu():
        return []
    count = accelerator.count()
    if flag == "all":
        if not count:
            raise CaffeError(
                f"--gpu all: PyTorch finds no GPU here; leave --gpu out, or set {device.FORCE_CPU}=1, to use the CPU"
            )
        return list(range(count))
    try:
        numbers = [int(word) for word in flag.split(",")] if flag else []
    except ValueError:
        raise CaffeError(f"--gpu {flag}: expected numbers separated by commas, or all") from None
    for number in numbers:
        if not 0 <= number < count:
            raise CaffeError(
                f"--gpu {flag}: there is no GPU {number}; PyTorch finds {count} GPU(s) here; "
                f"{device.FORCE_CPU}=1 runs on the CPU"
            )
    return numbers


def use_first(flag: str) -> None:
    """Compute on the first GPU of the flag, on the CPU where it is empty."""
    numbers = chosen(flag)
    if numbers:
        log.info(f"Use GPU with device ID {numbers[0]}")
        log.info(f"GPU device name: {accelerator.name(numbers[0])}")
        device.set_device(numbers[0])
        device.set_mode_gpu()
    else:
        log.info("Use CPU.")
        device.set_mode_cpu()
