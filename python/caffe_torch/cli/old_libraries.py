"""Names of NumPy and PyYAML that programs of pycaffe's time use and today's versions have taken away.

``python -m caffe_torch`` gives them back to the program that it runs; ``--as-is`` before the program's name does not.
What cannot be given back stands in docs/PYCAFFE.md.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

_NUMPY: dict[str, Any] = {
    "float": float, "int": int, "bool": bool, "object": object, "str": str, "complex": complex, "long": int,
    "unicode": str, "float_": np.float64, "complex_": np.complex128, "string_": np.bytes_, "unicode_": np.str_,
    "NaN": np.nan, "NAN": np.nan, "Inf": np.inf, "Infinity": np.inf, "infty": np.inf, "PINF": np.inf, "NINF": -np.inf,
    "product": np.prod, "cumproduct": np.cumprod, "alltrue": np.all, "sometrue": np.any, "row_stack": np.vstack,
    "in1d": lambda a, b, **options: np.isin(np.ravel(a), b, **options),
    "asscalar": lambda array: array.item(),
    "trapz": getattr(np, "trapezoid", None),
}  # fmt: skip


def give_back() -> None:
    """Add what is missing to the loaded NumPy, and to PyYAML where it is installed."""
    for name, value in _NUMPY.items():
        if value is not None and name not in vars(np):
            setattr(np, name, value)
    original = np.fromstring

    def fromstring(string: Any, dtype: Any = float, count: int = -1, sep: str = "", **options: Any) -> np.ndarray:
        """An array from text, or where no ``sep`` is given from bytes, which are copied."""
        if sep:
            return original(string, dtype, count, sep=sep, **options)
        data = string.encode("latin-1") if isinstance(string, str) else bytes(string)
        return np.frombuffer(data, dtype, count).copy()

    np.fromstring = fromstring  # type: ignore[assignment]
    if importlib.util.find_spec("yaml"):
        _give_back_yaml()


def _give_back_yaml() -> None:
    """``yaml.load(text)`` without a loader reads plain values alone, as ``safe_load`` does, so that no code is run."""
    import yaml

    for name in ("load", "load_all"):
        original = getattr(yaml, name)

        def load(stream: Any, Loader: Any = yaml.SafeLoader, original: Any = original) -> Any:  # noqa: N803
            return original(stream, Loader)

        setattr(yaml, name, load)
