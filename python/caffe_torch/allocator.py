"""Large pages for large tensors on a CPU: every iteration asks for the same buffers again."""

from __future__ import annotations

import os


def use_large_pages() -> None:
    """Ask PyTorch to take memory in pages of 2 MiB, where Linux has them; to be called before its first large tensor.

    A large tensor is got from the system, page by page zeroed, at every use: in pages of 4 KiB that costs AlexNet a
    tenth of its training step. THP_MEM_ALLOC_ENABLE=0 in the environment keeps the small ones.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
