"""What a layer is to a net: set up once, reshape, forward, backward on blobs; and the registry of layer types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.blob.collections import BlobVec
from caffe_torch.errors import CaffeError
from caffe_torch.files.prototxt import nearest
from caffe_torch.layers.fork_settings import fork_of_type, warn_of_unread

REGISTRY: dict[str, type[Layer]] = {}

#: A layer's class -> a subclass that computes the same faster, or with less memory (layers/fast/).
FAST: dict[type[Layer], type[Layer]] = {}


def register(*types: str) -> Callable[[type[Layer]], type[Layer]]:
    """Class decorator: make a layer known under its prototxt ``type``(s)."""

    def add(cls: type[Layer]) -> type[Layer]:
        for name in types:
            REGISTRY[name] = cls
        return cls

    return add


def faster(plain: type[Layer]) -> Callable[[type[Layer]], type[Layer]]:
    """Class decorator: make ``create`` take this subclass of ``plain`` in its place."""

    def add(cls: type[Layer]) -> type[Layer]:
        FAST[plain] = cls
        return cls

    return add


def create(param: Any, phase: int) -> Layer:
    """The layer of a LayerParameter, as the optimised subclass (``fast/``) where its type has one.

    An unknown type raises CaffeError that names it and the known ones.
    """
    try:
        cls = REGISTRY[param.type]
    except KeyError:
        known = ", ".join(sorted(REGISTRY))
        fork = fork_of_type(param.type)
        hint = f" It is a type of {fork}, which is not supported here." if fork else nearest(param.type, REGISTRY)
        raise CaffeError(
            f"layer {param.name!r}: unknown layer type: {param.type!r}.{hint} "
            f"(known types: {known}); caffe_torch.register_layer adds one of your own (docs/FORKS.md)"
        ) from None
    warn_of_unread(param)
    return FAST.get(cls, cls)(param, phase)


class Layer:
    """Base of every built-in layer; ``blobs`` are its parameters, ``param`` its LayerParameter.

    The net calls ``setup`` and ``reshape`` once, ``reshape`` again before every forward, then ``forward`` and
    ``backward``. Blobs are read by ``blob.tensor()`` and written by ``blob.assign(tensor)``; gradients likewise by
    ``diff_tensor``, ``assign_diff`` and, for parameters, which accumulate as in Caffe, ``accumulate_diff``.
    """

    #: (least, most) numbers of bottoms and tops; None means no limit.
    bottoms: tuple[int, int | None] = (1, 1)
    tops: tuple[int, int | None] = (1, 1)
    #: Loss layers put loss_weight 1 on their first top by themselves.
    is_loss = False
    #: Bottoms that never receive a gradient (labels, indices): one that would have to go there is an error.
    no_gradient: tuple[int, ...] = ()
    #: Those of them where it is dropped instead, as the original does.
    drops_gradient: tuple[int, ...] = ()

    def __init__(self, param: Any, phase: int):
        self.param = param
        self.phase = phase
        self.blobs = BlobVec()
        #: One flag a parameter, set by the net: False where lr_mult is 0.
        self.param_propagate_down: list[bool] = []

    @property
    def name(self) -> str:
        return self.param.name

    @property
    def type(self) -> str:
        return self.param.type

    def fail(self, message: str) -> CaffeError:
        """An error that names this layer: ``raise self.fail("...")``."""
        return CaffeError(f"layer {self.name!r} ({self.type}): {message}")

    def check_counts(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        for what, blobs, (least, most) in (("bottom", bottom, self.bottoms), ("top", top, self.tops)):
            if len(blobs) < least or (most is not None and len(blobs) > most):
                wanted = (
                    str(least) if least == most else f"{least} to {most}" if most is not None else f"at least {least}"
                )
                raise self.fail(f"expected {wanted} {what} blob(s), found {len(blobs)}")

    def refuse_gradient(self, propagate_down: list[bool]) -> None:
        """CaffeError where a gradient would have to go on into a bottom that cannot take one, as the original says."""
        refused = [j for j in self.no_gradient if j not in self.drops_gradient and propagate_down[j : j + 1] == [True]]
        if refused:
            flags = [wanted and j not in refused for j, wanted in enumerate(propagate_down)]
            raise self.fail(
                f"cannot backpropagate to label inputs, indices or markers: bottom {refused[0]}, "
                f"{self.param.bottom[refused[0]]!r}, comes from layers that learn; if the loss should not change them, "
                f"say so in this layer: {' '.join(f'propagate_down: {str(flag).lower()}' for flag in flags)}"
            )

    @staticmethod
    def pass_zeros(propagate_down: list[bool], bottom: list[Blob]) -> None:
        """The backward of a layer without a gradient: what lies below gets zeros."""
        for blob, wanted in zip(bottom, propagate_down):
            if wanted:
                blob.assign_diff(torch.zeros_like(blob.tensor().data))

    def need_labels(self, labels: torch.Tensor, index: torch.Tensor, classes: int) -> None:
        """CaffeError where ``index``, cut from ``labels``, leaves 0..classes - 1; not looked at on an accelerator."""
        if index.device.type != "cpu" or not index.numel():
            return
        least, most = int(index.min()), int(index.max())
        if least < 0 or most >= classes:
            found = "a label that is NaN or infinite" if not labels.isfinite().all() else f"labels {least} to {most}"
            raise self.fail(f"{found} found; {classes} classes allow 0 to {classes - 1}")

    def need_four_axes(self, blob: Blob) -> None:
        """CaffeError where ``blob`` holds no images."""
        if len(blob.shape) != 4:
            raise self.fail(f"needs a blob of 4 axes (n, channels, height, width), found shape {blob.shape}")

    def need_as_large(self, bottom: list[Blob]) -> None:
        """CaffeError where a bottom has not as many values as the first."""
        for i, other in enumerate(bottom[1:], 1):
            if other.count != bottom[0].count:
                raise self.fail(f"bottom {i} must be as large as bottom 0, {bottom[0].shape}; found {other.shape}")

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        """Read the parameters of the layer, check them, create and fill ``self.blobs`` (if they are empty)."""

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        """Give every top its shape."""
        raise NotImplementedError

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        raise NotImplementedError

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        raise NotImplementedError

    def complaint(self, bottom: list[Blob], top: list[Blob]) -> str:
        """Why the last forward gave no finite numbers, where the layer can tell, or ``""``."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """What the layer carries from one forward to the next beside its blobs: numbers and NumPy arrays by name.

        A snapshot keeps it, so that a resumed training goes on where it was: positions in the data, hidden states.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""

    def new_blob(self, *shape: int) -> Blob:
        """Append a parameter blob of zeros."""
        blob = Blob(*shape)
        self.blobs.append(blob)
        return blob


