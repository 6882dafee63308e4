"""test: forward a net's TEST phase over some batches, and give the scores of each and their means."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

from caffe_torch.cli import devices
from caffe_torch.cli.flags import comma_separated
from caffe_torch.errors import CaffeError
from caffe_torch.net import nonfinite
from caffe_torch.net.net import Net
from caffe_torch.proto.caffe_pb2 import TEST
from caffe_torch.runtime import log


def run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    if not args.model:
        raise CaffeError("test: needs --model, the net to score")
    if not args.weights:
        raise CaffeError("test: needs --weights, the .caffemodel to score")
    if args.iterations < 1:
        raise CaffeError(f"test: --iterations must be 1 or more, found {args.iterations}")
    devices.use_first(args.gpu)
    net = Net(args.model, TEST, level=args.level, stages=comma_separated(args.stage), weights=args.weights)
    log.info(f"Running for {args.iterations} iterations.")
    loss = 0.0
    sums: dict[str, np.ndarray] = {}
    for i in range(args.iterations):
        loss += net.graph.forward()
        if not math.isfinite(loss):
            where = nonfinite.first(net.graph) or "no single blob is at fault"
            raise CaffeError(f"batch {i}: the loss is {loss}: {where}")
        for name in net.outputs:
            scores = np.ravel(net.blobs[name].data)
            for score in scores:
                log.info(f"Batch {i}, {name} = {score:g}")
            sums[name] = sums.get(name, 0.0) + scores.astype(np.float64)
    log.info(f"Loss: {loss / args.iterations:g}")
    weights = net.blob_loss_weights
    for name, total in sums.items():
        for mean in total / args.iterations:
            weight = weights[name]
            extra = f" (* {weight:g} = {weight * mean:g} loss)" if weight else ""
            log.info(f"{name} = {mean:g}{extra}")
    return 0
