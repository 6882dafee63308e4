"""Matrix products of whole rows: cheap similarities of two blocks of rows, each with an error bound.

The error of a product has three parts: the rounding of the rows, which the caller measures; that of the sum, at most
``accumulation`` times the product of the rows' lengths in any order of summation; and the rounding of the result, at
most ``output`` times the result.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np

from multiweight.base.errors import UserError
from multiweight.retrieval.rows import STRIP

Selection = tuple[np.ndarray, np.ndarray, np.ndarray]


class Matmul(Protocol):
    """An implementation of the matrix product; :func:`available` lists those of this machine, cheapest first.

    ``bytes`` is the size of a stored value.
    """

    name: str
    bytes: int
    accumulation: float
    output: float

    def store(self, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        """Float64 rows -> (what :meth:`multiply` takes, the same values as float64 or float32)."""

    def join(self, strips: list[Any]) -> Any:
        """Strips of stored rows as one block."""

    def multiply(self, a: Any, b: Any) -> Any:
        """All similarities of two blocks."""

    def select(
        self,
        similarities: Any,
        bias: tuple[np.ndarray, np.ndarray],
        low: tuple[np.ndarray, np.ndarray | None],
        triangle: bool,
    ) -> Selection:
        """(row, column, similarity + both biases) wherever that reaches the row's or the column's ``low``.

        ``triangle`` keeps column > row alone.
        """

    def kth(
        self, similarities: Any, bias: tuple[np.ndarray, np.ndarray], k: int, triangle: bool, axis: int
    ) -> np.ndarray:
        """The k-th highest biased similarity of each row (``axis`` 1) or column (0), the diagonal left out."""


class NumpyMatmul:
    """NumPy's matrix product, float32 or float64."""

    def __init__(self, dtype: type, d: int):
        self.dtype, self.name = np.dtype(dtype), np.dtype(dtype).name
        self.bytes, self.output = self.dtype.itemsize, 0.0
        self.accumulation = (d + 16) * float(np.finfo(dtype).eps) / 2

    def store(self, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        kept = rows.astype(self.dtype)
        return kept, kept

    def join(self, strips: list[Any]) -> Any:
        return strips[0] if len(strips) == 1 else np.concatenate(strips)

    def multiply(self, a: Any, b: Any) -> Any:
        return a @ b.T

    def select(
        self,
        similarities: Any,
        bias: tuple[np.ndarray, np.ndarray],
        low: tuple[np.ndarray, np.ndarray | None],
        triangle: bool,
    ) -> Selection:
        biases = [block_bias.astype(self._scores()) for block_bias in bias]
        rows_low = low[0].astype(self._scores())
        columns_low = None if low[1] is None else low[1].astype(self._scores())

        def part(start: int) -> Selection:
            # A strip fits the cache, so the passes over it cost little beside the product.
            values = self._biased(similarities, biases, start)
            keep = values >= rows_low[start : start + len(values), None]
            if columns_low is not None:
                keep |= values >= columns_low
            if triangle:
                keep &= np.arange(start, start + len(values))[:, None] < np.arange(values.shape[1])
            at = np.flatnonzero(keep)
            rows, columns = np.divmod(at, values.shape[1])
            return rows + start, columns, values.reshape(-1)[at]

        strips = [part(start) for start in range(0, len(biases[0]), STRIP)]
        return tuple(np.concatenate(parts) for parts in zip(*strips))  # type: ignore[return-value]

    def kth(
        self, similarities: Any, bias: tuple[np.ndarray, np.ndarray], k: int, triangle: bool, axis: int
    ) -> np.ndarray:
        biases = [block_bias.astype(self._scores()) for block_bias in bias]
        strips = [self._biased(similarities, biases, start) for start in range(0, len(biases[0]), STRIP)]
        values = np.concatenate(strips)
        if triangle:
            np.fill_diagonal(values, -np.inf)
        if axis == 0:
            values = np.ascontiguousarray(values.T)
        return np.partition(values, values.shape[1] - k, axis=1)[:, -k].astype(np.float64)

    def _scores(self) -> Any:
        return np.float64 if self.bytes == 8 else np.float32

    def _biased(self, similarities: Any, biases: list[np.ndarray], start: int) -> np.ndarray:
        stop = min(start + STRIP, len(biases[0]))
        values = similarities[start:stop] + biases[1]
        values += biases[0][start:stop, None]
        return values


class DeviceMatmul:
    """PyTorch's product of bfloat16 rows on a GPU: float32 sums, rounded to bfloat16.

    ``device`` is PyTorch's name of it. The GPU selects too: only the survivors come back.
    """

    def __init__(self, d: int, device: str):
        self.torch = importlib.import_module("torch")
        self.device, self.name, self.bytes = device, f"bfloat16 on {device}", 2
        # Tensor cores cut the terms of a sum where a CPU rounds them: four times the CPU's bound.
        self.accumulation = 4 * (d + 16) * 2.0**-24
        self.output = 2.0**-8 * 1.001

    def store(self, rows: np.ndarray) -> tuple[Any, np.ndarray]:
        kept = self.torch.from_numpy(rows.astype(np.float32)).bfloat16()
        return kept.to(self.device), kept.float().numpy()

    def join(self, strips: list[Any]) -> Any:
        return self.torch.cat(strips)

    def multiply(self, a: Any, b: Any) -> Any:
        settings = self.torch.backends.cuda.matmul  # CUDA's alone; other kinds have no such switch
        before, settings.allow_bf16_reduced_precision_reduction = settings.allow_bf16_reduced_precision_reduction, False
        try:
            return a @ b.T
        finally:
            settings.allow_bf16_reduced_precision_reduction = before

    def select(
        self,
        similarities: Any,
        bias: tuple[np.ndarray, np.ndarray],
        low: tuple[np.ndarray, np.ndarray | None],
        triangle: bool,
    ) -> Selection:
        values = self._biased(similarities, bias)
        keep = values >= self._there(low[0])[:, None]
        if low[1] is not None:
            keep |= values >= self._there(low[1])
        if triangle:
            keep = keep.triu(1)
        rows, columns = keep.nonzero(as_tuple=True)
        return rows.cpu().numpy(), columns.cpu().numpy(), values[rows, columns].cpu().numpy()

    def kth(
        self, similarities: Any, bias: tuple[np.ndarray, np.ndarray], k: int, triangle: bool, axis: int
    ) -> np.ndarray:
        values = self._biased(similarities, bias)
        if triangle:
            values.fill_diagonal_(-np.inf)
        return values.topk(k, dim=axis).values.select(axis, k - 1).cpu().double().numpy()

    def _biased(self, similarities: Any, bias: tuple[np.ndarray, np.ndarray]) -> Any:
        return similarities.float().add_(self._there(bias[1])).add_(self._there(bias[0])[:, None])

    def _there(self, values: np.ndarray) -> Any:
        return self.torch.from_numpy(values.astype(np.float32)).to(self.device)


def available(d: int, device: str | None = None) -> list[Matmul]:
    """Implementations for rows of ``d`` values, cheapest first, float64 last.

    ``device`` is ``cpu``, a GPU's name as PyTorch has it (``cuda``, ``cuda:1``), or None for a GPU where there is one.
    """
    ladder: list[Matmul] = [NumpyMatmul(np.float32, d), NumpyMatmul(np.float64, d)]
    torch = None if device == "cpu" else _torch()
    if torch is None:
        return ladder
    if device is None:
        device = _accelerator(torch) or "cpu"
    if device != "cpu":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(
                f"device {device!r} cannot be used ({str(error).splitlines()[0]}): expected cpu, or a GPU's name as "
                "PyTorch has it, such as cuda or cuda:1"
            ) from None
        return [DeviceMatmul(d, device), *ladder]
    return ladder


def _accelerator(torch: Any) -> str | None:
    """What PyTorch calls the kind of GPU that it finds here, with bfloat16 products; None for none."""
    device = getattr(torch, "accelerator", None) and torch.accelerator.current_accelerator(check_available=True)
    return None if device is None else str(device.type)


def limit_blas_threads(matmul: Matmul, threads: int, most: int) -> tuple[ExitStack, int]:
    """Limit the BLAS so that up to ``most`` calls of ``multiply`` at a time use ``threads`` cores together.

    Returns (the ExitStack that ends the limit, the number of calls to make at a time).

    NumPy's BLAS makes several products with one thread each sooner than one with several, which wait for one another
    whenever something else takes a core. Without threadpoolctl, and for PyTorch's products, it is one call at a time.
    """
    stack, calls = ExitStack(), max(1, min(threads, most))
    if type(matmul) is not NumpyMatmul:
        return stack, 1
    try:
        limits = importlib.import_module("threadpoolctl").threadpool_limits
    except ImportError:
        return stack, 1
    stack.enter_context(limits(max(1, threads // calls), user_api="blas"))
    return stack, calls


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        return None
