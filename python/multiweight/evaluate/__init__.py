"""Measures: AP of each group from the nearest rows, and of the sigmoid outputs.

- ``evaluation.py``: evaluation.json of a run
- ``settings.py``: how: k, the measure, the search
- ``packed_labels.py``: labels of the packed test images, and whether features are of these
- ``measures.py``: AP at k and its three denominators, Eq. (10)
- ``while_training.py``: mAP on the images of a test
- ``recognition.py``: AP of the labels by the net's probabilities
- ``intervals.py``: bootstrap intervals and permutation tests
"""
