"""Nearest rows: the exact k nearest of each query.

The method. All similarities of n rows of d values cost n n d multiplications, and nearly all belong to pairs that are
far from near. So cheap bounds come first, and exact scores only where they leave a doubt:

1. Cosine and distance become one similarity, x.y + bias(x) + bias(y), of rows moved to a common centre (``blocks.py``).
2. Features vary mostly in few directions. The m principal directions of a sample are found (``principal.py``); each row
   keeps its coordinates p in them, and the length r of what they leave of it, its rest. By Cauchy and Schwarz

       p(x).p(y) - r(x) r(y)  <=  x.y  <=  p(x).p(y) + r(x) r(y)

   and one product of width m + 3 gives either side for all pairs, biases and rounding included (``projected.py``).
3. A row's *limit* is a similarity that at least k other rows surely reach. Rows are ordered by clusters; the k-th
   highest lower bound among the rows around gives each row its first limit (``projected_screen.py``).
4. A pair *survives* if its upper bound reaches the limit of one of its two rows. So each pair is looked at once, for
   both. Survivors get exact scores (``exact.py``), which raise the limits and fill the ranking.

How many of 35,588 rows survive for each row, k = 50, where the 50th best is known (``benchmarks/survivors.py``, fc7 of
docs/RETRIEVAL.md; the rest's share of the variance stands behind):

       m =   8  ################################ 126  (2.4%)
       m =  16  ######################### 101  (1.2%)
       m =  32  ##################### 84  (0.7%)
       m =  64  ################## 71  (0.4%)
       m = 128  ################ 64  (0.2%)
       m = 256  ############### 59  (0.1%)

A flat spectrum leaves long rests, and nearly all pairs survive. A small sample tells so beforehand, and products of
whole rows screen instead, in float32 with an interval of the measured rounding around each value
(``matmul_screen.py``). They also take the single blocks where too many pairs survive the bounds.

Neither the directions, nor blocks, memory, threads or processes change the answer: a bound only decides which pairs are
scored, a score is defined by correctly rounded sums, and equal scores go by index.

- ``nearest.py``: top_k, the way in
- ``rows.py``: where features come from
- ``plan.py``: block sizes within the memory given
- ``search.py``: the way through all blocks
- ``blocks.py``: the common similarity, and rows made ready for products
- ``principal.py``: the principal directions, and whether they pay
- ``projected.py``: rows in them, and the bounds
- ``clusters.py``: an order with near rows together
- ``projected_screen.py``: screening by the bounds
- ``matmul_screen.py``: screening by matrix products of whole rows
- ``matmul.py``: those products, in float32, float64 and on a GPU
- ``pairs.py``: what a screening left
- ``scoring.py``: exact scores of those pairs
- ``exact.py``: the scores
- ``ranking.py``: the k best so far
- ``state.py``: going on after a stop
- ``joining.py``: several processes
"""

from multiweight.retrieval.nearest import top_k

__all__ = ["top_k"]
