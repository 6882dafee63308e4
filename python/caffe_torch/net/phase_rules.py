"""From the net as written to the net as run: phase rules, and a Split wherever a blob is used more than once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log


def filter_net(net: Any) -> Any:
    """The net without the layers that its ``state`` (phase, level, stages) excludes.

    A layer may carry ``include`` rules (one must hold) or ``exclude`` rules (none may hold), not both.
    """
    kept = caffe_pb2.NetParameter()
    kept.CopyFrom(net)
    del kept.layer[:]
    for layer in net.layer:
        if layer.include and layer.exclude:
            raise CaffeError(f"layer {layer.name!r}: has both include and exclude rules; use one kind")
        included = any(_meets(net.state, rule, layer.name) for rule in layer.include) if layer.include else True
        if included and not any(_meets(net.state, rule, layer.name) for rule in layer.exclude):
            kept.layer.add().CopyFrom(layer)
    return kept


def _meets(state: Any, rule: Any, layer: str) -> bool:
    reason = _unmet(state, rule)
    if reason:
        log.info(f"The NetState {reason} specified by a rule in layer {layer}")
    return not reason


def _unmet(state: Any, rule: Any) -> str:
    """Why the rule does not hold, or ``""``."""
    if rule.HasField("phase") and rule.phase != state.phase:
        return f"phase ({state.phase}) differed from the phase ({rule.phase})"
    if rule.HasField("min_level") and state.level < rule.min_level:
        return f"level ({state.level}) is below the min_level ({rule.min_level})"
    if rule.HasField("max_level") and state.level > rule.max_level:
        return f"level ({state.level}) is above the max_level ({rule.max_level})"
    stages = set(state.stage)
    for stage in rule.stage:
        if stage not in stages:
            return f"did not contain stage '{stage}'"
    for stage in rule.not_stage:
        if stage in stages:
            return f"contained a not_stage '{stage}'"
    return ""


def insert_splits(net: Any) -> Any:
    """The net in which every blob has one consumer; Split layers and blobs are named as Caffe names them.

    A loss weight counts as a consumer; it moves to the Split's first top.
    """
    last: dict[str, tuple[int, int]] = {}
    source: dict[tuple[int, int], tuple[int, int]] = {}
    uses: dict[tuple[int, int], int] = {}
    for i, layer in enumerate(net.layer):
        for j, name in enumerate(layer.bottom):
            if name not in last:
                known = ", ".join(sorted(last)) or "none so far"
                raise CaffeError(
                    f"layer {layer.name!r}: unknown bottom blob {name!r} (bottom {j}); blobs above it: {known}"
                )
            source[i, j] = last[name]
            uses[last[name]] = uses.get(last[name], 0) + 1
        for j, name in enumerate(layer.top):
            last[name] = (i, j)
        for j, weight in enumerate(layer.loss_weight[: len(layer.top)]):
            if weight:
                uses[i, j] = uses.get((i, j), 0) + 1
    out = caffe_pb2.NetParameter()
    out.CopyFrom(net)
    del out.layer[:]
    served: dict[tuple[int, int], int] = {}
    for i, layer in enumerate(net.layer):
        new = out.layer.add()
        new.CopyFrom(layer)
        for j, name in enumerate(layer.bottom):
            top = source[i, j]
            if uses[top] > 1:
                owner = net.layer[top[0]].name
                new.bottom[j] = _split_blob(owner, name, top[1], served.get(top, 0))
                served[top] = served.get(top, 0) + 1
        for j, name in enumerate(layer.top):
            count = uses.get((i, j), 0)
            if count > 1:
                split = out.layer.add(name=f"{name}_{layer.name}_{j}_split", type="Split")
                split.bottom.append(name)
                split.top.extend(_split_blob(layer.name, name, j, k) for k in range(count))
                if j < len(layer.loss_weight) and layer.loss_weight[j]:
                    split.loss_weight.extend([layer.loss_weight[j], *[0.0] * (count - 1)])
                    new.loss_weight[j] = 0
                    served[i, j] = 1
    return out


def _split_blob(layer: str, blob: str, top: int, index: int) -> str:
    return f"{blob}_{layer}_{top}_split_{index}"


def state(phase: int, level: int = 0, stages: Iterable[str] = ()) -> Any:
    return caffe_pb2.NetState(phase=phase, level=level, stage=list(stages))
