"""A study: methods, seeds and datasets from one file, each at its own best rate, and what comes of it.

- ``design.py``: what a study compares
- ``reading.py``: study.yaml read and checked
- ``parts.py``: the data of each experiment
- ``order.py``: which trial comes next
- ``trial.py``: one training and its scores
- ``scheduler.py``: all trials, several at a time
- ``findings.py``: estimates, intervals and tests over trials
- ``grid.py``: drawn shops by noise and imbalance
- ``drawings.py``: figures
- ``report.py``: tables and text of the study
"""
