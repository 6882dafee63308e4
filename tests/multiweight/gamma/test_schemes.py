"""The schemes: hand-worked, and each of them all the way into a prototxt that trains."""

import pytest
from checkout import REPOSITORY

import caffe_torch
from multiweight.base.errors import UserError
from multiweight.gamma import weights
from multiweight.gamma.schemes import SCHEMES
from multiweight.nets import nets, recipes
from multiweight.nets.settings import DataPaths, NetSettings
from multiweight.records.catalog import Catalog

HALF = {"a": 1.0, "b": 0.25, "c": 0.04}
COUNTS = {"a": 100, "b": 25, "c": 4}


def gamma(name, c=None):
    return weights.compute(name, HALF, c=c, counts=COUNTS).values


def test_hand_worked():
    assert gamma("inverse") == pytest.approx({"a": 1, "b": 4, "c": 25})
    assert gamma("sqrt_inverse") == pytest.approx({"a": 1, "b": 2, "c": 5})
    # The square root of the square root, and the powers that have names of their own.
    assert gamma("inverse_power") == pytest.approx({"a": 1, "b": 2**0.5, "c": 5**0.5})
    assert gamma("inverse_power", 0.5) == pytest.approx(gamma("sqrt_inverse"))
    assert gamma("inverse_power", 1) == pytest.approx(gamma("inverse"))
    # (1 - 0.9) / (1 - 0.9^n)
    expected = {"a": 0.1 / (1 - 0.9**100), "b": 0.1 / (1 - 0.9**25), "c": 0.1 / (1 - 0.9**4)}
    assert gamma("class_balanced", 0.9) == pytest.approx(expected)
    # As beta goes to 1, the effective number goes to n itself.
    assert gamma("class_balanced", 1 - 1e-12) == pytest.approx({"a": 1 / 100, "b": 1 / 25, "c": 1 / 4}, rel=1e-4)
    for name in ("uncertainty", "dwa", "uw_so", "log_sum", "random_weights"):
        assert set(gamma(name).values()) == {1.0}, "its layer changes them"


def test_constants():
    assert weights.compute("class_balanced", HALF, counts=COUNTS).c == 0.999
    assert weights.compute("dwa", HALF).c == 2.0 and weights.compute("ones", HALF).c is None
    for scheme in ("ones", "proportion", "mine.csv", "module:function"):
        with pytest.raises(UserError, match=f"c = 5: scheme {scheme} has no constant.*smoothed .c."):
            weights.compute(scheme, HALF, c=5)
        with pytest.raises(UserError, match="has no constant"):
            recipes.choose(None, scheme, 5)
    assert "beta = 0.9" in weights.compute("class_balanced", HALF, c=0.9, counts=COUNTS).describe()
    with pytest.raises(UserError, match="beta = 1.0.*below 1"):
        gamma("class_balanced", 1.0)
    with pytest.raises(UserError, match="temperature = 0.*above 0"):
        gamma("dwa", 0.0)


@pytest.mark.parametrize("name", ["inverse", "sqrt_inverse", "inverse_power", "class_balanced"])
def test_a_group_without_images_has_no_inverse(name):
    with pytest.raises(UserError, match="group 'b' has no training image"):
        weights.compute(name, {"a": 1.0, "b": 0.0}, counts={"a": 3, "b": 0})


def test_class_balanced_needs_the_counts():
    with pytest.raises(UserError, match="needs the numbers of training images"):
        weights.compute("class_balanced", HALF)


def test_the_table_in_prototxt_lists_each_with_its_constant():
    text = (REPOSITORY / "prototxt" / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("| `")]
    listed = {row[0].strip(" `"): row[2].strip() for row in rows if row[0].strip(" `") in SCHEMES}
    constants = {name: "; ".join(f"{c.name}, {c.default:g}" for c in s.constants) for name, s in SCHEMES.items()}
    assert listed == constants


