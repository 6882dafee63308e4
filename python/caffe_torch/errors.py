"""What this engine raises where the original logs a fatal line and aborts the process."""

from __future__ import annotations


class CaffeError(RuntimeError):
    """A net, file or call that Caffe would refuse; the message names the layer, file or key."""


class CaffeValueError(CaffeError, ValueError):
    """The same, where pycaffe raises ValueError."""


class CaffeAttributeError(CaffeError, AttributeError):
    """The same, where pycaffe raises AttributeError."""


class CaffeShapeError(CaffeError):
    """A blob's shape that is not possible, or not of use where it stands."""


class CaffeMemoryError(CaffeError, MemoryError):
    """More memory than there is, or than a blob may have."""


def wrong_count(where: str, name: str, stored: int, here: int, namesakes: int = 1) -> CaffeError:
    """Weights whose layer has another number of parameters; ``namesakes`` layers of the net have this name."""
    layer = f"layer {name!r}" if name else "a layer without a name"
    several = f"; {namesakes} layers have this name here, give each one of its own" if namesakes > 1 else ""
    return CaffeError(f"{where}: {layer} has {stored} parameter blob(s), this net's has {here}{several}")


def wrong_shape(where: str, name: str, index: int, stored: tuple[int, ...], here: tuple[int, ...]) -> CaffeError:
    return CaffeError(
        f"{where}: cannot copy parameter {index} of layer {name!r}: its shape there is {stored}, "
        f"here {here}; to train it from scratch, rename the layer"
    )
