"""time: how long each layer takes, forward and backward."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Callable

from caffe_torch.cli import devices
from caffe_torch.cli.flags import comma_separated
from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import device, log


def run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    if not args.model:
        raise CaffeError("time: needs --model, the net to time")
    if args.iterations < 1:
        raise CaffeError(f"time: --iterations must be 1 or more, found {args.iterations}")
    devices.use_first(args.gpu)
    net = Net(args.model, caffe_pb2.Phase.Value(args.phase), level=args.level, stages=comma_separated(args.stage))
    graph, nodes = net.graph, net.graph.nodes
    log.info("Performing Forward")
    log.info(f"Initial loss: {graph.forward():g}")
    log.info("Performing Backward")
    graph.backward()
    log.info("*** Benchmark begins ***")
    log.info(f"Testing for {args.iterations} iterations.")
    forward, backward = [0.0] * len(nodes), [0.0] * len(nodes)
    for i in range(args.iterations):
        total = -sum(forward) - sum(backward)
        for j in range(len(nodes)):
            forward[j] += _milliseconds(lambda j=j: graph.forward(j, j))  # type: ignore[misc]
        for j in reversed(range(len(nodes))):
            backward[j] += _milliseconds(lambda j=j: graph.backward(j, j))  # type: ignore[misc]
        total += sum(forward) + sum(backward)
        log.info(f"Iteration: {i + 1} forward-backward time: {total:g} ms.")
    log.info("Average time per layer: ")
    for node, there, back in zip(nodes, forward, backward):
        log.info(f"{node.name:>10}\tforward: {there / args.iterations:g} ms.")
        log.info(f"{node.name:>10}\tbackward: {back / args.iterations:g} ms.")
    log.info(f"Average Forward pass: {sum(forward) / args.iterations:g} ms.")
    log.info(f"Average Backward pass: {sum(backward) / args.iterations:g} ms.")
    log.info(f"Average Forward-Backward: {(sum(forward) + sum(backward)) / args.iterations:g} ms.")
    log.info(f"Total Time: {sum(forward) + sum(backward):g} ms.")
    log.info("*** Benchmark ends ***")
    return 0


def _milliseconds(work: Callable[[], object]) -> float:
    """The time that ``work`` takes, the GPU's part included."""
    begun = time.perf_counter()
    work()
    device.synchronize()
    return (time.perf_counter() - begun) * 1000
