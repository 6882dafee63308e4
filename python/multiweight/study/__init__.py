"""A study: methods, seeds and datasets from one file, each at its own best rate, and what comes of it.

- ``design.py``: what a study compares
- ``reading.py``: study.yaml read and checked
- ``values.py``: its single values, each checked
- ``parts.py``: the data of each experiment
- ``order.py``: which trial comes next
- ``trial.py``: one training and its scores
- ``table.py``: the results of all trials, as CSV
- ``thirds.py``: groups by size: head, middle, tail
- ``scheduler.py``: all trials, several at a time
- ``estimates.py``: intervals over seeds and queries, p, Holm's correction
- ``findings.py``: what the trials of an experiment found
- ``gate.py``: whether its nets have learned
- ``tables.py``: the tables of an experiment
- ``grid.py``: drawn shops by noise and imbalance
- ``drawings.py``: figures
- ``report.py``: the text of the study
"""
