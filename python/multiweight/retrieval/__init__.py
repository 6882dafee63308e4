"""Nearest rows: the exact k nearest of each query, in blocks.

- ``nearest.py``: top_k, the way in
- ``rows.py``: where features come from
- ``products.py``: matrix products that screen
- ``blocks.py``: rows made ready for them
- ``exact.py``: the scores
- ``pairs.py``: what a screening left
- ``scoring.py``: exact scores of those pairs
- ``ranking.py``: the k best so far
- ``plan.py``: block sizes within the memory given
- ``search.py``: the way through all blocks
- ``state.py``: going on after a stop
- ``joining.py``: several processes
"""

from multiweight.retrieval.nearest import top_k

__all__ = ["top_k"]
