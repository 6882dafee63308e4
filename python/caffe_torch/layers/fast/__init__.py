"""Faster forms of some layers: each a subclass of the plain layer, whose results it gives.

``layers.base.create`` makes the fast form of a layer in place of the plain one.

- ``lrn.py``: LRN across channels
- ``pooling.py``: MAX pooling
- ``convolution.py``: convolution of images
- ``fourier.py``: convolution by the Fourier transform
- ``images.py``: a blob's images computed a few at a time, so that a large blob is never held in memory as a whole
"""
