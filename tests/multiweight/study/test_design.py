"""study.yaml: what it says, and one clear error for each mistake."""

import pytest
from made_up import TEXT, folder

from multiweight.errors import UserError
from multiweight.study import design


def test_a_study_is_read(tmp_path):
    study = design.load(folder(tmp_path))
    assert (study.dataset, study.size, study.iterations, study.points, study.seeds) == ("shop", 32, 8, 2, (1, 2))
    assert study.search.rates == (0.001, 0.002) and study.drop == 0.8
    core, second = study.experiments
    assert [m.variant for m in core.methods] == ["multi_label", "multi_weight"] and core.question == "Does it help?"
    assert second.methods[1].name == "proportion-rescaled" and second.methods[1].rescale
    assert second.lengths == {"multi_weight": 16} and second.rate == 0.002


def test_net_settings_make_a_method_of_their_own(tmp_path):
    text = TEXT.replace("[multi_label, multi_weight]", "[{name: two-tasks, method: multi_task, tasks: kind}]")
    method = design.load(folder(tmp_path, text)).experiments[0].methods[0]
    assert (method.name, method.variant, method.net) == ("two-tasks", "multi_task", {"tasks": "kind"})


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("seeds: [1, 2]", "seeds: [1, 1]", "seeds: [1, 1]"),
        ("seeds: [1, 2]", "sedes: [1, 2]", "key 'sedes' is unknown: expected dataset"),
        ("size: 32\n", "", "key 'size' is missing"),
        ("iterations: 8", "iterations: 0", "iterations: 0"),
        ("points: 2", "points: 3", "3 do not divide 8 iterations"),
        ("rates: [0.001, 0.002]", "rates: [fast]", "search: rates: 'fast'"),
        ("[multi_label, multi_weight]", "[multi_lable]", "'multi_lable' is unknown: expected multi_label, multi_task"),
        ("[multi_label, multi_weight]", "[multi_label, multi_label]", "'multi_label' stands twice"),
        ("scheme: proportion", "scheme: proportional", "'proportional' is unknown"),
        ("scheme: proportion", "scheme: proportion, widht: 2", "key 'widht' is unknown"),
        ("scheme: proportion", "scheme: proportion, width: 2", "needs a `name` of its own"),
        ("scheme: proportion", "scheme: proportion, method: multi_task", "either a `method` of the paper, or a"),
        ("width: 0.05", "width: 0.05, branch: fc9", "fc9"),
        ("rate: 0.002\n", "rate: 0.002\n    subset: {large: Colour}\n", "key 'small' is missing"),
        ("lengths: {multi_weight", "lengths: {multi_label", "key 'multi_label' is unknown"),
        ("name: one-rate", "name: core", "'core' stands twice"),
        ("name: one-rate", "name: ../x", "name '../x'"),
        ("dataset: shop", "dataset: [", "not YAML"),
    ],
)
def test_mistakes_name_the_key(tmp_path, old, new, words):
    assert old in TEXT
    with pytest.raises(UserError) as error:
        design.load(folder(tmp_path, TEXT.replace(old, new)))
    assert words in str(error.value) and "study.yaml" in str(error.value)


def test_a_name_means_one_method(tmp_path):
    text = TEXT.replace("methods: [multi_label,", "methods: [{name: proportion-rescaled, scheme: ones},")
    with pytest.raises(UserError, match="'proportion-rescaled' is another method elsewhere"):
        design.load(folder(tmp_path, text))


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="study.yaml: cannot be read"):
        design.load(tmp_path / "nothing")
