"""Every layer case out of Caffe: the net's values, onnxruntime's, and those of OpenCV 5 and 4, side by side.

OpenCV 5 reads the ONNX model; OpenCV 4 reads Caffe's own files, a second opinion on what the numbers should be.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import exported
import numpy as np
import pytest
import runner
import unchecked
from case import Case
from cases import CASES
from deviations import TOLERANCE
from exported import worst_of
from fork_cases import CASES as JUDGED_FORKS
from fork_cases import ForkCase, case_of, normal
from judges import draw_weights, input_net, named

import caffe_torch
import caffe_torch.export.converters  # noqa: F401  (fills the registry)
from caffe_torch.export import registry, subgraph

SECTION, FORK_SECTION = "Layers", "Layers of forks"

#: What is exported of a case is its layer in the TEST phase, with an Input for every bottom.
EXPORTED = [
    replace(case, frozen=(), backward=False)
    for case in CASES
    if case.type not in (*registry.UNSUPPORTED, *subgraph.READERS) and case.bottoms and case.forwards == 1
    and "../files" not in case.layer
]  # fmt: skip
_X = normal(2, 8, 6, 10)
#: Layers of forks: those that OpenCV 4 judges (test_fork_layers.py), and some that it does not know.
FORKS: list[Case | ForkCase] = [
    *(case for case in JUDGED_FORKS if case.type not in registry.UNSUPPORTED),
    case_of("Normalize", 'normalize_param { normalize_type: "L1" }', _X, case="sphereface"),
    case_of("Flip", "", _X, case="width"),
    case_of("Upsample", "upsample_param { scale: 2 }", _X, case="yolo"),
    case_of("Axpy", "", normal(2, 8, 1, 1), _X, normal(2, 8, 6, 10, seed=1), case="senet"),
    case_of("BN", "bn_param { frozen: true }", _X, case="pspnet"),
    case_of("BN", "bn_param { bn_mode: INFERENCE }", _X, case="segnet"),
    case_of("DepthwiseConvolution", "convolution_param { num_output: 8 kernel_size: 3 pad: 1 }", _X, case="mobilenet"),
    case_of(
        "ConvolutionDepthwise", "convolution_param { num_output: 8 kernel_size: 3 stride: 2 }", _X, case="shufflenet"
    ),
]
JUDGED_NAMES = {case.name for case in JUDGED_FORKS}
WITHOUT_CASE = {
    "Input": "is in every case",
    "Parameter": "has no bottom: tests/caffe_torch/export has it",
    "DummyData": "has no bottom: tests/caffe_torch/export has it",
}

_SCALAR = "its Python interface has no output without axes"
#: Cases that OpenCV 5 does not read, or reads otherwise than onnxruntime, and why.
OPENCV5 = {
    **{case.name: "it has no Compress" for case in EXPORTED if case.type == "Filter"},
    **{case.name: _SCALAR for case in EXPORTED if case.type == "Accuracy"},
    **{f"reduction_{name}_0": _SCALAR for name in ("sum", "asum", "sumsq", "mean")},
    "batch_norm_local_in_test": "it takes the mean over batch and space for one within each image",
    "tanh_large": "its tanh overflows",
    "roipooling_fast": "it has no MaxRoiPool",
}
#: Cases that OpenCV 4 reads from Caffe's files and computes otherwise than Caffe, and why.
OPENCV4 = {
    "inner_product_transpose": "it ignores transpose",
    "inner_product_transpose_axis": "it ignores transpose",
    "lrn_across_k": "it ignores k",
    "lrn_beta_two": "it ignores k",
    "mvn_eps": "it adds eps to the variance",
    "swish": "it ignores beta",
    "log": "it ignores scale and shift",
    "log_base": "it ignores base, scale and shift",
    "scale_two_bias": "it ignores the bias of a Scale with two bottoms",
    "deconvolution_dilation": "it ignores the dilation of a Deconvolution",
}
#: Layer types of which OpenCV 4 computes some case as Caffe does.
JUDGED_BY_OPENCV4 = {
    "AbsVal", "BNLL", "BatchNorm", "Concat", "Convolution", "Crop", "Deconvolution", "Dropout", "ELU", "Eltwise", "Exp",
    "Flatten", "InnerProduct", "LRN", "MVN", "PReLU", "Pooling", "Power", "ReLU", "Reshape", "Scale", "Sigmoid",
    "Slice", "Softmax", "Split", "Swish", "TanH",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def nets(folder: Path, request: pytest.FixtureRequest) -> dict[str, exported.Exported]:
    """The cases of the tests that were selected, exported."""
    chosen = {
        item.callspec.params["case"].name: item.callspec.params["case"]
        for item in request.session.items
        if getattr(item, "module", None) is request.module and hasattr(item, "callspec")
    }
    return {
        name: _export_fork(case, folder) if isinstance(case, ForkCase) else _export(case, folder)
        for name, case in chosen.items()
    }


def _export(case: Case, folder: Path) -> exported.Exported:
    (folder / f"{case.name}.prototxt").write_text(case.prototxt())
    net = caffe_torch.Net(str(folder / f"{case.name}.prototxt"), caffe_torch.TEST)
    runner.fill(net, case.fills, case.seed)
    inputs = {
        name: runner.values(case.fills.get(name, ["normal", 1.0]), shape, case.seed, name)
        for name, shape in case.bottoms.items()
    }
    return exported.write(net, case.name, folder, inputs, case.tops)


def _export_fork(case: ForkCase, folder: Path) -> exported.Exported:
    inputs = named(case.inputs)
    (folder / f"{case.name}.prototxt").write_text(input_net(case.layers, inputs))
    net = caffe_torch.Net(str(folder / f"{case.name}.prototxt"), caffe_torch.TEST)
    draw_weights(net)
    return exported.write(net, case.name, folder, inputs, ["it"])


@pytest.fixture(scope="module")
def by_opencv5(nets: dict[str, exported.Exported], folder: Path) -> dict[str, dict[str, np.ndarray] | str]:
    return exported.in_opencv(list(nets.values()), folder, "onnx", sys.executable)


@pytest.fixture(scope="module")
def by_opencv4(nets: dict[str, exported.Exported], folder: Path, opencv4: Path) -> dict:
    return exported.in_opencv(list(nets.values()), folder, "caffe", opencv4)


def _row(case: Case) -> str:
    return case.name if case.type == "net" else case.type


@pytest.mark.parametrize("case", EXPORTED, ids=lambda case: case.name)
def test_onnxruntime(case: Case, nets: dict[str, exported.Exported], folder: Path) -> None:
    net = nets[case.name]
    result = exported.in_onnxruntime(net, folder)
    assert {name: array.shape for name, array in result.items()} == {n: array.shape for n, array in net.values.items()}
    worst = worst_of(result, net)
    assert worst <= TOLERANCE and net.worst <= TOLERANCE
    exported.TABLE.add(SECTION, _row(case), exported.COLUMNS[0], case.name, worst)


@pytest.mark.parametrize("case", EXPORTED, ids=lambda case: case.name)
def test_opencv5(case: Case, nets: dict[str, exported.Exported], by_opencv5: dict) -> None:
    result = by_opencv5[case.name]
    worst = result if isinstance(result, str) else worst_of(result, nets[case.name])
    if case.name in OPENCV5:
        assert isinstance(worst, str) or not worst <= TOLERANCE, f"OpenCV 5 agrees now: {OPENCV5[case.name]}"
        return
    assert not isinstance(worst, str), worst
    assert worst <= TOLERANCE
    exported.TABLE.add(SECTION, _row(case), exported.COLUMNS[1], case.name, worst)


@pytest.mark.parametrize("case", EXPORTED, ids=lambda case: case.name)
def test_opencv4(case: Case, nets: dict[str, exported.Exported], by_opencv4: dict) -> None:
    result = by_opencv4[case.name]
    if isinstance(result, str):
        # It reads no such layer, or not these settings of it; which types it judges is tested below.
        assert case.name not in OPENCV4
        return
    worst = worst_of(result, nets[case.name])
    if case.name in OPENCV4:
        assert not worst <= TOLERANCE, f"OpenCV 4 agrees now: {OPENCV4[case.name]}"
        return
    assert worst <= TOLERANCE
    exported.TABLE.add(SECTION, _row(case), exported.COLUMNS[2], case.name, worst)


@pytest.mark.parametrize("case", FORKS, ids=lambda case: case.name)
def test_fork(
    case: ForkCase, nets: dict[str, exported.Exported], folder: Path, by_opencv5: dict, by_opencv4: dict
) -> None:
    """OpenCV 4 reads all that it judges in test_fork_layers.py, and a few more."""
    net = nets[case.name]
    result = exported.in_onnxruntime(net, folder), by_opencv5[case.name], by_opencv4[case.name]
    for column, values in zip(exported.COLUMNS, result):
        unread = column == exported.COLUMNS[2] and case.name not in JUDGED_NAMES or case.name in OPENCV5
        if isinstance(values, str):
            assert unread, f"{column}: {values}"
            continue
        assert worst_of(values, net) <= TOLERANCE, column
        exported.TABLE.add(FORK_SECTION, case.type, column, case.name, worst_of(values, net))


def test_opencv4_judges_what_it_reads(request: pytest.FixtureRequest, opencv4: Path) -> None:
    """After the cases: a type that OpenCV 4 no longer reads would go unnoticed."""
    if len(request.session.items) < 3 * len(EXPORTED):
        unchecked.skip("that OpenCV 4 still reads each type", "not all cases have run: leave out -k")
    assert set(exported.TABLE.rows(SECTION, exported.COLUMNS[2])) >= JUDGED_BY_OPENCV4


def test_every_type_that_can_be_exported_has_a_case() -> None:
    cases: list[Case | ForkCase] = [*EXPORTED, *FORKS]
    assert set(registry.CONVERTERS) - {case.type for case in cases} == set(WITHOUT_CASE)
    assert {*OPENCV5, *OPENCV4} <= {case.name for case in cases}


def test_the_table_has_every_layer() -> None:
    """docs/EXPORT_TABLE.md, which `make export-table` writes."""
    text = exported.TABLE_FILE.read_text(encoding="utf-8")
    for section, wanted in ((SECTION, {_row(case) for case in EXPORTED}), (FORK_SECTION, {c.type for c in FORKS})):
        lines = text.partition(f"## {section}\n")[2].partition("\n## ")[0].splitlines()
        rows = {line.split("|")[1].strip() for line in lines if line.startswith("| ")}
        assert rows - {""} == wanted, "run make export-table"


exported.DEPARTURES.update({"OpenCV 5": OPENCV5, "OpenCV 4": OPENCV4})
