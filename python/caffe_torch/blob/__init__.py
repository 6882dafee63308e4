"""The blob: data and diff, on the host and on the device.

- ``blob.py``: Blob, as pycaffe shows it
- ``array.py``: one of its two halves
"""
