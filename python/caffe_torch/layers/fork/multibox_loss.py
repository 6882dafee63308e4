"""MultiBoxLoss of SSD: how far the boxes and the labels of matched and of mined priors are off."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fork import boxes, ground_truth, matching
from caffe_torch.layers.fork.smooth_l1 import smooth_l1
from caffe_torch.layers.loss_base import normalizer_mode


@register("MultiBoxLoss")
class MultiBoxLoss(FunctionLayer):
    """Bottoms: codes (n, priors x 4), scores (n, priors x classes), priors (1, 2, priors x 4), true boxes (1, 1, g, 8).

    The sum of the codes' loss at the matched priors, times ``loc_weight``, and of the scores' at those and at the
    mined ones, divided by the number of matched priors (``normalization: VALID``).
    """

    bottoms = (4, 4)
    is_loss = True
    no_gradient = (2, 3)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.multibox_loss_param
        if param.num_classes < 1:
            raise self.fail("needs num_classes of 1 or more")
        if not param.share_location:
            raise self.fail("share_location: false is not supported here")
        if param.bp_inside:
            raise self.fail("bp_inside is not supported here")
        if param.neg_pos_ratio <= 0:
            raise self.fail(f"neg_pos_ratio must be above 0, found {param.neg_pos_ratio:g}")
        # do_neg_mining is the older name of a choice between these two.
        off = param.HasField("do_neg_mining") and not param.do_neg_mining
        self.mining = param.NONE if off else param.mining_type

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        classes = self.param.multibox_loss_param.num_classes
        if len(bottom[2].shape) < 3 or bottom[2].shape[1] != 2 or bottom[2].shape[2] % 4:
            raise self.fail(f"needs priors of shape (1, 2, priors x 4), found {bottom[2].shape}")
        images, priors = bottom[0].shape[0], bottom[2].shape[2] // 4
        if bottom[0].count != images * priors * 4 or bottom[1].count != images * priors * classes:
            raise self.fail(
                f"{priors} priors and {classes} classes need {images * priors * 4} codes and "
                f"{images * priors * classes} scores, found shapes {bottom[0].shape} and {bottom[1].shape}"
            )
        if bottom[3].count % 8:
            raise self.fail(f"needs true boxes of 8 numbers, found a blob of shape {bottom[3].shape}")
        self.sizes = images, priors, classes
        top[0].adopt_shape(())

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.multibox_loss_param
        images, priors, classes = self.sizes
        codes, scores = inputs[0].reshape(images, priors, 4), inputs[1].reshape(images, priors, classes)
        prior, variance = inputs[2].detach().reshape(-1, 2, priors, 4)[0]
        try:
            truth = ground_truth.by_image(
                inputs[3].detach().reshape(-1, 8), param.background_label_id, param.use_difficult_gt
            )
        except ValueError as error:
            raise self.fail(str(error)) from None
        located, labelled, targets, labels, matches = [], [], [], [], 0
        for image in range(images):
            with torch.no_grad():
                own = truth.get(image)
                boxed = boxes.decode(
                    codes[image].detach(), prior, variance, param.code_type, param.encode_variance_in_target
                )
                matched, overlap = self._match(own, prior, boxed)
                label = self._labels(own, matched)
                matched, negative = self._mine(
                    codes[image], scores[image], prior, variance, own, matched, overlap, label, boxed
                )
                positive = matched >= 0
                label = torch.where(positive, label, torch.full_like(label, param.background_label_id))
            counted = torch.ones_like(positive) if self.mining == param.NONE else positive | negative
            labelled.append(scores[image][counted])
            labels.append(label[counted])
            if own is not None and bool(positive.any()):
                matches += int(positive.sum())
                located.append(codes[image][positive])
                targets.append(
                    boxes.encode(own.boxes[matched[positive]], prior[positive], variance[positive], param.code_type,
                                 param.encode_variance_in_target)
                )  # fmt: skip
        divisor = self._divisor(images, priors, matches)
        loss = scores.sum() * 0
        wanted = list(self.param.propagate_down) or [True] * 4
        if located and wanted[0]:
            loss = loss + param.loc_weight * self._code_loss(torch.cat(located), torch.cat(targets)).sum() / divisor
        if wanted[1]:
            loss = loss + self._label_loss(torch.cat(labelled), torch.cat(labels)).sum() / divisor
        return [loss]

    def _match(self, own: ground_truth.Truth | None, prior: Tensor, boxed: Tensor) -> tuple[Tensor, Tensor]:
        param = self.param.multibox_loss_param
        if own is None:
            return torch.full((len(prior),), -1, device=prior.device), torch.zeros(len(prior), device=prior.device)
        used = prior if param.use_prior_for_matching else boxed
        matched, overlap = matching.match(
            own.boxes, used, param.overlap_threshold, param.match_type == param.PER_PREDICTION
        )
        if param.ignore_cross_boundary_bbox:
            crossing = (used.amin(dim=1) < 0) | (used.amax(dim=1) > 1)
            matched = torch.where(crossing, torch.full_like(matched, -1), matched)
        return matched, overlap

    def _labels(self, own: ground_truth.Truth | None, matched: Tensor) -> Tensor:
        """The class of each prior: its box's, or the background."""
        param = self.param.multibox_loss_param
        background = torch.full_like(matched, param.background_label_id)
        if own is None:
            return background
        labels = own.labels
        if param.map_object_to_agnostic:
            labels = torch.full_like(labels, param.background_label_id + 1)
        if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= param.num_classes):
            raise self.fail(f"a box has label {int(labels.max())}; {param.num_classes} classes are set")
        return torch.where(matched >= 0, labels[matched.clamp(min=0)], background)

    def _mine(
        self, codes: Tensor, scores: Tensor, prior: Tensor, variance: Tensor, own: ground_truth.Truth | None,
        matched: Tensor, overlap: Tensor, label: Tensor, boxed: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The matches that stay, and which unmatched priors count as background."""
        param = self.param.multibox_loss_param
        if self.mining == param.NONE:
            return matched, matched < 0
        losses = self._label_loss(scores, label)
        if self.mining == param.MAX_NEGATIVE:
            return matched, matching.mine_negatives(losses, matched, overlap, param.neg_pos_ratio, param.neg_overlap)
        positive = matched >= 0
        if own is not None and bool(positive.any()):
            target = boxes.encode(own.boxes[matched[positive]], prior[positive], variance[positive], param.code_type,
                                  param.encode_variance_in_target)  # fmt: skip
            losses = losses.clone()
            losses[positive] += self._code_loss(codes[positive], target).sum(dim=1)
        nms = param.nms_param if param.HasField("nms_param") else None
        used = prior if param.use_prior_for_nms else boxed
        return matching.mine_hardest(losses, matched, used, param.sample_size, nms)

    def _code_loss(self, found: Tensor, target: Tensor) -> Tensor:
        param = self.param.multibox_loss_param
        if param.loc_loss_type == param.L2:
            return (found - target).square() / 2
        return smooth_l1(found - target, 1.0)

    def _label_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """One number a prior."""
        param = self.param.multibox_loss_param
        if param.conf_loss_type == param.SOFTMAX:
            return F.cross_entropy(scores, labels, reduction="none")
        # The background may be no class at all: then it has no output that should be 1.
        target = (labels[:, None] == torch.arange(param.num_classes, device=labels.device)).to(scores.dtype)
        return F.binary_cross_entropy_with_logits(scores, target, reduction="none").sum(dim=1)

    def _divisor(self, images: int, priors: int, matches: int) -> float:
        param = self.param.loss_param
        counts = {param.FULL: images * priors, param.VALID: matches, param.BATCH_SIZE: images, param.NONE: 1}
        return max(1.0, counts[normalizer_mode(param, param.VALID)])
