# ruff: noqa: UP004, UP030, UP032, B904
# Python 2.7 to 3.13, NumPy alone: the loss layers use it, in the original's GPU image too.
"""What a label costs and the slope of that cost by its score: sigmoid cross-entropy, and losses for hard labels.

Of a score x with p^ = 1 / (1 + exp(-x)) and a label p from 0 to 1 the cost is p * yes(x) + (1 - p) * no(x):

    sigmoid      yes = -log p^,                  no = -log(1 - p^)            Eq. (1)
    focal        yes = -(1 - p^)^f log p^,       no = -p^^f log(1 - p^)       Lin et al. 2017, f the focus
    asymmetric   yes = -(1 - p^)^f+ log p^,      no = -q^f log(1 - q), q = max(p^ - margin, 0)
                                                                              Ridnik et al. 2021
    hill         yes = -(1 - m)^f log m, m = 1 / (1 + exp(margin - x)),  no = (hill - p^) p^^2
    splc         yes as hill's,  no = -p^^f log(1 - p^), but where p^ is above the threshold -(1 - p^)^f log p^:
                 the label is taken for missing                               both Zhang et al. 2021, arXiv 2112.07368

SPLC of that paper takes labels for missing after the first epoch, here from the first iteration: a score is above the
threshold only once something has been learned. The asymmetric loss's margin is a probability; hill's and splc's is part
of a score.
"""

import numpy as np

NAMES = ("sigmoid", "focal", "asymmetric", "hill", "splc")
#: Of each objective its settings and their values where none are given.
DEFAULTS = {
    "sigmoid": {},
    "focal": {"focus": 2.0},
    "asymmetric": {"focus": 4.0, "focus_positive": 0.0, "margin": 0.05},
    "hill": {"focus": 2.0, "margin": 1.0, "hill": 1.5},
    "splc": {"focus": 2.0, "margin": 1.0, "threshold": 0.6},
}
#: What a setting must stay below: probabilities.
MOST = {("asymmetric", "margin"): 1, ("splc", "threshold"): 1}


def parse(values):
    """The function (x, p) -> (cost, slope), arrays of one shape, of a dict such as {"name": "focal", "focus": 2}.

    "present", one number a label of the layer, multiplies what a label costs that is present.
    ValueError names what is unknown or out of range.
    """
    given = dict(values or {"name": "sigmoid"})
    name, present = given.pop("name", None), given.pop("present", None)
    if name not in DEFAULTS:
        raise ValueError("objective {0!r} is unknown: expected one of {1}".format(name, ", ".join(NAMES)))
    settings = dict(DEFAULTS[name])
    for key, value in given.items():
        if key not in settings:
            raise ValueError("objective {0} has no setting {1!r}".format(name, key))
        settings[key] = float(value)
        most = MOST.get((name, key), np.inf)
        if not np.isfinite(settings[key]) or settings[key] < 0 or settings[key] >= most:
            told = "expected 0 or above" if np.isinf(most) else "expected 0 to below {0:g}".format(most)
            raise ValueError("objective {0}: {1} {2}: {3}".format(name, key, value, told))
    function = _function(name, settings)
    return function if present is None else Weighted(function, present)


def _function(name, settings):
    if name == "sigmoid":
        return sigmoid
    if name in ("hill", "splc"):
        return {"hill": Hill, "splc": Splc}[name](**settings)
    positive = settings.get("focus_positive", settings["focus"])
    return Focused(settings["focus"], positive, settings.get("margin", 0.0))


def sigmoid(x, p):
    """Eq. (1). exp sees no positive number, so that scores of +-1000 neither overflow nor lose the cost."""
    small = np.exp(-np.abs(x))
    cost = np.maximum(x, 0) - x * p + np.log1p(small)
    return cost, np.where(x >= 0, 1, small) / (1 + small) - p


