"""Training: snapshots and log.csv.

- ``training.py``: a run trained to its last iteration, resumable
- ``log.py``: log.csv, the same after a resume, and what the progress bar says
- ``log_rows.py``: log.csv read back
- ``events.py``: TensorBoard's event files
- ``initial_weights.py``: weights of another net to start from, by layer name
- ``losses.py``: the losses of a net, in training and over the test batches
- ``snapshots.py``: when a training saves, and what
- ``stopping.py``: Ctrl-C and SIGTERM
"""
