"""File formats: prototxt, binary protobuf, HDF5, LMDB, and upgrades of old ones.

- ``prototxt.py``: text format, read with line numbers in errors
- ``wire.py``: binary protobuf: .caffemodel, .solverstate, mean.binaryproto
- ``hdf5.py``: HDF5 weights and states
- ``lmdb_reader.py``: records of an LMDB
- ``upgrade.py``: old nets and solvers made new
- ``upgrade_v0.py``: V0 nets
- ``upgrade_v1.py``: V1 nets
"""