def test_names_of_variants():
    assert recipes.variant_name("class_balanced", 0.99) == "class_balanced-c0.99"
    assert recipes.variant_name("class_balanced", 0.9999999) == "class_balanced-c0.9999999"
    assert "beta = 0.9999999 (" in weights.compute("class_balanced", HALF, c=0.9999999, counts=COUNTS).describe()
    assert recipes.variant_name("smoothed", 2.0) == "smoothed-c2" == recipes.variant_name("smoothed", 2)
    assert recipes.variant_name("smoothed", 1e16) == "smoothed-c1e16"
    with pytest.raises(UserError, match=r"weights/--.csv: '--' has no letter or digit to name a run by"):
        recipes.variant_name("weights/--.csv", None)
    assert recipes.choose(None, "inverse", None)[0] == "inverse"
    assert recipes.choose(None, "ones", None, objective="focal")[0] == "ones-focal"
    assert recipes.choose(None, "dwa", None) == ("dwa-c2", "multi_weight", "dwa", 2.0)
    with pytest.raises(UserError, match="the sigmoid cross-entropy"):
        recipes.choose("multi_weight", None, None, objective="focal")


def net(**settings):
    catalog = Catalog.from_dict({"A": ["x", "y"], "B": ["z"]})
    paths = DataPaths("i", "l", "i", "l", "")
    return nets.train_val(caffe_torch, NetSettings(**settings), catalog, {"A": 1.0, "B": 0.5}, paths)


def loss_layer(**settings):
    return next(layer for layer in net(**settings).layer if layer.type == "Python")


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_has_a_layer(name):
    layer = loss_layer(weighting=SCHEMES[name].weighting)
    module, cls = layer.python_param.module, layer.python_param.layer
    result = getattr(__import__(module, fromlist=[cls]), cls)
    defaults = {constant.name: constant.default for constant in SCHEMES[name].constants if SCHEMES[name].layer}
    assert result.settings == defaults, "what the layer takes where a prototxt does not say it"


def test_learned_weights_never_decay_and_states_never_move():
    assert [(p.lr_mult, p.decay_mult) for p in loss_layer(weighting="uncertainty").param] == [(1, 0)]
    dwa = loss_layer(weighting="dwa", constants="temperature=3, window=7")
    assert [(p.lr_mult, p.decay_mult) for p in dwa.param] == [(0, 0)] * 2
    assert '"temperature": 3.0, "window": 7' in dwa.python_param.param_str
    assert [p.lr_mult for p in loss_layer(weighting="random_weights").param] == [0]
    uw_so = loss_layer(weighting="uw_so", constants="temperature=5").python_param.param_str
    assert '"temperature": 5.0' in uw_so and "window" not in uw_so
    focal = loss_layer(objective="focal", focus=1.5)
    assert '"objective": {"name": "focal", "focus": 1.5}' in focal.python_param.param_str
    assert "objective" not in loss_layer().python_param.param_str


@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(loss="builtin", objective="focal"), "needs the Python loss"),
        (dict(loss="builtin", weighting="dwa"), "needs the Python loss"),
        (dict(objective="hinge"), "objective = 'hinge'"),
        (dict(weighting="magic"), "weighting = 'magic'"),
        (dict(objective="focal", margin=0.1), "no setting 'margin'"),
        (dict(weighting="dwa", constants="window=0"), "window = 0.0: scheme dwa needs a whole number above 0"),
        (dict(weighting="dwa", constants="window=2.5"), "window = 2.5: scheme dwa needs a whole number"),
        (dict(weighting="dwa", constants="temperature=nan"), "temperature = nan: scheme dwa needs a number above 0"),
        (dict(weighting="dwa", constants="windw=3"), "'windw' is unknown: those of dwa are temperature, window"),
        (dict(weighting="dwa", constants="window"), "'window': expected name=number"),
        (dict(constants="window=3"), "'window' is unknown: fixed weights have none"),
    ],
)
def test_mistakes(settings, words):
    with pytest.raises(UserError, match=words):
        NetSettings(**settings)
    if settings.get("objective") == "focal" and "margin" not in settings:
        with pytest.raises(UserError, match="leave out"):
            NetSettings(objective="focal").for_head("multi_label")
