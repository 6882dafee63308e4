import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiweight.base.errors import UserError
from multiweight.gamma import weights
from multiweight.paper import eclothing

HALF = {"a": 1.0, "b": 0.5, "c": 0.03}
ratios = st.lists(st.floats(1e-6, 1), min_size=1, max_size=12).map(
    lambda r: {str(n): value / max(r) for n, value in enumerate(r)}
)
constants = st.floats(0.5, 20)


def test_smoothed_lifts_seven_published_groups():
    published = eclothing.proportions()
    gamma = weights.compute("smoothed", published)
    lifted = [group for group, value in gamma.values.items() if value > published[group]]
    assert lifted == ["Leather", "Cardigan", "Waist", "Feather", "Sleeve", "Cheongsam", "Wool Thickness"]
    assert {round(gamma.values[group], 4) for group in lifted} == {0.1127}
    assert all(gamma.values[group] == r for group, r in published.items() if group not in lifted)


def test_hand_worked():
    # r_avg = 0.51, floor 0.17
    assert weights.compute("smoothed", HALF).values == pytest.approx({"a": 1, "b": 0.5, "c": 0.17})
    assert weights.compute("inverse_smoothed", HALF).values == pytest.approx({"a": 1, "b": 2, "c": 1 / 0.17})
    assert weights.compute("proportion", HALF).values == HALF
    assert weights.compute("ones", HALF).values == {"a": 1, "b": 1, "c": 1}
    assert weights.compute("smoothed", HALF, c=2).values["c"] == pytest.approx(0.255)
    assert weights.compute("proportion", {"a": 1.0, "b": 0.5}, rescale=True).values == pytest.approx(
        {"a": 4 / 3, "b": 2 / 3}
    )


def test_proportions_of_counts():
    assert weights.proportions({"a": 20, "b": 5, "c": 0}) == {"a": 1, "b": 0.25, "c": 0}
    with pytest.raises(UserError, match="no training image"):
        weights.proportions({"a": 0})
    with pytest.raises(UserError, match="'a': -1"):
        weights.proportions({"a": -1})


@given(ratios, constants)
def test_smoothed_is_the_larger_of_ratio_and_floor(r, c):
    values = weights.compute("smoothed", r, c=c).values
    floor = sum(r.values()) / len(r) / c
    assert all(values[g] == pytest.approx(max(r[g], floor)) for g in r)
    inverse = weights.compute("inverse_smoothed", r, c=c).values
    assert all(inverse[g] * values[g] == pytest.approx(1) for g in r)


@given(ratios, constants, st.sampled_from(sorted(weights.SCHEMES)))
def test_every_scheme_is_finite_ordered_and_rescales_to_the_number_of_groups(r, c, scheme):
    counts = {g: max(1, round(value * 1e6)) for g, value in r.items()}
    if scheme == "class_balanced":
        c = c / 21
    if not weights.SCHEMES[scheme].constant:
        c = None
    plain = weights.compute(scheme, r, c=c, counts=counts)
    scaled = weights.compute(scheme, r, c=c, counts=counts, rescale=True)
    assert list(plain.values) == list(r)
    assert all(math.isfinite(value) and value >= 0 for value in plain.values.values())
    assert scaled.total == pytest.approx(len(r))
    factor = scaled.total / plain.total
    assert all(scaled.values[g] == pytest.approx(plain.values[g] * factor) for g in r)


@given(ratios, st.sampled_from(sorted(weights.SCHEMES)))
def test_gamma_files_keep_every_digit(tmp_path_factory, r, scheme):
    path = tmp_path_factory.mktemp("gamma") / "gamma.csv"
    gamma = weights.compute(scheme, r, counts=dict.fromkeys(r, 7))
    weights.write_gamma(path, gamma)
    assert weights.read_gamma(path) == gamma.values
    assert weights.compute(str(path), r).values == gamma.values


def test_gamma_file_says_where_it_comes_from(tmp_path):
    path = tmp_path / "gamma.csv"
    weights.write_gamma(path, weights.compute("smoothed", {"a, b": 1.0, "c": 0.1}, c=2, rescale=True))
    lines = path.read_text().splitlines()
    assert lines[:3] == ["# scheme: smoothed", "# c: 2", "# rescale: yes"] and "Eq. (11)" in lines[3]
    assert list(weights.read_gamma(path)) == ["a, b", "c"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("group,gamma\na,1\nb,nan\n", ":3: .*finite"),
        ("group,gamma\na,-1\n", ":2: .*0 or above"),
        ("group,gamma\na,inf\n", ":2: .*finite"),
        ("group,gamma\na,one\n", ":2: .*no number"),
        ("group,gamma\na,1\n\n# x\na,2\n", ":5: .*twice"),
        ("group,gamma\na,1,2\n", ":2: 3 fields"),
        ("name,weight\na,1\n", ":1: .*group,gamma"),
        ("", "empty"),
        ("group,gamma\na,1\nb,1\n", "no weight for group 'c'"),
        ("group,gamma\na,1\nb,1\nc,1\nd,1\n", "'d' is not in the catalog"),
        ("group,gamma\na,0\nb,0\nc,0\n", "every gamma is 0"),
    ],
)
def test_mistakes_in_a_csv(tmp_path, text, words):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(UserError, match="mine.csv.*" + words):
        weights.compute(str(path), HALF)


