"""Training: snapshots and log.csv.

- ``training.py``: a run trained to its last iteration, resumable
- ``log.py``: log.csv, TensorBoard's events, and what the progress bar says
- ``initial_weights.py``: weights of another net to start from, by layer name
"""
