"""The solver: rates, updates, snapshots, resume.

- ``solver.py``: Solver: training, tests and snapshots
- ``solver_types.py``: its six classes by type
- ``losses.py``: the losses of the last iterations, averaged and checked
- ``rules.py``: learning rate policies and update rules, checked
- ``updates.py``: the update of all parameters
- ``device_updates.py``: the update rules for all parameters at once, on a device
- ``nets.py``: the solver's training and test nets
- ``state.py``: what a snapshot keeps of a solver
- ``snapshot.py``: .caffemodel and .solverstate, or HDF5
- ``resume.py``: what a .solverstate lacks: data positions and random state
- ``detection.py``: the mean AP of eval_type detection
- ``signals.py``: SIGINT and SIGHUP
- ``nccl.py``: caffe.NCCL on torch.distributed
"""
