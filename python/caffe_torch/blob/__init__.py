"""The blob: data and diff, on the host and on the device.

- ``collections.py``: blobs in lists and by name
- ``blob.py``: Blob, as pycaffe shows it
- ``array.py``: the array of a blob's data or diff, on host and device
- ``transfers.py``: several arrays moved between host and device at once
- ``lazy.py``: such an array whose content may still have to be computed
- ``reshaped.py``: a blob in the memory of another, in another shape
"""
