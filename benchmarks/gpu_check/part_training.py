"""A training of train-multiweight on the drawn sample shop: the losses on the GPU beside those on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from parts import Target

import caffe_torch as caffe
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.datasets.sample_shop import shop
from multiweight.nets import nets, prototxt_text
from multiweight.nets.settings import DataPaths, NetSettings
from multiweight.pack import packing
from multiweight.prepare import split
from multiweight.records.catalog import Catalog


def measure(target: Target) -> dict[str, Any]:
    """The mean loss of the first and the last tenth of the iterations, and how far they lie apart."""
    toy = target.emulated
    iterations, products, batch, width = (6, 30, 4, 1 / 16) if toy else (300, 400, 32, 1 / 4)
    dataset = _packed(target.folder, products)
    settings = NetSettings(
        head="multi_weight", size=80, crop=67, width=width, batch_size=batch, dropout=0.0, mirror=False
    ).for_head("multi_weight")
    solver = _solver(target.folder, dataset, settings)
    losses = {}
    for mode, choose in (("CPU", caffe.set_mode_cpu), ("GPU", caffe.set_mode_gpu)):
        choose()
        losses[mode] = _losses(solver, iterations)
    caffe.set_mode_cpu()
    tenth = max(iterations // 10, 1)
    results: dict[str, Any] = {"iterations": iterations}
    for part, where in (("first", slice(None, tenth)), ("last", slice(-tenth, None))):
        cpu, gpu = (float(np.mean(losses[mode][where])) for mode in ("CPU", "GPU"))
        results[f"loss, {part} tenth"] = f"{gpu:.5g}, on the CPU {cpu:.5g} ({abs(gpu - cpu) / cpu:.1e} apart)"
        # Rounding grows with the iterations; the same data give nearly the same mean.
        if not abs(gpu - cpu) <= (0.001 if part == "first" else 0.05) * cpu:
            raise RuntimeError(f"the {part} tenth of the losses: {gpu:.5g} on the GPU, {cpu:.5g} on the CPU")
    return results


def _packed(folder: Path, products: int) -> Dataset:
    dataset = Dataset("shop", folder / "runs")
    shop.make(folder / "shop", shop.ShopSettings(products=products, size=96), progress=quiet)
    importing.import_dataset(dataset, folder / "shop", progress=quiet)
    split.split_dataset(dataset)
    packing.pack(caffe, dataset, packing.Settings(size=80, encoding="raw"), progress=quiet)
    return dataset


def _solver(folder: Path, dataset: Dataset, settings: NetSettings) -> str:
    catalog = Catalog.load(dataset.catalog)
    gamma = {group.name: 1.0 / (1 + i) for i, group in enumerate(catalog.groups)}
    paths = DataPaths(*(str(p) for p in (
        dataset.images("train"), dataset.labels("train"), dataset.images("test"), dataset.labels("test"), dataset.mean,
    )))  # fmt: skip
    (folder / "net.prototxt").write_text(prototxt_text.render(nets.train_val(caffe, settings, catalog, gamma, paths)))
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.0015 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 '
        "display: 0 random_seed: 1 max_iter: 100000"
    )
    return str(folder / "solver.prototxt")


def _losses(solver_file: str, iterations: int) -> list[float]:
    solver = caffe.get_solver(solver_file)
    losses = []
    for _ in range(iterations):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data.reshape(-1)[0]))
    return losses