def test_unknown_scheme_and_bad_constants():
    with pytest.raises(UserError, match="expected ones, proportion, smoothed, inverse_smoothed"):
        weights.compute("smooth", HALF)
    for c in (0, -1, math.nan, math.inf):
        with pytest.raises(UserError, match="above 0"):
            weights.compute("smoothed", HALF, c=c)
    with pytest.raises(UserError, match="'a': proportion nan"):
        weights.compute("ones", {"a": math.nan})
    with pytest.raises(UserError, match="cannot be read"):
        weights.compute("nowhere.csv", HALF)


def test_a_function_of_the_users(tmp_path, monkeypatch):
    (tmp_path / "my_weights_for_test.py").write_text(
        "def mapped(r, counts):\n    return {g: counts[g] / 10 for g in r}\n"
        "def listed(r, counts):\n    return [2 * x for x in r.values()]\n"
        "def short(r, counts):\n    return [1]\n"
        "def bad(r, counts):\n    return {g: float('nan') for g in r}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    counts = {"a": 10, "b": 5, "c": 1}
    assert weights.compute("my_weights_for_test:mapped", HALF, counts=counts).values == {"a": 1, "b": 0.5, "c": 0.1}
    assert weights.compute("my_weights_for_test:listed", HALF).values == {"a": 2, "b": 1, "c": 0.06}
    for name, words in (("short", "1 weights for 3"), ("bad", "finite"), ("none", "has no 'none'")):
        with pytest.raises(UserError, match=words):
            weights.compute(f"my_weights_for_test:{name}", HALF)
    with pytest.raises(UserError, match="cannot be imported"):
        weights.compute("no_such_module_here:f", HALF)


@pytest.mark.parametrize(
    "body, words",
    [
        ("def f(r, counts): return None", "returned None: expected a dict by group, or a sequence"),
        ("def f(r, counts): return 'abc'", "returned 'abc': expected a dict"),
        ("def f(r, counts): return 1.5", "returned 1.5: expected a dict"),
        ("def f(r, counts): return ['1', '2', '3']", "'1' for group 'a': expected a dict"),
        ("def f(r, counts): return {g: '1' for g in r}", "'1' for group 'a': expected a dict"),
        ("import numpy\ndef f(r, counts): return numpy.ones((3, 1))", r"array.* for group 'a': expected a dict"),
        ("def f(r, counts): return [1, [2, [3]], 4]", r"\[2, \[3\]\] for group 'b': expected a dict"),
        ("def f(r): return [1, 2, 3]", r"called as f\(proportions, counts\), it fails: TypeError"),
        ("def f(r, counts): return r['d']", r"called as f\(proportions, counts\), it fails: KeyError: 'd'"),
        ("f = [1, 2, 3]", r"'f' is \[1, 2, 3\]: expected a function"),
        ("def f(r, counts:", "fails on import: SyntaxError"),
        ("1 / 0", "fails on import: ZeroDivisionError"),
    ],
)
def test_mistakes_in_a_function_of_the_users(tmp_path, monkeypatch, body, words):
    name = f"my_mistake_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(body + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=f"scheme {name}:f: .*{words}") as error:
        weights.compute(f"{name}:f", HALF)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="'./us' is no module's name: expected module:function"):
        weights.compute("./us:good", HALF)


def test_weights_beyond_what_can_be_rescaled(tmp_path):
    path = tmp_path / "mine.csv"
    for value in ("1e308", "1e-320"):
        path.write_text("group,gamma\n" + "".join(f"{name},{value}\n" for name in HALF))
        with pytest.raises(UserError, match="mine.csv: the weights are too large or too small to be rescaled"):
            weights.compute(str(path), HALF, rescale=True)


def test_no_code_of_the_users_where_it_is_forbidden(tmp_path, monkeypatch):
    (tmp_path / "forbidden_for_test.py").write_text("raise SystemExit('it was run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CAFFE_TORCH_FORBID_PYTHON", "1")
    with pytest.raises(UserError, match="forbidden_for_test:f: code of the user's is forbidden here"):
        weights.compute("forbidden_for_test:f", HALF)