class Weighted(object):
    """Another objective, with a weight per label (a column) on what it costs where it is present."""

    def __init__(self, function, present):
        self.function, self.present = function, np.array(present, np.float64)
        if self.present.ndim != 1 or not np.isfinite(self.present).all() or (self.present < 0).any():
            raise ValueError("objective: present {0}: expected a number, 0 or above, a label".format(present))

    def __call__(self, x, p):
        if x.shape[-1] != self.present.size:
            raise ValueError(
                "MultiWeightLoss: {0} weights of labels that are present for {1} labels: written from another "
                "catalog".format(self.present.size, x.shape[-1])
            )
        yes, yes_slope = self.function(x, np.ones_like(x))
        no, no_slope = self.function(x, np.zeros_like(x))
        share = p * self.present.astype(x.dtype)
        return share * yes + (1 - p) * no, share * yes_slope + (1 - p) * no_slope


class Focused(object):
    """Focal and asymmetric losses: costs fall with a power of how far the score still is from its label."""

    def __init__(self, focus, focus_positive, margin):
        self.focus, self.focus_positive, self.margin = focus, focus_positive, margin

    def __call__(self, x, p):
        yes, yes_slope = _focal(x, self.focus_positive)
        if self.margin:
            no, no_slope = _shifted(x, self.focus, self.margin)
        else:
            no, no_slope = _focal(-x, self.focus)
            no_slope = -no_slope
        return p * yes + (1 - p) * no, p * yes_slope + (1 - p) * no_slope


class Hill(object):
    """An absent label's cost falls again where the score is high, as then it may be one that is missing."""

    def __init__(self, focus, margin, hill):
        self.focus, self.margin, self.hill = focus, margin, hill

    def __call__(self, x, p):
        yes, yes_slope = _focal(x - self.margin, self.focus)
        share, rest, _ = _logs(x)
        no, no_slope = (self.hill - share) * share**2, share**2 * rest * (2 * self.hill - 3 * share)
        return p * yes + (1 - p) * no, p * yes_slope + (1 - p) * no_slope


class Splc(object):
    """An absent label whose score is above the threshold is taken for one that is missing, and costs as present."""

    def __init__(self, focus, margin, threshold):
        self.focus, self.margin, self.threshold = focus, margin, threshold

    def __call__(self, x, p):
        yes, yes_slope = _focal(x - self.margin, self.focus)
        no, no_slope = _focal(-x, self.focus)
        taken, taken_slope = _focal(x, self.focus)
        missing = _logs(x)[0] > self.threshold
        no, no_slope = np.where(missing, taken, no), np.where(missing, taken_slope, -no_slope)
        return p * yes + (1 - p) * no, p * yes_slope + (1 - p) * no_slope


def _logs(x):
    """p^, 1 - p^, log p^."""
    small = np.exp(-np.abs(x))
    share = np.where(x >= 0, 1, small) / (1 + small)
    rest = np.where(x >= 0, small, 1) / (1 + small)
    return share, rest, np.minimum(x, 0) - np.log1p(small)


def _focal(x, focus):
    """-(1 - p^)^f log p^ and its slope (1 - p^)^f (f p^ log p^ - (1 - p^))."""
    share, rest, log_share = _logs(x)
    weight = rest**focus
    return -weight * log_share, weight * (focus * share * log_share - rest)


def _shifted(x, focus, margin):
    """-q^f log(1 - q) with q = max(p^ - margin, 0), and its slope; 1 - q is never below the margin."""
    share, rest, _ = _logs(x)
    q = np.maximum(share - margin, 0)
    log_rest = np.log1p(-q)
    inside = q > 0
    # q^(f - 1) where q is 0 has no value below f = 1, and is not asked for: there the cost is constant.
    base = np.where(inside, q, 1)
    slope = share * rest * (base**focus / (1 - q) - focus * base ** (focus - 1) * log_rest)
    return np.where(inside, -(base**focus) * log_rest, 0), np.where(inside, slope, 0)
