"""Features: fc7 of each image, in an HDF5 file.

- ``extraction.py``: features.h5 of a run, resumable
- ``settings.py``: how: views, precision, batches
- ``features_file.py``: features.h5 read back, damage told
- ``feature_net.py``: the net cut at the blob that is wanted
- ``transform.py``: photos as the net's input: mean, crop, channel order
- ``initial_weights_file.py``: an untrained net's BatchNorm sums, filled by training batches
- ``partial_rows.py``: rows written so far, kept through a stop
- ``trained_weights.py``: the check that weights fit their net
"""
