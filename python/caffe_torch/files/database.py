"""The database behind a Data layer: an LMDB or a LevelDB, whichever its folder holds."""

from __future__ import annotations

import os
import weakref

from caffe_torch.errors import CaffeError
from caffe_torch.files import native
from caffe_torch.files.leveldb_reader import LevelDbSource
from caffe_torch.files.lmdb_reader import LmdbSource
from caffe_torch.files.records import Source
from caffe_torch.runtime import forks, log

#: (path, device, inode of its mark) -> its Source. One built anew in the same place is another database.
_open: weakref.WeakValueDictionary[tuple[str, int, int], Source] = weakref.WeakValueDictionary()


# What a library keeps open does not survive a fork.
forks.in_child(_open.clear)


def open_source(path: str, backend: str = "") -> Source:
    """The Source of the folder ``path``, shared by all layers of the process that read it.

    ``backend`` is what the net says it is, LMDB or LEVELDB; where the folder holds the other one, that is read, and the
    log says so: LEVELDB is the field's default, so that nets are often wrong about it.
    """
    real = os.path.realpath(native.path(path))
    readers = [reader for reader in (LmdbSource, LevelDbSource) if os.path.exists(os.path.join(real, reader.mark))]
    if not readers:
        expected = "a folder with data.mdb, or with CURRENT, is expected"
        raise CaffeError(f"{real}: is no LMDB and no LevelDB ({expected}): build it first")
    mark = os.stat(os.path.join(real, readers[0].mark))
    key = (real, mark.st_dev, mark.st_ino)
    opened = _open.get(key)
    if opened is None:
        opened = _open[key] = readers[0](real)
    if backend and backend != opened.kind:
        log.info(f"{path}: the net says {backend}, but it is read as the {opened.kind} that it is")
    return opened
