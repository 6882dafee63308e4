"""The schema of Caffe's files.

- ``caffe.proto``, ``caffe_pb2.py``: BVLC's schema and the fields of forks
- ``fork_fields.py``, ``fork_fields.csv``: which fork has which field
- ``clashes.py``: numbers that two forks use otherwise, seen when a whole binary message is parsed
- ``extension.py``: fields of the user's own
"""

from caffe_torch.proto import caffe_pb2, clashes

clashes.watch(caffe_pb2.NetParameter, caffe_pb2.SolverParameter)
