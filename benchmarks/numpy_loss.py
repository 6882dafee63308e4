"""The multi-weight loss as a Python layer without tensor_form: NumPy on every device."""

from __future__ import annotations

from multiweight.layers.multi_weight_loss import MultiWeightLossLayer


class NumpyLoss(MultiWeightLossLayer):
    """MultiWeightLossLayer; a subclass that names no ``tensor_form`` runs its own ``forward`` and ``backward``."""
