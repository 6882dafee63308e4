"""Exact nearest neighbours in blocks.

rows: where features come from; products: matrix products that screen; blocks: rows made ready for them; exact: the
scores; pairs: what a screening left; ranking: the k best so far; search: the way through all blocks; state: going on
after a stop; joining: several processes.
"""
