"""Block and tile sizes of a search that keep it within its memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from multiweight.base.errors import UserError
from multiweight.retrieval.principal import kept_bytes
from multiweight.retrieval.rows import STRIP, Rows

#: More products than this made ahead bring nothing.
_AHEAD = 8


@dataclass(frozen=True)
class Plan:
    """Sizes: ``block`` rows per matrix product, ``panel`` rows per tile, ``pending`` pairs that wait for exact scores.

    ``ahead`` products wait to be screened; ``keep``: rows made ready for products are kept for later blocks.
    """

    block: int
    panel: int
    pending: int
    ahead: int = 1
    keep: bool = True


def plan(
    queries: Rows,
    candidates: Rows | None,
    k: int,
    memory: int,
    processes: int,
    block: int | None,
    directions: int = 0,
) -> Plan:
    """Sizes that keep to ``memory`` bytes beside the arrays given; UserError where that is too little.

    ``directions`` is the number of principal directions that screen first: their points are kept, but no rows made
    ready for products.
    """
    d, n = queries.d, max(queries.n, 0 if candidates is None else candidates.n)
    block = block or max(STRIP, min(2048, int(math.sqrt(memory / 192)) // STRIP * STRIP))
    ready, ranking = 0 if directions else 4, 24 * queries.n * k
    bytes_per_value = ready + sum(0 if rows.resident else 4 for rows in {queries, candidates or queries})
    kept = kept_bytes(directions, queries, candidates) if directions else 0
    capacity = int((memory * 5 // 8 - ranking - kept) // (d * bytes_per_value)) if bytes_per_value else n
    if capacity < min(n, 2 * STRIP):
        least = (ranking + 2 * STRIP * d * bytes_per_value) * 8 // 5
        raise UserError(
            f"memory of {memory >> 20} MB is too little for {n} rows of {d} values, k = {k}: "
            f"give {(least >> 20) + 1} MB"
        )
    panel = n if n <= capacity and candidates is None else max(1, capacity // 2)
    if processes > 1:
        panel = min(panel, -(-n // math.ceil(math.sqrt(8 * processes))))
    panel = -(-n // -(-n // max(1, panel)))  # panels of one size
    # With directions few blocks are multiplied whole, so rows are kept ready only where they fit easily.
    keep = not directions or (
        bytes_per_value == 0 and 4 * d * sum(rows.n for rows in {queries, candidates or queries}) < memory // 3
    )
    # A 16th of the memory for products that wait, of 4 bytes per value at most.
    ahead = max(1, min(_AHEAD, memory // (16 * 4 * block * block)))
    return Plan(block, panel, max(1 << 14, memory // 200), ahead, keep)
