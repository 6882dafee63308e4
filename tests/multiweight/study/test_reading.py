"""study.yaml: what it says, and one clear error for each mistake."""

import pytest
from made_up import TEXT, folder

from multiweight.base.errors import UserError
from multiweight.study import parts, reading


def test_a_study_is_read(tmp_path):
    study = reading.load(folder(tmp_path))
    assert (study.dataset, study.size, study.iterations, study.points, study.seeds) == ("shop", 64, 8, (0.5, 1), (1, 2))
    assert study.search.rates == (0.001, 0.002) and study.drop == 0.8
    core, second = study.experiments
    assert [m.variant for m in core.methods] == ["multi_label", "multi_weight"] and core.question == "Does it help?"
    assert second.methods[1].name == "proportion-rescaled" and second.methods[1].rescale
    assert second.lengths == {"multi_weight": 16} and second.rate == 0.002


def test_net_settings_make_a_method_of_their_own(tmp_path):
    text = TEXT.replace("[multi_label, multi_weight]", "[{name: two-tasks, method: multi_task, tasks: kind}]")
    method = reading.load(folder(tmp_path, text)).experiments[0].methods[0]
    assert (method.name, method.variant, method.net) == ("two-tasks", "multi_task", {"tasks": "kind"})


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("seeds: [1, 2]", "seeds: [1, 1]", "seeds: [1, 1]"),
        ("seeds: [1, 2]", "sedes: [1, 2]", "key 'sedes' is unknown: expected dataset"),
        ("size: 64\n", "", "key 'size' is missing"),
        ("iterations: 8", "iterations: 0", "iterations: 0"),
        ("points: 2", "points: 3", "points: 0.333333 of 8 iterations is no whole number"),
        ("points: 2", "points: [0.5]", "points: [0.5]: expected rising shares of training, the last of them 1"),
        ("points: 2", "points: [1, 0.5, 1]", "expected rising shares"),
        ("points: 2", "points: [0, 1]", "expected rising shares"),
        ("points: 2", "points: [x, 1]", "points: 'x': expected a number"),
        ("rates: [0.001, 0.002]", "rates: [fast]", "search: rates: 'fast'"),
        ("[multi_label, multi_weight]", "[multi_lable]", "'multi_lable' is unknown: expected multi_label, multi_task"),
        ("[multi_label, multi_weight]", "[multi_label, multi_label]", "'multi_label' stands twice"),
        ("scheme: proportion", "scheme: proportional", "'proportional' is unknown"),
        ("scheme: proportion", "scheme: proportion, widht: 2", "key 'widht' is unknown"),
        ("scheme: proportion", "scheme: proportion, width: 2", "needs a `name` of its own"),
        ("scheme: proportion", "scheme: proportion, method: multi_task", "either a `method` of the paper, or a"),
        ("scheme: proportion", "name: multi_task, scheme: inverse", "name 'multi_task' is that of a method"),
        ("scheme: proportion", "name: untrained, scheme: ones", "name 'untrained' is that of a method or reference"),
        ("scheme: proportion, rescale: true", "name: multi_task, method: multi_label", "name 'multi_task' is that"),
        ("scheme: proportion", "scheme: 5", "scheme: 5: expected a name"),
        ("scheme: proportion", "scheme: [ones]", "scheme: ['ones']: expected a name"),
        ("{scheme: proportion,", "{method: [multi_task],", "method: ['multi_task']: expected a name"),
        ("methods: [multi_label, multi_weight]", "method: [multi_label]", "key 'method' is unknown"),
        ("scheme: proportion", "scheme: smoothed, c: a", "c: 'a': expected a number"),
        ("rescale: true", "rescale: 'no'", "rescale: 'no': expected true or false"),
        ("rates: [0.001, 0.002]", f"rates: [1{'0' * 400}]", "search: rates: 1000"),
        ("rate: 0.002\n", "rate: 0.002\n    subset: {large: [A], small: B}\n", "subset: large: ['A']: expected a name"),
        ("rate: 0.002\n", "rate: 0.002\n    subset: {large: A, small: B, ratio: '10'}\n", "subset: ratio: '10'"),
        ("rate: 0.002\n", "rate: 0.002\n    subset: {large: A, small: B, ratio: 0}\n", "subset: ratio: 0: expected"),
        ("scheme: proportion", "scheme: smoothed, c: 0", "c = 0: scheme smoothed needs a number above 0"),
        ("scheme: proportion", "scheme: class_balanced, c: 1", "beta = 1: scheme class_balanced needs"),
        ("scheme: proportion", "scheme: ones, c: 2", "scheme ones has no constant"),
        ("scheme: proportion", "scheme: nowhere.csv", "scheme: nowhere.csv: the weights cannot be read"),
        ("scheme: proportion", "scheme: 'nowhere:f'", "module 'nowhere' cannot be imported"),
        ("scheme: proportion", "scheme: 'math:nothing'", "module 'math' has no 'nothing'"),
        ("lengths: {multi_weight: 16}", "lengths: {multi_weight: 1}", "multi_weight: 0.5 of 1 iterations is no whole"),
        ("batch_size: 4", "batch_size: 8.5", "net: batch_size: 8.5: expected a whole number"),
        ("batch_size: 4", "batch_size: 0", "batch_size = 0: expected a number above 0"),
        ("width: 0.05", "width: .inf", "net: width: '.inf': expected a number"),
        ("width: 0.05", "width: a", "net: width: 'a': expected a number"),
        ("batch_size: 4", "mirror: 'no'", "net: mirror: 'no': expected true or false"),
        ("batch_size: 4", "crop: 65", "crop 65 of images of 64"),
        ("batch_size: 4", "objective: focal", "net: objective: the references have the paper's"),
        ("size: 64", "size: 10", "crop 8 leaves nothing of AlexNet: it needs at least 55 pixels (size 10)"),
        ("scheme: proportion", "name: x, scheme: proportion, crop: 20", "experiment one-rate: crop 20 leaves nothing"),
        ("iterations: 8", "iterations: 8\niterations: 16", "key 'iterations' stands twice"),
        ("scheme: proportion", "scheme: proportion, scheme: ones", "key 'scheme' stands twice"),
        ("width: 0.05", "width: 0.05, branch: fc9", "fc9"),
        ("rate: 0.002\n", "rate: 0.002\n    subset: {large: Colour}\n", "key 'small' is missing"),
        ("lengths: {multi_weight", "lengths: {multi_label", "key 'multi_label' is unknown"),
        ("name: one-rate", "name: core", "'core' stands twice"),
        ("rate: 0.002\n", "seeds: [1, 1]\n", "experiment one-rate: seeds: [1, 1]: expected a list of different"),
        ("rate: 0.002\n", "drop: 1.5\n", "experiment one-rate: drop: 1.5: expected a share above 0, at most 1"),
        ("rate: 0.002\n", "seeds: []\n", "experiment one-rate: seeds: []: expected"),
        ("rate: 0.002\n", "finalists: 0\n", "experiment one-rate: finalists: 0: expected a whole number, 1"),
        ("rate: 0.002\n", "finalists: 2\n", "one-rate: finalists: 2: it has 1 methods beside the first"),
        ("rate: 0.002\n", "rate: 0.002\n    finalists: 1\n", "one-rate: has a `rate` and `finalists`, which a search"),
        ("name: one-rate", "name: ../x", "name '../x'"),
        ("dataset: shop", "dataset: [", "not valid YAML"),
        ("question: Does it help?", "shops: {worng: [0, 1]}", "key 'worng' is unknown: expected products, seed, wrong"),
        ("question: Does it help?", "shops: {wrong: [0, 2]}", "wrong 2: expected a share from 0 to 1"),
        ("question: Does it help?", "shops: {wrong: [0, no]}", "shops: wrong: 'no'"),
        ("question: Does it help?", "shops: {size: [64, 96], wrong: [0, 1], tail: [0, 1]}", "expected two at most"),
        ("question: Does it help?", "shops: {tail: []}", "shops: tail: []: expected a number, or some in a list"),
        ("question: Does it help?", "shops: {}\n    subset: {large: A, small: B}", "expected one of them"),
    ],
)
def test_mistakes_name_the_key(tmp_path, old, new, words):
    assert old in TEXT
    with pytest.raises(UserError) as error:
        reading.load(folder(tmp_path, TEXT.replace(old, new)))
    assert words in str(error.value) and "study.yaml" in str(error.value)


