"""The ``caffe`` command, one module per subcommand: ``run(args, argv)`` returns the exit status.

- ``command.py``: the command line
- ``names.py``: its subcommands, and the original's other programs
- ``old_libraries.py``: names of NumPy and PyYAML that old programs use
- ``flags.py``: flags as gflags and glog take them
- ``training.py``: caffe-torch train
- ``scoring.py``: caffe-torch test
- ``timing.py``: caffe-torch time
- ``exporting.py``: caffe-torch export
- ``device_query.py``: caffe-torch device_query
- ``devices.py``: the GPUs that --gpu names
- ``processes.py``: a process per GPU
- ``converting.py``: convert_imageset
- ``averaging.py``: compute_image_mean
- ``extracting.py``: extract_features
- ``upgrading.py``: upgrade_net_proto_text, upgrade_net_proto_binary, upgrade_solver_proto_text
- ``linking.py``: these programs under their own names
"""
