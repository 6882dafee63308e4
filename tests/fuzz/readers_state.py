"""What the steps leave for each other: log.csv, their JSON files, result lists, arrays, notes of work in progress."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import mutations
import numpy as np
from readers import Reader, register

from multiweight.base import done, hdf5_file, npz_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.datasets import deepfashion
from multiweight.features import partial_rows
from multiweight.report import results
from multiweight.serve import training_state
from multiweight.study import table

_LOG = (
    "iteration,phase,loss,lr,seconds,loss_a,loss_b,map\n0,test,20.8,,0.6,8.8,6.9,0.4\n"
    "1,train,20.9,0.001,2.5,8.9,7.0,\n2,train,nan,1e-05,5.3,8.8,inf,\n2,test,20.7,,5.5,8.7,6.8,\n"
)
_INFO = {
    "size": 72, "counts": {"train": 75, "test": 31}, "labels": 58, "group_images": {"Color": 75}, "bad": 0,
    "encoding": "raw", "seed": 1, "seconds": 0.5, "settings": {"size": 72, "seed": 1},
}  # fmt: skip
_GROUP = {"map": 0.47, "interval": [0.4, 0.5], "precision": 0.1, "queries": 31, "proportion": 1.0}
_EVALUATION = {
    "mean_map": 0.4, "mean_interval": [0.3, 0.5], "metric": "cosine", "denominator": "retrieved", "k": 50,
    "groups": {"a": _GROUP, "b": {**_GROUP, "map": None}}, "gamma": {"a": 1.0, "b": 0.5}, "test": {"images": 31},
}  # fmt: skip


def _example(content: object) -> Sequence[bytes]:
    return [json.dumps(content).encode()]


def _log(path: Path) -> None:
    run = Dataset("d", "log-runs").run("multi_task")
    run.root.mkdir(parents=True, exist_ok=True)
    path.replace(run.log)
    state = training_state.state(run)
    if state["stage"] == "unknown":
        raise UserError(state["problem"])
    results.read_log(run, _EVALUATION)


def _mark(name: str, path: Path) -> None:
    """A step's file under its own name: read, and compared with what the step would do now."""
    place = path.with_name("marks") / name
    place.parent.mkdir(exist_ok=True)
    path.replace(place)
    result = done.finished(place, {"size": 72, "seed": 1})
    if result:
        result["counts"]["test"]


def _evaluation(path: Path) -> None:
    """As the report loads it."""
    dataset = Dataset("d", "evaluated")
    run = dataset.run("multi_task")
    run.root.mkdir(parents=True, exist_ok=True)
    path.replace(run.evaluation)
    result = results.load(dataset)
    results.problems(result)


def _lists(folder: Path) -> Sequence[bytes]:
    examples = []
    for options in ({}, {"compression": "gzip"}):
        with h5py.File(folder / "lists.h5", "w") as file:
            file.create_dataset("indices", data=np.arange(24, dtype=np.int32).reshape(6, 4))
            file.create_dataset("ap", data=np.ones((6, 2), np.float32), **options)
            file.attrs.update(k=4)
        examples.append((folder / "lists.h5").read_bytes())
    return examples


def _read_lists(path: Path) -> None:
    hdf5_file.numbers(path, "ap", 2, "evaluate again")
    hdf5_file.numbers(path, "indices", 2, "evaluate again", 3)


def _arrays(folder: Path) -> Sequence[bytes]:
    examples = []
    for write in (np.savez, np.savez_compressed):
        with open(folder / "arrays.npz", "wb") as file:
            write(file, chunks=3, total=np.arange(12).reshape(3, 2, 2), identity=np.array("x y"))
        examples.append((folder / "arrays.npz").read_bytes())
    return examples


def _read_arrays(path: Path) -> None:
    try:
        npz_file.read(path, "chunks", "total", "identity")
    except ValueError as error:
        raise UserError(str(error)) from None


def _read_note(path: Path) -> None:
    output = path.with_name("rows.h5")
    path.replace(output.with_name("rows.h5.part.json"))
    output.with_name("rows.h5.part").write_bytes(bytes(4 * 3 * 5))
    rows = partial_rows.PartialRows(output, "a b")
    rows.append(np.zeros((1, rows.columns or 5), np.float32))
    rows.close()


_FINE = {
    "Anno_fine/list_category_cloth.txt": "2\ncategory_name  category_type\nAnorak         1\nJeans 2\n",
    "Anno_fine/list_attr_cloth.txt": "2\nattribute_name  attribute_type\nfloral 1\nlong sleeve 2\n",
    "Anno_fine/train.txt": "img/A b/1.jpg\nimg/B/1.jpg\n",
    "Anno_fine/train_cate.txt": "1\n2\n",
    "Anno_fine/train_attr.txt": "1 0\n0 1\n",
    "Anno_fine/test.txt": "img/C/1.jpg\n",
    "Anno_fine/test_cate.txt": "2\n",
    "Anno_fine/test_attr.txt": "1 1\n",
}


def _list(text: str, folder: Path) -> Sequence[bytes]:
    return [text.encode()]


def _fine(name: str, path: Path) -> None:
    """A list of the finer annotations, among the others."""
    folder = path.parent / f"fine-{Path(name).stem}"
    for other, text in _FINE.items():
        if not (folder / other).exists():
            (folder / other).parent.mkdir(parents=True, exist_ok=True)
            (folder / other).write_text(text)
    (folder / "img").mkdir(exist_ok=True)
    path.replace(folder / name)
    deepfashion.load(folder)


def _trials(folder: Path) -> Sequence[bytes]:
    setting = {
        "purpose": "final",
        "data": "d",
        "method": "multi_label",
        "rate": 0.1,
        "seed": 1,
        "iterations": 8,
        "x": 2,
    }
    result = {
        "status": "done", "settings": setting, "points": [{"iteration": 8, "mean_map": 0.3}], "groups": {"a": 0.2},
        "images": {"train": 5, "test": 3}, "seconds": 2.0,
        "training_seconds": 1.5, "engine": "e", "device": "cpu", "processor": "p", "threads": 2,
        "versions": {"numpy": "2"}, "proportions": {"a": 1.0}, "gamma": {"a": 1.0}, "queries": {"a": 3},
    }  # fmt: skip
    table.add(folder, "core.one", {**result, "resamples": {"all": [0.1, 0.2]}})
    return [(folder / table.TRIALS).read_bytes()]


def _read_trials(path: Path) -> None:
    path.replace(path.with_name(table.TRIALS))
    table.read(path.parent)


_TEXT = mutations.change_text
register(Reader("trials", ".csv", _trials, _read_trials, (UserError,), _TEXT))
register(Reader("log", ".csv", lambda folder: [_LOG.encode()], _log, (UserError,), _TEXT))
register(Reader("dataset-mark", ".json", lambda folder: _example(_INFO),
                lambda path: _mark("dataset.json", path), (UserError,), _TEXT))  # fmt: skip
register(Reader("evaluation", ".json", lambda folder: _example(_EVALUATION), _evaluation, (UserError,), _TEXT))
register(Reader("result-lists", ".h5", _lists, _read_lists, (UserError,)))
register(Reader("arrays", ".npz", _arrays, _read_arrays, (UserError,)))
register(Reader("partial-rows", ".json", lambda folder: _example({"identity": "a b", "done": 3, "columns": 5}),
                _read_note, (UserError,), _TEXT))  # fmt: skip
for _name, _text in _FINE.items():
    _read = functools.partial(_fine, _name)
    register(Reader(f"fine-{Path(_name).stem}", ".txt", functools.partial(_list, _text), _read, (UserError,), _TEXT))
