"""The ``caffe`` command, one module a subcommand: ``run(args, argv)`` returns the exit status.

- ``command.py``: the command line
- ``training.py``: caffe-torch train
- ``scoring.py``: caffe-torch test
- ``timing.py``: caffe-torch time
- ``device_query.py``: caffe-torch device_query
- ``devices.py``: the GPUs that --gpu names
- ``processes.py``: a process a GPU
"""
