"""The paper's four nets at their smallest, trained for three iterations on drawn images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from devices import parameters

import caffe_torch as caffe
import small_nets
from multiweight.nets import nets, prototxt_text

#: Name -> its head and its weights.
NETS = {
    "multi_label": ("multi_label", small_nets.ONES),
    "multi_task": ("multi_task", small_nets.ONES),
    "multi_weight": ("multi_weight", small_nets.GAMMA),
    "multi_weight_third": ("multi_weight", {**small_nets.GAMMA, "Colour": 0.3333}),
}


def trained(folder: Path, head: str, gamma: dict, loss: str, settings: str = "") -> dict[str, np.ndarray]:
    """Weights, their updates and the losses after three iterations from drawn weights."""
    folder.mkdir(exist_ok=True)
    chosen = small_nets.settings(head, loss=loss)
    net = nets.train_val(caffe, chosen, small_nets.CATALOG, gamma, small_nets.PATHS)
    (folder / "net.prototxt").write_text(prototxt_text.render(small_nets.without_data(caffe, net)))
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.0005 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 '
        f"display: 0 random_seed: 2 max_iter: 99 {settings}"
    )
    solver = caffe.SGDSolver(str(folder / "solver.prototxt"))
    random = np.random.default_rng(5)
    solver.net.blobs["data"].data[...] = random.normal(0, 60, solver.net.blobs["data"].data.shape)
    solver.net.blobs["label"].data[...] = random.random(solver.net.blobs["label"].data.shape) < 0.3
    solver.step(3)
    losses = {name: solver.net.blobs[name].data.copy() for name in solver.net.outputs}
    updates = {f"{name} diff": array for name, array in parameters(solver.net, "diff").items()}
    return {**parameters(solver.net), **updates, **losses}
