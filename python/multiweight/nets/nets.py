"""The nets of the paper: a trunk, and the heads multi_label, multi_task and multi_weight."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.gamma import schemes
from multiweight.nets.settings import BRANCHES, DataPaths, NetSettings
from multiweight.nets.trunks import TRUNKS, batch_norm, std
from multiweight.records.catalog import Catalog, Group

__all__ = ["DataPaths", "NetSettings", "deploy", "train_val"]


def train_val(
    caffe: ModuleType,
    settings: NetSettings,
    catalog: Catalog,
    gamma: Mapping[str, float],
    paths: DataPaths,
    name: str = "",
    present: Sequence[float] = (),
) -> Any:
    """The NetParameter for training and testing, under the engine ``caffe``.

    Blobs: data, label, fc7, scores ``fc8_<group>`` (multi_label: ``fc8``), per-group losses ``loss_<group>``, total
    ``loss`` (the builtin form has no total blob; the solver's own loss is the total). ``gamma`` maps group to weight;
    ``present`` has a weight for each label where it is present, in catalog order (none: all 1).
    Both phases read an image LMDB and a label LMDB with the same keys; only TRAIN draws random crops and mirrors.
    """
    build = _Builder(caffe, settings, catalog, gamma)
    build.present = tuple(present)
    build.data(paths, train=True)
    build.trunk()
    build.losses(build.scores())
    net = build.spec.to_proto()
    test = _Builder(caffe, settings, catalog, gamma)
    test.data(paths, train=False)
    inputs = test.spec.to_proto().layer
    result = build.schema.NetParameter(name=name or f"{TRUNKS[settings.trunk].title}_{settings.head}")
    result.layer.extend(net.layer[: len(inputs)])
    result.layer.extend(inputs)
    result.layer.extend(net.layer[len(inputs) :])
    return result


def deploy(caffe: ModuleType, settings: NetSettings, catalog: Catalog, name: str = "") -> Any:
    """The NetParameter for annotation and features: input ``data`` (10 x 3 x crop x crop), outputs ``prob_<group>``.

    multi_label ends in one ``prob``. The retrieval feature is the blob named by ``settings.retrieval_blob``: fc7 after
    its ReLU, or, where tasks have their own fc7, those side by side in catalog order.
    """
    build = _Builder(caffe, settings, catalog, {group: 1.0 for group in catalog.names})
    build.spec.data = build.layers.Input(shape=dict(dim=[10, 3, settings.crop, settings.crop]))
    build.trunk()
    scores = build.scores()
    if build.task_features:
        build.spec[settings.retrieval_blob] = build.layers.Concat(*build.task_features, axis=1)
    for key, score in scores.items():
        build.spec[f"prob_{key}" if key else "prob"] = build.layers.Sigmoid(score)
    result = build.schema.NetParameter(name=name or f"{TRUNKS[settings.trunk].title}_{settings.head}")
    result.layer.extend(build.spec.to_proto().layer)
    for layer in result.layer:
        layer.ClearField("param")
    return result


class _Builder:
    """One net under construction: the parts that train_val and deploy share."""

    def __init__(self, caffe: ModuleType, settings: NetSettings, catalog: Catalog, gamma: Mapping[str, float]):
        self.spec = caffe.NetSpec()
        self.layers, self.params, self.schema = caffe.layers, caffe.params, engine.schema(caffe)
        self.settings, self.catalog, self.gamma = settings, catalog, gamma
        self.task_features: list[Any] = []
        self.present: tuple[float, ...] = ()
        missing = [group for group in catalog.names if group not in gamma]
        if missing:
            raise UserError(f"no gamma for group {missing[0]!r} of the catalog")

    def data(self, paths: DataPaths, train: bool) -> None:
        """Images and labels from two LMDBs in step: Datum.label is one integer, so label vectors need their own."""
        s, n, data = self.settings, self.spec, self.layers.Data
        phase = dict(phase=self.schema.TRAIN if train else self.schema.TEST)
        batch = s.batch_size if train else s.test_batch_size
        transform: dict[str, Any] = dict(mirror=train and s.mirror, crop_size=s.crop)
        if paths.mean:
            transform["mean_file"] = paths.mean
        backend = self.params.Data.LMDB
        images, labels = (paths.train_images, paths.train_labels) if train else (paths.test_images, paths.test_labels)
        n.data = data(include=phase, transform_param=transform, source=images, batch_size=batch, backend=backend)
        n.label = data(include=phase, source=labels, batch_size=batch, backend=backend)

    def trunk(self) -> None:
        """The trunk, and fc6 and fc7 as far as all tasks share them."""
        s = self.settings
        kind = TRUNKS[s.trunk]
        self.feature, channels = kind.build(self)
        self.inputs = channels * s.side**2
        for layer in BRANCHES[:0:-1][: 2 - BRANCHES.index(s.branch)] if kind.hidden else ():
            self.feature = self.hidden(layer, self.feature, self.inputs, s.units(4096))
            self.inputs = s.units(4096)

    def scores(self) -> dict[str, Any]:
        """The score blob of each group by slug; multi_label has one for all labels, under the empty key."""
        s, groups = self.settings, self.catalog.groups
        if s.head == "multi_label":
            self.spec.fc8 = self.output(self.feature, self.inputs, self.catalog.size, [])
            return {"": self.spec.fc8}
        scores: dict[str, Any] = {}
        tasks = self.tasks()
        for task, members in tasks.items():
            feature, inputs = self.feature, self.inputs
            units = s.task_units or math.ceil(s.units(4096) / len(tasks))
            for layer in BRANCHES[BRANCHES.index(s.branch) : 0 : -1]:
                feature, inputs = self.hidden(f"{layer}_{task}", feature, inputs, units, members), units
                if layer == self.settings.retrieval_blob:
                    self.task_features.append(feature)
            top = self.output(feature, inputs, sum(group.size for group in members), members)
            self.spec[f"fc8_{members[0].slug if len(members) == 1 else task}"] = top
            scores.update(self.parts("fc8", task, top, members))
        return {group.slug: scores[group.slug] for group in groups}

    def tasks(self) -> dict[str, list[Group]]:
        """The groups of each task, by the name its layers carry."""
        if self.settings.tasks == "group":
            return {group.slug: [group] for group in self.catalog.groups}
        tasks = {f"{kind}s": [g for g in self.catalog.groups if g.kind == kind] for kind in ("type", "attribute")}
        for name, members in tasks.items():
            if not members:
                raise UserError(
                    f"two tasks by kind: the catalog has no group of kind {name[:-1]!r}: give one `kind: {name[:-1]}`"
                )
            if any(group.slug == name for group in self.catalog.groups):
                raise UserError(
                    f"two tasks by kind: a group called {name!r} takes the name of the task's layers: rename it"
                )
        return tasks

    def losses(self, scores: dict[str, Any]) -> None:
        n, layers = self.spec, self.layers
        groups = self.catalog.groups
        ignore = dict(loss_param=dict(ignore_label=-1)) if self.settings.unknown == "ignore" else {}
        if self.settings.head == "multi_label":
            # Normalised by the batch size, as Eq. (1): sum over labels, mean over images.
            n.loss = layers.SigmoidCrossEntropyLoss(scores[""], n.label, **ignore)
        elif self.settings.loss == "builtin":
            for slug, label in self.parts("label", "", n.label, list(groups)).items():
                weight = float(self.gamma[next(group.name for group in groups if group.slug == slug)])
                n[f"loss_{slug}"] = layers.SigmoidCrossEntropyLoss(scores[slug], label, loss_weight=weight, **ignore)
        else:
            how = schemes.layer_of(self.settings.weighting)
            tops = layers.Python(
                *scores.values(),
                n.label,
                ntop=1 + len(groups),
                loss_weight=[1.0] + [0.0] * len(groups),
                **({"param": [dict(lr_mult=lr, decay_mult=0) for lr in how.lr_mults]} if how.lr_mults else {}),
                python_param=dict(
                    module=f"multiweight.layers.{how.module}",
                    layer=how.name,
                    param_str=self.param_str(),
                ),
            )
            n.loss = tops[0]
            for group, top in zip(groups, tops[1:]):
                n[f"loss_{group.slug}"] = top

    def param_str(self) -> str:
        s = self.settings
        values: dict[str, Any] = {
            "groups": list(self.catalog.names),
            "gamma": [float(self.gamma[name]) for name in self.catalog.names],
        }
        if s.objective != "sigmoid" or self.present:
            values["objective"] = {**s.objective_values, **({"present": self.present} if self.present else {})}
        values.update(schemes.layer_constants(s.weighting, s.constants))
        return json.dumps(values, ensure_ascii=False)

    def parts(self, prefix: str, task: str, whole: Any, members: list[Group]) -> dict[str, Any]:
        """``whole`` cut into one blob a group; Caffe has no Slice of one top, so one group takes it as it is."""
        if len(members) == 1:
            return {members[0].slug: whole}
        points, at = [], 0
        for group in members[:-1]:
            at += group.size
            points.append(at)
        name = f"slice_{task or prefix}"
        tops = self.layers.Slice(whole, ntop=len(members), name=name, axis=1, slice_point=points)
        for group, top in zip(members, tops):
            self.spec[f"{prefix}_{group.slug}"] = top
        return {group.slug: top for group, top in zip(members, tops)}

    def conv(
        self, bottom: Any, outputs: int, kernel: int, bias: float, std: float | None = None, **more: int
    ) -> tuple[Any, Any]:
        """A convolution and its ReLU; biases above 0 keep ReLUs alive. Without ``std``, He's initialisation."""
        top = self.layers.Convolution(
            bottom,
            param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)],
            num_output=self.settings.units(outputs),
            kernel_size=kernel,
            **more,
            weight_filler=dict(type="msra") if std is None else dict(type="gaussian", std=std),
            bias_filler=dict(type="constant", value=bias),
        )
        return top, self.layers.ReLU(top, in_place=True)

    def plain_conv(self, bottom: Any, outputs: int, kernel: int, bias_term: bool, **more: int) -> Any:
        """A convolution before a BatchNorm, which needs no bias."""
        param = [dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)]
        chosen: dict[str, Any] = dict(num_output=self.settings.units(outputs), kernel_size=kernel, **more)
        chosen["weight_filler"] = dict(type="msra")
        if bias_term:
            return self.layers.Convolution(bottom, param=param, **chosen)
        return self.layers.Convolution(bottom, param=param[:1], bias_term=False, **chosen)

    def norm(self, bottom: Any) -> Any:
        return self.layers.LRN(bottom, local_size=5, alpha=1e-4, beta=0.75)

    def pool(self, bottom: Any, kernel: int = 3) -> Any:
        return self.layers.Pooling(bottom, pool=self.params.Pooling.MAX, kernel_size=kernel, stride=2)

    def hidden(self, name: str, bottom: Any, inputs: int, units: int, members: list[Group] | None = None) -> Any:
        """fc6 or fc7 with ReLU and dropout, shared, or a task's own where ``members`` says whose."""
        n, layers, number = self.spec, self.layers, name[2:]
        kind = TRUNKS[self.settings.trunk]
        full = 9216 if name.startswith("fc6") else 4096
        if kind.batch_norm:
            n[name] = top = self.plain_dense(bottom, units, members)
            lr, decay = self.multipliers(members)
            own = {"param": [dict(lr_mult=lr, decay_mult=decay)] * 2} if (lr, decay) != (1.0, 1.0) else {}
            n[f"bn{number}"], n[f"scale{number}"] = batch_norm(self, top, **own)
            top = n[f"scale{number}"]
        else:
            n[name] = top = self.dense(bottom, units, std(0.005, inputs / full), kind.hidden_bias, members)
        n[f"relu{number}"] = layers.ReLU(top, in_place=True)
        n[f"drop{number}"] = layers.Dropout(n[f"relu{number}"], in_place=True, dropout_ratio=self.settings.dropout)
        return n[f"drop{number}"]

    def output(self, bottom: Any, inputs: int, labels: int, members: list[Group]) -> Any:
        return self.dense(bottom, labels, std(0.01, inputs / 4096), 0, members)

    def dense(self, bottom: Any, units: int, std: float, bias: float, members: list[Group] | None) -> Any:
        lr, decay = self.multipliers(members)
        return self.layers.InnerProduct(
            bottom,
            param=[dict(lr_mult=lr, decay_mult=decay), dict(lr_mult=2 * lr, decay_mult=0)],
            num_output=units,
            weight_filler=dict(type="gaussian", std=std),
            bias_filler=dict(type="constant", value=bias),
        )

    def plain_dense(self, bottom: Any, units: int, members: list[Group] | None) -> Any:
        """Weights by He's rule and no bias: a BatchNorm follows."""
        lr, decay = self.multipliers(members)
        return self.layers.InnerProduct(
            bottom,
            param=[dict(lr_mult=lr, decay_mult=decay)],
            num_output=units,
            bias_term=False,
            weight_filler=dict(type="msra"),
        )

    def multipliers(self, members: list[Group] | None) -> tuple[float, float]:
        """lr_mult and decay_mult of a layer that belongs to ``members`` (None or empty: to all)."""
        s = self.settings
        if not members:
            return 1.0, 1.0
        lr, decay = s.task_lr, s.task_decay
        if s.decay_by_gamma or s.gamma_on == "shared":
            weights = {float(self.gamma[group.name]) for group in members}
            if len(weights) > 1:
                raise UserError("decay_by_gamma and gamma_on = shared need one gamma a task: use tasks = group")
            weight = weights.pop()
            decay *= weight
            if s.gamma_on == "shared":
                if weight == 0:
                    raise UserError(
                        f"gamma_on = shared: gamma of group {members[0].name!r} is 0, by which nothing is divided"
                    )
                lr /= weight
        return lr, decay
