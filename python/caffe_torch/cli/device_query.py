"""device_query: what PyTorch says about the GPUs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from caffe_torch.cli import devices
from caffe_torch.runtime import accelerator, log


def run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    log.info(f"Querying GPUs {args.gpu}")
    for number in devices.chosen(args.gpu):
        for title, value in {"Device id": number, **accelerator.properties(number)}.items():
            log.info(f"{title + ':':<30}{value}")
    return 0
