"""A run's net as ONNX, with what a program needs to use it, in the run's folder ``export``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from multiweight.base import done, lock, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Run
from multiweight.export import annotate_photo, model_card
from multiweight.features import feature_net, transform
from multiweight.features.extraction import DEFAULT_BLOB
from multiweight.records.catalog import Catalog

MODEL, CATALOG, CARD, SCRIPT = "model.onnx", "catalog.json", "README.md", "annotate.py"


@lock.scope
def export_run(caffe: ModuleType, run: Run, iteration: int | None = None) -> tuple[Path, Any]:
    """Write the folder ``export`` of a run, from its last snapshot or that of ``iteration``.

    ``model.onnx`` takes ``data``: (n, 3, crop, crop) float32, BGR, 0 to 255, any n; the mean is subtracted inside. It
    gives the retrieval blob (fc7) and the sigmoid outputs. Returns the folder and how far onnxruntime lies from the
    engine; UserError where the engine is not caffe_torch, or the model cannot be written.
    """
    if not hasattr(caffe, "export"):
        raise UserError("export needs the engine caffe_torch (ENGINE=torch; pip install 'multiweight[torch,export]')")
    net_run, snapshot = feature_net.net_of(run, iteration)
    if snapshot is None:
        raise UserError(f"{run.variant}: has no trained net to export")
    catalog = Catalog.load(run.dataset.catalog)
    probabilities = feature_net.output_blobs(caffe, net_run.deploy, catalog)
    settings = done.read(run.settings) if run.settings.exists() else {}
    features = settings.get("retrieval_blob", DEFAULT_BLOB)
    net = feature_net.open_net(caffe, net_run.deploy, snapshot, [features, *probabilities])
    mean = transform.read_mean(caffe, run.dataset.mean) if run.dataset.mean.exists() else None
    crop = int(net.blobs["data"].shape[-1])
    size = int(mean.shape[-1]) if mean is not None else crop
    folder = run.root / "export"
    folder.mkdir(exist_ok=True)
    lock.hold(folder, "export")
    deviation = _write_model(caffe, net, folder / MODEL, [features, *probabilities], mean)
    about = {
        "size": size, "crop": crop, "channels": "bgr", "features": features, "probabilities": probabilities,
        "groups": [{"name": g.name, "kind": g.kind, "labels": list(g.labels)} for g in catalog.groups],
    }  # fmt: skip
    whole_file.write(folder / CATALOG, json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    whole_file.write(folder / CARD, model_card.text(run, snapshot, about, settings, str(deviation)))
    with whole_file.place(folder / SCRIPT) as partial:
        shutil.copyfile(annotate_photo.__file__, partial)
    return folder, deviation


def _write_model(caffe: ModuleType, net: Any, path: Path, outputs: list[str], mean: Any) -> Any:
    preprocessing = caffe.export.Preprocessing(mean=mean) if mean is not None else None
    try:
        return caffe.export.onnx(net, path, outputs=outputs, preprocessing=preprocessing)
    except ModuleNotFoundError as error:
        raise UserError(f"export needs {error.name}: pip install 'multiweight[torch,export]'") from None
    except caffe.CaffeError as error:
        raise UserError(str(error)) from None
