"""File formats: prototxt, binary protobuf, HDF5, LMDB, LevelDB, and upgrades of old ones.

- ``prototxt.py``: text format, read with line numbers in errors
- ``prototxt_words.py``: what C++'s parser reads and Python's does not
- ``native.py``: paths that are no UTF-8
- ``text_file.py``: text files that data layers read
- ``binary_file.py``: a binary file, read whole, or told as what it is
- ``whole_file.py``: files and folders that appear whole or not at all
- ``wire.py``: binary protobuf: .caffemodel, .solverstate, mean.binaryproto
- ``hdf5.py``: HDF5 weights and states
- ``hdf5_links.py``: what in an HDF5 file lies outside of it
- ``database.py``: the LMDB or LevelDB of a folder, opened
- ``database_writer.py``: a new LMDB or LevelDB
- ``records.py``: what both have in common
- ``lmdb_reader.py``: records of an LMDB
- ``lmdb_pages.py``: the pages of its data file
- ``leveldb_reader.py``: records of a LevelDB
- ``upgrade.py``: old nets and solvers made new
- ``upgrade_v0.py``: V0 nets
- ``upgrade_v1.py``: V1 nets
"""
