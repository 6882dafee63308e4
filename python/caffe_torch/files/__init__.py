"""File formats: prototxt, binary protobuf, HDF5, LMDB, LevelDB, and upgrades of old ones.

- ``prototxt.py``: text format, read with line numbers in errors
- ``prototxt_words.py``: what C++'s parser reads and Python's does not
- ``native.py``: paths that are no UTF-8
- ``text_file.py``: text files that data layers read
- ``binary_file.py``: a binary file, read whole; an error that says what another file is
- ``whole_file.py``: files and folders that appear whole or not at all
- ``wire.py``: binary protobuf: .caffemodel, .solverstate, mean.binaryproto
- ``hdf5.py``: HDF5 weights and states
- ``hdf5_links.py``: links of an HDF5 file to data in other files
- ``database.py``: the LMDB or LevelDB of a folder, opened
- ``database_writer.py``: a new LMDB or LevelDB
- ``records.py``: what LMDB and LevelDB have in common
- ``lmdb_reader.py``: records of an LMDB
- ``lmdb_pages.py``: the pages of an LMDB's data file
- ``leveldb_reader.py``: records of a LevelDB
- ``upgrade.py``: old nets and solvers made new
- ``upgrade_v0.py``: V0 nets
- ``upgrade_v1.py``: V1 nets
"""
