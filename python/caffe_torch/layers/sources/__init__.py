"""Data layers.

- ``data.py``: Data: LMDB
- ``image_data.py``: ImageData: a list of image files
- ``window_data.py``: WindowData: windows of images
- ``hdf5_files.py``: HDF5Data and HDF5Output
- ``memory_data.py``: MemoryData
- ``inputs.py``: Input and DummyData
- ``record_reader.py``: the records of a database as batches
- ``prefetching.py``: layers whose batches are made ahead
"""
