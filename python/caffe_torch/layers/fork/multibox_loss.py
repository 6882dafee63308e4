"""MultiBoxLoss of SSD: how far the boxes and the labels of matched and of mined priors are off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import FunctionLayer, register
from caffe_torch.layers.fork import boxes, ground_truth, matching
from caffe_torch.layers.fork.smooth_l1 import smooth_l1
from caffe_torch.layers.loss_base import normalizer_mode


class _Matches(NamedTuple):
    """Of the codes in one ``column``: each prior's true box (none below 0), its overlap, the box it stands for."""

    column: int
    matched: Tensor
    overlap: Tensor
    boxed: Tensor


class _Priors(NamedTuple):
    """``corners`` and ``variances`` of the priors, (priors, 4)."""

    corners: Tensor
    variances: Tensor


@register("MultiBoxLoss")
class MultiBoxLoss(FunctionLayer):
    """Bottoms: codes (n, priors x 4), scores (n, priors x classes), priors (1, 2, priors x 4), true boxes (1, 1, g, 8).

    The sum of the codes' loss at the matched priors, times ``loc_weight``, and of the scores' at those and at the
    mined ones, divided by the number of matched priors (``normalization: VALID``). With ``share_location: false`` a
    prior has codes for every class, (n, priors x classes x 4), and nothing is mined.
    """

    bottoms = (4, 4)
    is_loss = True
    no_gradient = (2, 3)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        param = self.param.multibox_loss_param
        if param.num_classes < 1:
            raise self.fail("needs num_classes of 1 or more")
        if not 0 < param.neg_pos_ratio < math.inf:
            raise self.fail(f"neg_pos_ratio must be above 0 and finite, found {param.neg_pos_ratio:g}")
        if param.conf_loss_type == param.SOFTMAX and param.background_label_id >= param.num_classes:
            raise self.fail(
                f"conf_loss_type SOFTMAX needs a background_label_id below num_classes {param.num_classes}, found "
                f"{param.background_label_id}"
            )
        # do_neg_mining is the older name of a choice between these two.
        off = param.HasField("do_neg_mining") and not param.do_neg_mining
        self.mining = param.NONE if off else param.mining_type
        if not param.share_location and self.mining != param.NONE:
            raise self.fail("share_location: false goes with mining_type: NONE alone, as in SSD")
        if self.mining == param.HARD_EXAMPLE and param.sample_size < 1:
            raise self.fail(f"sample_size must be 1 or more, found {param.sample_size}")
        #: Codes of a prior, four numbers each.
        self.columns = 1 if param.share_location else param.num_classes

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        classes = self.param.multibox_loss_param.num_classes
        if len(bottom[2].shape) < 3 or not bottom[2].shape[0] or bottom[2].shape[1] != 2 or bottom[2].shape[2] % 4:
            raise self.fail(f"needs priors of shape (1, 2, priors x 4), found {bottom[2].shape}")
        images, priors = bottom[0].shape[0] if bottom[0].shape else 0, bottom[2].shape[2] // 4
        wanted = images * priors * self.columns * 4, images * priors * classes
        if (bottom[0].count, bottom[1].count) != wanted:
            raise self.fail(
                f"{priors} priors and {classes} classes need {wanted[0]} codes and "
                f"{wanted[1]} scores, found shapes {bottom[0].shape} and {bottom[1].shape}"
            )
        if bottom[3].count % 8:
            raise self.fail(f"needs true boxes of 8 numbers, found a blob of shape {bottom[3].shape}")
        self.sizes = images, priors, classes
        top[0].adopt_shape(())

    def compute(self, inputs: list[Tensor], params: list[Tensor]) -> Sequence[Tensor]:
        param = self.param.multibox_loss_param
        images, priors, classes = self.sizes
        codes = inputs[0].reshape(images, priors, self.columns, 4)
        scores = inputs[1].reshape(images, priors, classes)
        given = _Priors(*inputs[2].detach().reshape(-1, 2, priors, 4)[0])
        try:
            truth = ground_truth.by_image(
                inputs[3].detach().reshape(-1, 8), param.background_label_id, param.use_difficult_gt
            )
        except ValueError as error:
            raise self.fail(str(error)) from None
        code_losses, label_losses, matches = [], [], 0
        for image in range(images):
            own = truth.get(image)
            if own is None:
                # Without a true box nothing is matched, and nothing mined.
                if self.mining == param.NONE:
                    background = self._background(scores[image])
                    label_losses.append(self._label_loss(scores[image], background, torch.zeros_like(scores[image])))
                continue
            with torch.no_grad():
                image_matches = self._matches(own, codes[image], given)
                negative = torch.zeros_like(image_matches[0].matched, dtype=torch.bool)
                if self.mining != param.NONE:
                    image_matches[0], negative = self._mined(own, codes[image], scores[image], given, image_matches[0])
                labels, target = self._labels(own, image_matches, negative)
            counted = negative.clone() if self.mining != param.NONE else torch.ones_like(negative)
            for part in image_matches:
                positive = part.matched >= 0
                counted |= positive
                matches += int(positive.sum())
                code_losses.append(self._code_loss(own, codes[image], given, part).sum())
            label_losses.append(self._label_loss(scores[image][counted], labels[counted], target[counted]))
        divisor = self._divisor(images, priors, matches)
        loss = (codes.sum() + scores.sum()) * 0
        wanted = list(self.param.propagate_down) or [True] * 4
        if code_losses and wanted[0]:
            loss = loss + param.loc_weight * torch.stack(code_losses).sum() / divisor
        if label_losses and wanted[1]:
            loss = loss + torch.cat(label_losses).sum() / divisor
        return [loss]

    def _decoded(self, codes: Tensor, given: _Priors) -> Tensor:
        param = self.param.multibox_loss_param
        return boxes.decode(
            codes.detach(), given.corners, given.variances, param.code_type, param.encode_variance_in_target
        )

    def _matches(self, own: ground_truth.Truth, codes: Tensor, given: _Priors) -> list[_Matches]:
        """What is matched, one a column of the codes; with codes for every class, a class's own boxes alone."""
        param = self.param.multibox_loss_param
        wrong = own.labels[(own.labels < 0) | (own.labels >= param.num_classes)]
        if len(wrong) and not param.map_object_to_agnostic:
            raise self.fail(f"a box has label {int(wrong[0])}; {param.num_classes} classes are set")

        def match(truth: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
            return matching.match(
                truth, used, param.overlap_threshold, param.match_type == param.PER_PREDICTION,
                param.ignore_cross_boundary_bbox,
            )  # fmt: skip

        if param.share_location:
            boxed = given.corners if param.use_prior_for_matching else self._decoded(codes[:, 0], given)
            return [_Matches(0, *match(own.boxes, boxed), boxed)]
        classes = [label for label in range(param.num_classes) if label != param.background_label_id]
        if param.use_prior_for_matching:
            matched, overlap = match(own.boxes, given.corners)
            label = torch.where(matched >= 0, own.labels[matched.clamp(min=0)], -1)
            nothing = torch.full_like(matched, matching.UNMATCHED)
            return [_Matches(c, torch.where(label == c, matched, nothing), overlap, given.corners) for c in classes]
        class_matches = []
        for c in classes:
            index, boxed = (own.labels == c).nonzero()[:, 0], self._decoded(codes[:, c], given)
            matched, overlap = match(own.boxes[index], boxed)
            if len(index):
                matched = torch.where(matched >= 0, index[matched.clamp(min=0)], matched)
            class_matches.append(_Matches(c, matched, overlap, boxed))
        return class_matches

    def _mined(
        self, own: ground_truth.Truth, codes: Tensor, scores: Tensor, given: _Priors, matches: _Matches
    ) -> tuple[_Matches, Tensor]:
        """The matches that stay, and which unmatched priors count as background."""
        param, positive = self.param.multibox_loss_param, matches.matched >= 0
        labels, _ = self._labels(own, [matches], torch.zeros_like(positive))
        losses = self._label_loss(scores, labels)
        nms = param.nms_param if param.HasField("nms_param") else None
        located = given.corners if param.use_prior_for_nms or nms is None else self._decoded(codes[:, 0], given)
        if self.mining == param.MAX_NEGATIVE:
            eligible = (matches.matched == matching.UNMATCHED) & (matches.overlap < param.neg_overlap)
            count = int(int(positive.sum()) * param.neg_pos_ratio)
            return matches, matching.mine(losses, eligible, count, located, nms)
        losses = losses.clone()
        losses[positive] += self._code_loss(own, codes, given, matches).sum(dim=1)
        chosen = matching.mine(losses, torch.ones_like(positive), param.sample_size, located, nms)
        kept = torch.where(positive & ~chosen, torch.full_like(matches.matched, matching.UNMATCHED), matches.matched)
        return matches._replace(matched=kept), chosen & (matches.matched == matching.UNMATCHED)

    def _background(self, scores: Tensor) -> Tensor:
        background = self.param.multibox_loss_param.background_label_id
        return torch.full((len(scores),), background, dtype=torch.int64, device=scores.device)

    def _labels(self, own: ground_truth.Truth, matches: Sequence[_Matches], negative: Tensor) -> tuple[Tensor, Tensor]:
        """The class of each prior, its box's or the background, and 1 where LOGISTIC wants a class's score to be 1."""
        param = self.param.multibox_loss_param
        labels = self._background(negative)
        target = torch.zeros(len(labels), param.num_classes, device=labels.device)
        for part in matches:
            positive = part.matched >= 0
            label = own.labels[part.matched[positive]]
            if param.map_object_to_agnostic:
                label = torch.full_like(label, param.background_label_id + 1)
            labels[positive] = label
            target[positive.nonzero()[:, 0], label] = 1
        if 0 <= param.background_label_id < param.num_classes:
            target[negative, param.background_label_id] = 1
        return labels, target

    def _code_loss(self, own: ground_truth.Truth, codes: Tensor, given: _Priors, matches: _Matches) -> Tensor:
        """Of the matched priors, (matched, 4)."""
        param, positive = self.param.multibox_loss_param, matches.matched >= 0
        variance = given.variances[positive]
        target = boxes.encode(
            own.boxes[matches.matched[positive]], given.corners[positive], variance, param.code_type,
            param.encode_variance_in_target,
        )  # fmt: skip
        difference = codes[positive, matches.column] - target
        if param.encode_variance_in_target:
            # As in SSD: the loss sees the variances, its gradient by the codes does not.
            difference = difference + (difference / variance - difference).detach()
        if param.bp_inside:
            # A side of the box outside the image has no loss.
            difference = difference * ((matches.boxed[positive] >= 0) & (matches.boxed[positive] <= 1))
        if param.loc_loss_type == param.L2:
            return difference.square() / 2
        return smooth_l1(difference, 1.0)

    def _label_loss(self, scores: Tensor, labels: Tensor, target: Tensor | None = None) -> Tensor:
        """One number a prior; without ``target``, LOGISTIC wants the label's score alone to be 1."""
        param = self.param.multibox_loss_param
        if param.conf_loss_type == param.SOFTMAX:
            return F.cross_entropy(scores, labels, reduction="none")
        if target is None:
            # The background may be no class at all: then it has no output that should be 1.
            target = labels[:, None] == torch.arange(param.num_classes, device=labels.device)
        return F.binary_cross_entropy_with_logits(scores, target.to(scores.dtype), reduction="none").sum(dim=1)

    def _divisor(self, images: int, priors: int, matches: int) -> float:
        param = self.param.loss_param
        counts = {param.FULL: images * priors, param.VALID: matches, param.BATCH_SIZE: images, param.NONE: 1}
        return max(1.0, counts[normalizer_mode(param, param.VALID)])
