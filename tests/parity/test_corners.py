"""Corners of the net in both engines: what the original computes is computed alike, what it refuses is refused.

What differs on purpose stands in docs/PARITY.md, and test_differences.py tries it.
"""

from __future__ import annotations

import cv2
import files
import h5py
import numpy as np
import pytest
from pair import Pair, Result
from probe_modules import module_of

from caffe_torch.proto import caffe_pb2

#: Probes that give the same arrays in both, to the bit.
ALIKE = (
    "inline", "inline_legacy", "inline_old_format", "inline_double", "inline_nowhere", "inline_printed",
    "unnamed_alone", "two_of_a_name", "into_targets_said", "into_pairs", "shared_rate_once", "no_backward",
    "no_forward", "python_weights", "minus_and_its_number",
    "not_numbers", "gbk_image_list", "latin_image_list", "gbk_hdf5_list", "latin_hdf5_list", "gbk_solver",
    "latin_solver",
)  # fmt: skip
#: The same but for rounding.
CLOSE = ("inline_statistics",)
#: Probe -> (what the original says as it aborts, what CaffeError says).
REFUSED = {
    "inline_without_values": ("count_ == proto.data_size()", "layer 'fc': a blob of shape (2, 2) holds 0 values"),
    "unnamed_before": (
        "Incompatible number of blobs",
        "a layer without a name has 1 parameter blob(s), this net's has 0",
    ),
    "unnamed_behind": ("Incompatible number of blobs", "2 layers have this name here"),
    "unnamed_shared": ("Incompatible number of blobs", "the other net: a layer without a name"),
    "two_of_a_name_and_two_shapes": ("shape mismatch", "its shape there is (3, 2), here (2, 2)"),
    "hdf5_unnamed": ("Error saving weights", "HDF5 cannot hold the layer name ''"),
    "hdf5_two_of_a_name": ("Error saving weights", "HDF5 cannot hold the layer name 'fc' of 2 layers"),
    "into_targets": ("cannot backpropagate to label inputs", "propagate_down: true propagate_down: false"),
    "into_labels": ("cannot backpropagate to label inputs", "cannot backpropagate to label inputs"),
    "into_hinge_labels": ("cannot backpropagate to label inputs", "cannot backpropagate to label inputs"),
    "into_multinomial_labels": ("cannot backpropagate to label inputs", "cannot backpropagate to label inputs"),
    "into_infogain_matrix": ("cannot backpropagate to infogain inputs", "bottom 2, 's'"),
    "into_embed": ("Can't backpropagate to EmbedLayer input", "layer 'e' (Embed): cannot backpropagate"),
    "into_reindex": ("Cannot backprop to index", "layer 'e' (BatchReindex): cannot backpropagate"),
    "into_filter": ("cannot backpropagate to filter index inputs", "layer 'e' (Filter): cannot backpropagate"),
    "into_markers": ("Cannot backpropagate to sequence indicators", "layer 'e' (RNN): cannot backpropagate"),
    "shared_rate": ("mismatched lr_mult", "its lr_mult is 0 here and 1 there"),
    "shared_rate_turned": ("mismatched lr_mult", "its lr_mult is 1 here and 0 there"),
    "shared_rate_third": ("mismatched lr_mult", "its lr_mult is 1 here and 3 there"),
    "shared_decay": ("mismatched decay_mult", "its decay_mult is 3 here and 1 there"),
}


@pytest.fixture(scope="module")
def results(pair: Pair) -> dict[str, tuple[Result, Result]]:
    numbers = [np.nan, np.inf, -np.inf, 1.5]
    files.write_lmdb(pair.files / "nan_lmdb", [caffe_pb2.Datum(channels=1, height=2, width=2, float_data=numbers)] * 2)
    cv2.imwrite(str(pair.files / "small.png"), np.arange(60, dtype=np.uint8).reshape(5, 4, 3))
    with h5py.File(pair.files / "small.h5", "w") as store:
        store["x"] = np.array([[1, np.nan], [np.inf, 4]], np.float32)
    names = [*ALIKE, *CLOSE, *REFUSED]
    result = pair.run([dict(kind="probe", name=name, probe=name, module=module_of(name)) for name in names])
    return {name: (result["original"][name], result["torch"][name]) for name in names}


@pytest.mark.parametrize("name", [*ALIKE, *CLOSE])
def test_the_same(name: str, results: dict[str, tuple[Result, Result]]) -> None:
    theirs, ours = (result.values() for result in results[name])
    assert set(ours) == set(theirs) and theirs
    for key in theirs:
        if name in CLOSE:
            np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(ours[key].ravel(), theirs[key].ravel())


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_both(name: str, results: dict[str, tuple[Result, Result]]) -> None:
    theirs, ours = results[name]
    assert theirs.aborted and REFUSED[name][0] in theirs.log, theirs
    assert not ours.aborted and "CaffeError" in ours.error and REFUSED[name][1] in ours.error, ours
