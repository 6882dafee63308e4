"""The photo: read from a folder, an archive or an LMDB.

- ``images.py``: photos of a folder, by their references
- ``archives.py``: photos in zip archives
- ``alike_names.py``: why a file is not there, and which may be meant
- ``decoding.py``: an encoded photo's pixels, upright, on white; resized
- ``image_header.py``: format, size, alpha and orientation from the first bytes
- ``jpeg_scans.py``: whether a JPEG is whole
- ``boxes.py``, ``tiff.py``: the same facts of AVIF and JPEG 2000, and of TIFF
- ``near_duplicates.py``: photos that look alike, by their hashes
- ``datum.py``: a Datum out of an LMDB
- ``image_source.py``: photos of a packed LMDB or of files, as a net's input
"""
