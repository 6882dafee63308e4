"""device_query: what PyTorch says about the GPUs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from caffe_torch.cli import devices
from caffe_torch.runtime import log


def run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    log.info(f"Querying GPUs {args.gpu}")
    for number in devices.chosen(args.gpu):
        found = torch.cuda.get_device_properties(number)
        for name, value in (
            ("Device id:", number),
            ("Major revision number:", found.major),
            ("Minor revision number:", found.minor),
            ("Name:", found.name),
            ("Total global memory:", found.total_memory),
            ("Number of multiprocessors:", found.multi_processor_count),
        ):
            log.info(f"{name:<30}{value}")
    return 0
