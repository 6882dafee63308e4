"""Training: snapshots and log.csv.

- ``training.py``: a run trained to its last iteration, resumable
- ``initial_weights.py``: weights of another net to start from, by layer name
"""
