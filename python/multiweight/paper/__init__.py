"""The paper's own facts.

- ``methods.py``: its methods, one record each, and the references they are compared with
- ``eclothing.py``: Tables II to V, the 24 groups with placeholder sizes
"""
