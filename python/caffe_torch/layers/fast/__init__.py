"""Optimised subclasses of some layers, which give the same results as the reference classes that they derive from.

``layers.base.create`` makes the subclass in place of the reference class.

- ``lrn.py``: LRN across channels
- ``pooling.py``: MAX pooling
- ``convolution.py``: convolution of images
- ``fourier.py``: convolution by the Fourier transform
- ``images.py``: a blob's images computed a few at a time, so that a large blob is never held in memory as a whole
"""
