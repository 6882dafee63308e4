"""Several blobs between host and device: one copy for all, into the memory that the user holds views of."""

from __future__ import annotations

import emulated_accelerator as emulated
import numpy as np
import pytest
import torch

import caffe_torch as caffe
from caffe_torch.blob.blob import Blob


@pytest.fixture(autouse=True)
def there():
    with emulated.present() as device:
        caffe.set_mode_gpu()
        yield device
        caffe.set_mode_cpu()


def test_one_download_for_all(there):
    """A blob twice, a view of whose memory is held, one in an odd layout, one that the host has already."""
    blobs = [Blob(2, 3), Blob(4), Blob(2, 2), Blob(1)]
    view = blobs[1].data
    blobs[0].assign(torch.arange(6.0).to(there).view(2, 3))
    blobs[1].assign(torch.arange(4.0).to(there))
    blobs[2].assign(torch.arange(6.0).to(there).view(2, 3)[:, 1:])
    blobs[3].data[...] = 9
    emulated.counts.clear()
    Blob.fetch([*blobs, blobs[0]])
    assert emulated.counts.downloads.total() == emulated.counts.waits.total() == 1
    assert view.tolist() == [0, 1, 2, 3]
    assert [b.data.tolist() for b in blobs] == [[[0, 1, 2], [3, 4, 5]], [0, 1, 2, 3], [[1, 2], [4, 5]], [9]]
    assert emulated.counts.downloads.total() == 1 and emulated.counts.uploads.total() == 0


def test_one_upload_for_all(there):
    blobs = [Blob(2, 3), Blob(4), Blob(2)]
    blobs[0].diff[...] = 1
    blobs[1].diff[...] = np.arange(4)
    blobs[2].assign_diff(torch.full((2,), 5.0).to(there))
    emulated.counts.clear()
    Blob.send_diffs([*blobs, blobs[0]])
    assert emulated.counts.uploads.total() == 1
    assert [b.diff_tensor().cpu().tolist() for b in blobs] == [[[1, 1, 1], [1, 1, 1]], [0, 1, 2, 3], [5, 5]]
    blobs[1].diff[0] = 8  # a later write is seen again
    assert blobs[1].diff_tensor().cpu().tolist() == [8, 1, 2, 3]
    assert emulated.counts.uploads.total() == 2


def test_nothing_moves_on_the_cpu(there):
    caffe.set_mode_cpu()
    blob = Blob(3)
    blob.diff[...] = 2
    emulated.counts.clear()
    Blob.send_diffs([blob])
    Blob.fetch([blob])
    assert blob.diff_tensor().tolist() == [2, 2, 2] and emulated.counts.uploads.total() == 0


def test_a_loss_that_numpy_left_on_the_host_is_summed_there(there):
    blob = Blob(2)
    blob.data[...], blob.diff[...] = [1, 2], [0.5, 0.25]
    emulated.counts.clear()
    assert float(blob.weighted_sum()) == 1 and emulated.counts.uploads.total() == 0
    blob.assign(torch.ones(2, device=there))
    assert blob.weighted_sum().device == there and float(blob.weighted_sum()) == 0.75