class FunctionLayer(Layer):
    """A layer that is a differentiable PyTorch function of its bottoms and parameters.

    Subclasses give ``compute``; gradients come from autograd over this one layer, so every intermediate blob has its
    diff, as in Caffe.
    """

    def __init__(self, param: Any, phase: int):
        super().__init__(param, phase)
        self._inputs: list[Tensor] = []
        self._params: list[Tensor] = []
        self._outputs: list[Tensor] = []

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        """The tops' tensors from the bottoms' and the parameters'; shapes as ``reshape`` promised."""
        raise NotImplementedError

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        self._outputs = []  # frees the last iteration's graph before this one is built
        # .data, not .detach(): pycaffe may change weights between forward and backward, which is its user's business.
        self._inputs = [b.tensor().data.requires_grad_(i not in self.no_gradient) for i, b in enumerate(bottom)]
        self._params = [p.tensor().data.requires_grad_(True) for p in self.blobs]
        with torch.enable_grad():
            self._outputs = list(self.compute(self._inputs, self._params))
        for blob, value in zip(top, self._outputs):
            blob.assign(value.detach())

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        wanted = [
            (b, x)
            for i, (b, x) in enumerate(zip(bottom, self._inputs))
            if propagate_down[i] and i not in self.no_gradient
        ]
        flags = self.param_propagate_down or [True] * len(self.blobs)
        learned = [(b, p) for b, p, flag in zip(self.blobs, self._params, flags) if flag]
        sources = [x for _, x in wanted] + [p for _, p in learned]
        if not sources:
            return
        pairs = [(y, t.diff_tensor().reshape(y.shape)) for y, t in zip(self._outputs, top) if y.requires_grad]
        if not pairs:
            gradients: Sequence[Tensor | None] = [None] * len(sources)
        else:
            gradients = torch.autograd.grad(
                [y for y, _ in pairs], sources, [g for _, g in pairs], retain_graph=True, allow_unused=True
            )
        # Autograd may return a top's own gradient, or one tensor for two bottoms; every diff has its own memory.
        taken = {g.untyped_storage().data_ptr() for _, g in pairs}
        for i, (blob, source) in enumerate([*wanted, *learned]):
            gradient = gradients[i]
            if gradient is not None and gradient.untyped_storage().data_ptr() in taken:
                gradient = gradient.clone()
            if gradient is not None:
                taken.add(gradient.untyped_storage().data_ptr())
            if i >= len(wanted):
                if gradient is not None:
                    blob.accumulate_diff(gradient)
            else:
                blob.assign_diff(gradient if gradient is not None else torch.zeros_like(source))