def test_shops_are_an_experiment_each(tmp_path):
    text = TEXT.replace("question: Does it help?", "shops: {wrong: [0, 0.3], tail: [0.5, 1], missing: 0.2}")
    study = reading.load(folder(tmp_path, text))
    shops = study.experiments[:4]
    assert [shop.name for shop in shops] == [
        "core-wrong0-tail0.5", "core-wrong0-tail1", "core-wrong0.3-tail0.5", "core-wrong0.3-tail1",
    ]  # fmt: skip
    assert {shop.family for shop in shops} == {"core"} and study.experiments[4].family == ""
    last = shops[-1].shop
    assert last.dials == ("wrong", "tail") and last.position == (0.3, 1)
    assert last.settings.missing == 0.2 and last.settings.products == 1600
    assert parts.name(shops[2]) == "shop-wrong0.3-missing0.2-tail0.5" and parts.name(study.experiments[4]) == "whole"


def test_shops_that_differ_by_their_seed_share_a_position_and_the_search_of_the_first(tmp_path):
    text = TEXT.replace("question: Does it help?", "shops: {wrong: [0, 0.3], seed: [7, 8]}")
    study = reading.load(folder(tmp_path, text))
    shops = study.experiments[:4]
    assert [shop.name for shop in shops] == [
        f"core-wrong{wrong}-seed{seed}" for wrong in ("0", "0.3") for seed in (7, 8)
    ]
    assert [experiment.shop.position for experiment in shops] == [(0,), (0,), (0.3,), (0.3,)]
    assert parts.name(shops[3]) == "shop-seed8-wrong0.3"
    assert [parts.searched_on(experiment) for experiment in shops[2:]] == ["shop-seed7-wrong0.3"] * 2


def test_a_gain_needs_two_methods(tmp_path):
    text = TEXT.replace("question: Does it help?", "shops: {wrong: [0, 0.3]}").replace(", multi_weight]", "]", 1)
    with pytest.raises(UserError, match="one method: expected the one to compare with, and others"):
        reading.load(folder(tmp_path, text))


def test_a_name_means_one_method(tmp_path):
    text = TEXT.replace("methods: [multi_label,", "methods: [{name: proportion-rescaled, scheme: ones},")
    with pytest.raises(UserError, match="'proportion-rescaled' is another method elsewhere"):
        reading.load(folder(tmp_path, text))


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="study.yaml: the study cannot be read"):
        reading.load(tmp_path / "nothing")
