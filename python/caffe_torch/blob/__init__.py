"""The blob: data and diff, on the host and on the device.

- ``collections.py``: blobs in lists and by name
- ``blob.py``: Blob, as pycaffe shows it
- ``array.py``: one of its two halves, on host and device
- ``transfers.py``: several arrays moved between host and device at once
- ``lazy.py``: the same with a content that may still have to be computed
- ``reshaped.py``: the memory of another, in another shape
"""
