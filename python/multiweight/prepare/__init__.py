"""Selection: which records are used, for training or for testing.

- ``cleaning.py``: records without unreadable photos, duplicates and contradictions
- ``split.py``: train and test by product, groups in balance
- ``subsets.py``: two groups at a chosen ratio, for Tables IV and V
- ``statistics.py``: Table I, proportions and the long tail
"""
