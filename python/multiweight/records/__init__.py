"""The record: one image of a product with its labels; and the catalog of groups and labels it is read by.

- ``catalog.py``: groups and their labels, catalog.yaml
- ``records.py``: records.csv: image, product, label states
- ``record_table.py``: all records of a split as arrays, for packing
- ``cells.py``: what a cell of a table says: nothing, a label, an id
- ``bad_images.py``: bad_images.csv: what was left out, and why
"""
