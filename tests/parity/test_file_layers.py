"""The layers that read files, and the one that writes one, under both engines: every top of every batch agrees."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cases_sources
import h5py
import numpy as np
import pytest
import sources_runner
from cases_sources import SOURCES, Source
from deviations import Table, deviation
from workshop import Workshop

import caffe_torch


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray], Path]]:
    """(our tops, the original's tops, the folder) of all cases: run once."""
    with Workshop() as shop:
        result = []
        for side, root_of_reader in (("theirs", shop.inside / "theirs"), ("ours", shop.path / "ours")):
            root = shop.path / side
            root.mkdir()
            cases_sources.write_files(root, root_of_reader)
            cases = [_prepare(case, root, root_of_reader) for case in SOURCES]
            (root / "cases.json").write_text(json.dumps(cases))
            if side == "ours":
                result.append(sources_runner.run(caffe_torch, cases))
            else:
                shutil.copy(sources_runner.__file__, root / "runner.py")
                shop.run("python3", *(str(root_of_reader / name) for name in ("runner.py", "cases.json", "tops.npz")))
                with np.load(root / "tops.npz") as file:
                    result.append({name: file[name] for name in file.files})
        yield result[1], result[0], shop.path


def _prepare(case: Source, root: Path, root_of_reader: Path) -> dict[str, object]:
    (root / f"{case.name}.prototxt").write_text(case.net.replace("{root}", str(root_of_reader)))
    return {
        "name": case.name, "prototxt": str(root_of_reader / f"{case.name}.prototxt"), "phase": case.phase,
        "tops": case.tops, "forwards": case.forwards, "memory": case.memory,
    }  # fmt: skip


@pytest.mark.parametrize("case", SOURCES, ids=lambda case: case.name)
def test_tops(case: Source, both: tuple[dict[str, np.ndarray], dict[str, np.ndarray], Path], table: Table) -> None:
    ours, theirs, _ = both
    for i in range(case.forwards):
        for top in case.tops:
            name = f"{case.name}/{i}/{top}"
            assert ours[name].shape == theirs[name].shape, name
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=case.tolerance, err_msg=name)
            row = re.findall(r'type: "(\w+)"', case.net)[0]
            table.add("Layers that read files", row, "forward", case.name, deviation(ours[name], theirs[name]))


def test_what_hdf5_output_writes(both: tuple[dict[str, np.ndarray], dict[str, np.ndarray], Path]) -> None:
    with h5py.File(both[2] / "ours/written.h5") as ours, h5py.File(both[2] / "theirs/written.h5") as theirs:
        assert set(ours) == set(theirs) == {"data", "label"}
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            np.testing.assert_array_equal(ours[name][()], theirs[name][()])


def test_every_layer_type_of_the_original_exists() -> None:
    with Workshop() as shop:
        output = shop.run("python3", "-c", "import caffe; print('TYPES ' + ' '.join(caffe.layer_type_list()))")
    theirs = next(line for line in output.splitlines() if line.startswith("TYPES ")).split()[1:]
    assert len(theirs) >= 58
    assert set(theirs) <= set(caffe_torch.layer_type_list())
