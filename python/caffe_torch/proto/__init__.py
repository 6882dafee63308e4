"""The schema of Caffe's files.

- ``caffe.proto``, ``caffe_pb2.py``: BVLC's schema and the fields of forks
- ``fork_fields.py``, ``fork_fields.csv``: which fork has which field
- ``extension.py``: fields of the user's own
"""
