"""A weight scheme that is the user's own function, ``module:function``: imported, called, its answer checked."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Callable

import numpy as np

from multiweight.base.errors import UserError

#: Set to 1, no module that a net or a scheme names is imported.
_FORBID = "CAFFE_TORCH_FORBID_PYTHON"


def function(target: str) -> Callable[..., Any]:
    """The user's function ``module:function``; UserError where it cannot be had, or such code is forbidden."""
    if os.environ.get(_FORBID, "0") not in ("", "0"):
        raise UserError(f"scheme {target}: code of the user's is forbidden here ({_FORBID}): give a CSV")
    module_name, _, function_name = target.partition(":")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise UserError(
            f"scheme {target}: {module_name!r} is no module's name: expected module:function, as in `import module`, "
            "with its folder on PYTHONPATH"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"scheme {target}: module {module_name!r} cannot be imported ({_told(error)}): is it on PYTHONPATH?"
        ) from error
    except Exception as error:
        raise UserError(f"scheme {target}: module {module_name!r} fails on import: {_told(error)}") from error
    target_function = getattr(module, function_name, None)
    if target_function is None:
        raise UserError(f"scheme {target}: module {module_name!r} has no {function_name!r}")
    if not callable(target_function):
        raise UserError(f"scheme {target}: {function_name!r} is {short(target_function)}: expected a function")
    return target_function  # type: ignore[no-any-return]


def call(target: str, proportions: dict[str, float], counts: dict[str, int]) -> dict[str, float]:
    """What the function answers, checked, in the order of ``proportions``; UserError where it fails."""
    names = tuple(proportions)
    try:
        answer: Any = function(target)(proportions, counts)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"scheme {target}: called as {target.partition(':')[2]}(proportions, counts), it fails: {_told(error)}"
        ) from error
    expected = "expected a dict by group, or a sequence of as many numbers as there are groups"
    if isinstance(answer, Mapping):
        weights = {name: _weight(value) for name, value in members(answer, names, target).items()}
    else:
        try:
            values = [] if isinstance(answer, (str, bytes)) else list(answer)
        except TypeError:
            values = []
        if not values:
            raise UserError(f"scheme {target}: returned {short(answer)}: {expected}")
        if len(values) != len(names):
            raise UserError(f"scheme {target}: {len(values)} weights for {len(names)} groups: {expected}")
        weights = {name: _weight(value) for name, value in zip(names, values)}
        answer = dict(zip(names, values))
    for name, value in weights.items():
        if value is None:
            raise UserError(f"scheme {target}: {short(answer[name])} for group {name!r}: {expected}")
    return {name: value for name, value in weights.items() if value is not None}


def _weight(value: Any) -> float | None:
    """A number as a float; None for a string, a list, an array, which float() may take as one."""
    try:
        return None if isinstance(value, (str, bytes)) or np.ndim(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def short(value: Any) -> str:
    """A value as a message shows it: 80 characters at most."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def members(values: Mapping[str, Any], names: Sequence[str], source: str) -> dict[str, Any]:
    """``values`` in the order of the catalog; UserError where a group is unknown or missing."""
    unknown = [name for name in values if name not in names]
    missing = [name for name in names if name not in values]
    if unknown:
        raise UserError(f"{source}: group {unknown[0]!r} is not in the catalog: its groups are {', '.join(names)}")
    if missing:
        raise UserError(f"{source}: no weight for group {missing[0]!r}: every group of the catalog needs one")
    return {name: values[name] for name in names}
