"""The batch: images transformed, resized, and made ahead of the net.

- ``images.py``: images read and resized by OpenCV
- ``transform.py``: crop, mirror, mean, scale
- ``distortion.py``: colours, a larger canvas, noise, as SSD's data layer makes them
- ``resize.py``: images resized as OpenCV does
- ``prefetch.py``: a thread that makes batches ahead
"""
