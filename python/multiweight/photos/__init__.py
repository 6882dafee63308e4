"""The photo: read from a folder, an archive or an LMDB.

- ``images.py``: photos of a folder or zip archive, decoded, turned upright, resized
- ``image_header.py``: size and orientation from the first bytes
- ``near_duplicates.py``: photos that look alike, by their hashes
- ``image_source.py``: photos of a packed LMDB or of files, as a net's input
"""
