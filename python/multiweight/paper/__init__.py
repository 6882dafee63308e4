"""The paper's own facts.

- ``eclothing.py``: Tables II to V, the 24 groups with placeholder sizes
"""
