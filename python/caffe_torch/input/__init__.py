"""The batch: images transformed, resized, and made ahead of the net.

- ``images.py``: images read and resized by OpenCV
- ``transform.py``: crop, mirror, mean, scale
- ``resize.py``: images resized as OpenCV does
- ``prefetch.py``: a thread that makes batches ahead
"""
