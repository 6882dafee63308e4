"""Losses for faces: CenterLoss (caffe-face) and MarginInnerProduct (SphereFace)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fillers import fill
from caffe_torch.layers.loss_base import LossLayer
from caffe_torch.layers.shapes import canonical_axis, count


@register("CenterLoss")
class CenterLoss(LossLayer):
    """Half the squared distance of each feature to its class's centre, averaged over the batch; one parameter (n, k).

    The centres' gradient is that of the paper: sum of (centre - feature) over the class's items, by their number + 1.
    """

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.center_loss_param
        if param.num_output < 1 or param.distance_type != "L2":
            raise self.fail("needs num_output of 1 or more, and distance_type L2")
        self.size = count(bottom[0].shape[canonical_axis(self, bottom[0], param.axis) :])
        if not self.blobs:
            fill(self.new_blob(param.num_output, self.size), param.center_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        super().reshape(bottom, top)
        self.one_label_an_item(bottom)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        x = bottom[0].tensor().data.reshape(-1, self.size)
        self._labels = self.class_labels(bottom[1].tensor().reshape(-1), self.param.center_loss_param.num_output)
        self._difference = x - self.blobs[0].tensor().data[self._labels]
        top[0].assign(self._difference.square().sum() / (2 * max(len(x), 1)))

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        flags = self.param_propagate_down or [True]
        if flags[0]:
            total = torch.zeros_like(self.blobs[0].tensor().data).index_add_(0, self._labels, -self._difference)
            number = torch.bincount(self._labels, minlength=len(total)).to(total.dtype)
            self.blobs[0].accumulate_diff(total / (number + 1)[:, None])
        if propagate_down[0]:
            scale = top[0].diff_tensor() / max(len(self._difference), 1)
            bottom[0].assign_diff((self._difference * scale).reshape(bottom[0].shape))


#: Of the angle's margin m: cos(m theta) as a function of cos(theta).
_COSINES = {
    1: lambda c: c,
    2: lambda c: 2 * c**2 - 1,
    3: lambda c: 4 * c**3 - 3 * c,
    4: lambda c: 8 * c**4 - 8 * c**2 + 1,
}


@register("MarginInnerProduct")
class MarginInnerProduct(FunctionLayer):
    """SphereFace's A-Softmax: products of features with weights of length 1, the label's own with a margin, |x| psi.

    psi(theta) = (-1)^k cos(m theta) - 2 k falls from 1 to 1 - 2 m. It is mixed with the plain product by lambda, which
    falls with the iterations: max(base (1 + gamma iteration)^-power, lambda_min); a second top gives lambda. As in the
    fork, the weights' gradient is that of the plain product.
    """

    bottoms = (2, 2)
    tops = (1, 2)
    no_gradient = (1,)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.margin_inner_product_param
        if param.num_output < 1:
            raise self.fail("needs num_output of 1 or more")
        if not param.gamma >= 0:
            raise self.fail(f"gamma must be 0 or more, found {param.gamma:g}")
        self.margin = {param.SINGLE: 1, param.DOUBLE: 2, param.TRIPLE: 3, param.QUADRUPLE: 4}[param.type]
        self.size = count(bottom[0].shape[canonical_axis(self, bottom[0], param.axis) :])
        self.iteration = param.iteration
        if not self.blobs:
            fill(self.new_blob(param.num_output, self.size), param.weight_filler)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        items = bottom[0].count // self.size
        if bottom[1].count != items:
            raise self.fail(f"needs one label an item: {items}, found shape {bottom[1].shape}")
        top[0].adopt_shape((items, self.param.margin_inner_product_param.num_output))
        if len(top) > 1:
            top[1].adopt_shape((1,))

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        self.iteration += 1
        self.blobs[0].assign(F.normalize(self.blobs[0].tensor().data, dim=1))
        super().forward(bottom, top)

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.margin_inner_product_param
        weight = max(param.base * (1 + param.gamma * self.iteration) ** -param.power, param.lambda_min)
        x, labels = inputs[0].reshape(-1, self.size), inputs[1].detach().long().reshape(-1)
        if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= param.num_output):
            raise self.fail(
                f"labels {int(labels.min())} to {int(labels.max())} found; {param.num_output} classes are set"
            )
        plain = x @ params[0].T
        norm = x.norm(dim=1, keepdim=True)
        own = (x @ params[0].detach().T).gather(1, labels[:, None])
        cosine = (own / norm.clamp(min=1e-12)).clamp(-1, 1)
        # The part of the circle, k of m, in which the angle lies.
        part = torch.floor(torch.acos(cosine.detach()) * self.margin / torch.pi).clamp(max=self.margin - 1)
        psi = (1 - 2 * (part % 2)) * _COSINES[self.margin](cosine) - 2 * part
        mixed = (weight * own + norm * psi) / (1 + weight)
        # The value with the margin, and its gradient by x; the weights see the plain product.
        plain_own = (x.detach() @ params[0].T).gather(1, labels[:, None])
        mixed = mixed + plain_own - plain_own.detach()
        return [plain.scatter(1, labels[:, None], mixed), plain.new_full((1,), weight)]

    def state_dict(self) -> dict[str, int]:
        return {"iteration": self.iteration}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.iteration = state["iteration"]
