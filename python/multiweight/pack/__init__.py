"""The LMDB pair: images and label vectors under the same keys, and the mean image.

- ``packing.py``: the whole of it, resumable
- ``chunks.py``: a range of records made into Datums by several threads
- ``part.py``: the LMDB pair of one part, train or test
- ``writer.py``: an LMDB that appears whole or not at all
- ``reader.py``: an image LMDB and its label LMDB read together
- ``verifying.py``: the check of a packed pair against its records
- ``contact_sheet.py``: a picture of packed photos with their labels
"""
