"""A photo asked about: its labels, and the products nearest to it.

- ``annotation.py``: groups, labels and probabilities of photos
- ``index.py``: nearest products of a shop's features, exact or by FAISS
- ``search_page.py``: the answer as a page
"""
