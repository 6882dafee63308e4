"""Fast ways to compute what the plain layers mean: each a subclass that ``layers.base.create`` takes in their place.

- ``lrn.py``: across channels
- ``pooling.py``: MAX
- ``convolution.py``: over images
- ``fourier.py``: convolutions by way of the Fourier transform
- ``images.py``: a blob part by part, so that large ones between two layers need no memory
"""
