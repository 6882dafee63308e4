"""``debug_info``: after each layer, the mean absolute value of its blobs and gradients in the log."""

from __future__ import annotations

from torch import Tensor

from caffe_torch.net.graph import Graph
from caffe_torch.runtime import accelerator, device, log


class DebugInfo:
    """Writes its lines while ``on``; one a net."""

    def __init__(self, graph: Graph, on: bool = True):
        self._graph, self.on = graph, on
        graph.after_forward.append(self._forward)
        graph.after_backward.append(self._backward)

    def _forward(self, index: int) -> None:
        if not self.on:
            return
        node = self._graph.nodes[index]
        layer = node.layer
        where = f"    [Forward] Layer {node.name}"
        for top, blob in zip(node.top_names, node.tops):
            log.info(f"{where}, top blob {top} data: {_mean(blob.tensor()):g}")
        for i, blob in enumerate(layer.blobs):
            shared = layer.param.param[i].name if i < len(layer.param.param) else ""
            log.info(f"{where}, param blob {shared or i} data: {_mean(blob.tensor()):g}")

    def _backward(self, index: int) -> None:
        if not self.on:
            return
        node = self._graph.nodes[index]
        layer = node.layer
        where = f"    [Backward] Layer {node.name}"
        if node.needs_backward:
            for bottom, blob, flag in zip(node.bottom_names, node.bottoms, node.propagate_down):
                if flag:
                    log.info(f"{where}, bottom blob {bottom} diff: {_mean(blob.diff_tensor()):g}")
            for i, blob in enumerate(layer.blobs):
                if layer.param_propagate_down[i]:
                    log.info(f"{where}, param blob {i} diff: {_mean(blob.diff_tensor()):g}")
        if index == 0:
            self._all_parameters()

    def _all_parameters(self) -> None:
        kind = accelerator.sum_type(device.current())
        data = [p.blob.tensor().to(kind) for p in self._graph.learnable]
        diff = [p.blob.diff_tensor().to(kind) for p in self._graph.learnable]
        l1 = [sum(float(t.abs().sum()) for t in side) for side in (data, diff)]
        l2 = [sum(float(t.square().sum()) for t in side) ** 0.5 for side in (data, diff)]
        log.error(
            f"    [Backward] All net params (data, diff): L1 norm = ({l1[0]:g}, {l1[1]:g}); "
            f"L2 norm = ({l2[0]:g}, {l2[1]:g})"
        )


def _mean(values: Tensor) -> float:
    return float(values.abs().sum()) / max(values.numel(), 1)
