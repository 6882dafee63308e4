import pytest

from multiweight.base.errors import UserError
from multiweight.text import labelling, mining
from multiweight.text.keywords import Candidate, Keywords
from multiweight.text.words import words

TEXT = """\
groups:
  Pattern:
    striped: [striped, stripes]
    checked:
  Collar: {kind: attribute, labels: {polo: [polo, polo shirt]}}
  Coat: {kind: type, labels: {trench: [trench coat]}}
drop: [polo assn]
candidates:
  silk: {count: 12, group: Material, examples: [A silk tie]}
"""


def load(tmp_path, text=TEXT):
    path = tmp_path / "keywords.yaml"
    path.write_text(text, encoding="utf-8")
    return Keywords.load(path)


def test_words_of_many_scripts():
    assert words("韩版修身长袖连衣裙 2016夏季") == ["韩版", "修身", "长袖", "连衣裙", "2016", "夏季"]
    assert words("Ｎｉｋｅ Men\u2019s T-Shirt, 3/4 H&M ÉTÉ été") == [
        "nike",
        "men",
        "t-shirt",
        "3/4",
        "h&m",
        "été",
        "été",
    ]
    assert words("Платье летнее") == ["платье", "летнее"]
    assert words("") == words("—, _ !") == []


def test_longest_phrase_first_and_drop_hides(tmp_path):
    known = load(tmp_path)
    assert known.labels("U.S. Polo Assn. Striped polo shirt stripes") == [("Pattern", "striped"), ("Collar", "polo")]
    assert known.labels("U.S. Polo Assn. checked") == [("Pattern", "checked")]
    assert known.labels("trench, coat") == [("Coat", "trench")]  # punctuation is no word
    assert known.labels("trench") == []
    assert known.catalog().group("Coat").kind == "type"


def test_saved_files_come_back(tmp_path):
    known = load(tmp_path)
    path = tmp_path / "again.yaml"
    known.save(path)
    again = Keywords.load(path)
    assert (again.groups, again.kinds, again.drop) == (known.groups, known.kinds, known.drop)
    assert again.candidates == known.candidates == [Candidate("silk", 12, "Material", ("A silk tie",))]


@pytest.mark.parametrize(
    "text, message",
    [
        ("groups:\n  A: [x]\n", "group 'A': expected label: "),
        ("groups:\n  A: {x: y}\n", "label A=x: expected a list"),
        ("groups:\n  A: {x: [a], y: [a]}\n", "'a' means A=y, and A=x on line 2: one label of a group"),
        ("groups:\n  A: {x: ['!']}\n", "A=x: '!' has no letter or digit"),
        ("groups:\n  A: {kind: shape, labels: {x: [a]}}\n", "kind 'shape'"),
        ("group: {}\n", "unknown key 'group'"),
        ("drop: word\n", "drop: expected a list"),
        ("groups: [\n", "keywords.yaml:2: not valid YAML"),
        ("candidates: {silk: {n: 1}}\n", "candidate 'silk': unknown key 'n'"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        load(tmp_path, text)


TEXTS = (
    ["Nike red striped polo shirt"] * 6
    + ["Adidas blue trench coat with flip flops"] * 6
    + ["Puma red silk scarf"] * 6
    + ["Puma blue velvet scarf 42"] * 6
    + ["红色修身连衣裙"] * 6
    + ["Puma rare item"]
)


def test_candidates_with_counts_examples_and_groups():
    result = {candidate.word: candidate for candidate in mining.mine(TEXTS, Keywords(), 5).candidates}
    assert result["red"] == Candidate("red", 12, "Colour", ("Nike red striped polo shirt", "Puma red silk scarf"))
    assert result["puma"].times == 13 and result["silk"].group == "Material" and result["修身"].group == "Fit"
    assert result["flip flops"].times == 6 and result["trench coat"].group == "Garment"
    # velvet is a seed word; what is rare, a number or a stop word is no candidate.
    assert not {"rare", "42", "with"} & set(result)
    assert "puma red" not in result  # often side by side, but no more than chance has it
    assert "nike" not in {c.word for c in mining.mine(TEXTS, Keywords(), 5, stop=["nike"]).candidates}


def test_a_persons_decisions_are_kept(tmp_path):
    first = mining.mine(TEXTS, Keywords(), 5)
    path = tmp_path / "keywords.yaml"
    first.save(path)
    # The person keeps red under their own name, merges crimson with it, drops puma.
    edited = Keywords.load(path)
    chosen = Keywords({"Hue": {"rot": ["red", "crimson"]}}, {}, ["puma"], edited.candidates)
    chosen.save(path)
    again = mining.mine([*TEXTS, *["Crimson wool hat"] * 5], Keywords.load(path), 5)
    assert again.groups == {"Hue": {"rot": ["red", "crimson"]}} and again.drop == ["puma"]
    words_ = {candidate.word for candidate in again.candidates}
    assert "wool" in words_ and not {"red", "crimson", "puma"} & words_


def test_neighbours_suggest_a_group():
    texts = [f"{colour} linen shirt" for colour in ("red", "blue", "azuline") for _ in range(10)]
    result = {candidate.word: candidate.group for candidate in mining.mine(texts, Keywords(), 5).candidates}
    assert result["azuline"] == "Colour"


def test_the_report_by_hand():
    known = Keywords(
        {
            "Colour": {"red": ["red"], "blue": ["blue"]},
            "Kind": {"coat": ["coat"], "hat": ["hat"]},
            "Tone": {"x": ["blue"]},
        }
    )
    texts = ["red coat"] * 20 + ["blue hat"] * 20 + ["red blue hat"] * 5 + ["nothing"] * 5
    result = labelling.report(texts, known)
    assert (result["texts"], result["labelled"]) == (50, 45)
    assert result["groups"] == {"Colour": 45, "Kind": 45, "Tone": 25}
    assert result["labels"]["Colour"] == {"red": 25, "blue": 25}
    # 25 * 20 / 50 = 10 texts by chance, none found.
    assert ["Colour=blue", "Kind=coat"] in result["never"] and ["Kind=coat", "Tone=x"] in result["never"]
    assert ["Kind=coat", "Colour=red"] in result["always"] and ["Colour=blue", "Kind=hat"] in result["always"]
    assert {"label": "Colour=red", "alone": 0.8, "texts": 25} in result["uncertain"]
    assert result["ambiguous"] == {"blue": ["Colour=blue", "Tone=x"]}
    page = labelling.markdown(result)
    assert "45 of 50 texts (90.0%)" in page and "- Colour=red: alone in 80% of 25 texts" in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("groups:\n  A: {x: [a]}\n  B: {y: [b]}\n  A: {z: [c]}\n", r":4: the key 'A' stands twice \(first on line 2\)"),
        ("groups:\n  A:\n    x: [a]\n    x: [b]\n", r":4: the key 'x' stands twice \(first on line 3\)"),
        ("groups:\n  A: {x: [a]}\ngroups:\n  B: {y: [b]}\n", r":3: the key 'groups' stands twice \(first on line 1\)"),
        ("groups:\n  A: {x: [a]}\n  A\u00a0: {y: [b]}\n", ":3: the group 'A' stands twice"),
        ("groups:\n  A: {x: [[a]]}\n", ":2: label A=x: a list in a list of words"),
        ("candidates:\n- silk\n- wool\n", ":2: candidates: expected word: {count: ...}, found a list"),
        ("candidates:\n  silk:\n    count: many\n", ":3: candidate 'silk': count 'many': expected a number"),
        ("candidates:\n  silk: 3\n", ":2: candidate 'silk': expected the keys"),
        ("candidates: {silk: {examples: {a: b}}}\n", ":1: candidate 'silk': examples: expected a list"),
        ("drop:\n- a\n- {b: c}\n", ":3: drop: a mapping in a list of words"),
        ("- a\n", ":1: the keywords: expected the keys"),
    ],
)
def test_mistakes_have_a_line(tmp_path, text, message):
    with pytest.raises(UserError, match="keywords.yaml" + message):
        load(tmp_path, text)


def test_words_that_yaml_takes_for_values_stay_words(tmp_path):
    text = "groups:\n  Hood: {no: [no, off], yes: [on, 036, null]}\n  036: {1.0: ,}\ndrop: [n, y, true]\n"
    known = load(tmp_path, text)
    assert known.groups == {"Hood": {"no": ["no", "off"], "yes": ["on", "036", "null"]}, "036": {"1.0": ["1.0"]}}
    assert known.drop == ["n", "y", "true"]
    known.save(tmp_path / "again.yaml")
    again = Keywords.load(tmp_path / "again.yaml")
    assert (again.groups, again.drop) == (known.groups, known.drop)


def test_the_seeds_keep_their_stop_words():
    seeds = mining._read_seeds(mining.SEEDS)
    assert {"off", "on"} <= set(seeds["stop words"])
    mined = mining.mine(["20 off on shirts now"] * 30, Keywords())
    assert {"off", "on"}.isdisjoint(candidate.word for candidate in mined.candidates)


CHINESE = """\
groups:
  Sleeve: {long: [长袖], short: [短袖]}
  Collar: {hooded: [连帽], v: [v领], round: [圆领]}
  Garment: {sweatshirt: [卫衣], coat: [大衣], t-shirt: [t恤], polo: [polo衫]}
  Lining: {fleece: [加绒]}
  Length: {long: [长款], middle: [中长款]}
  Cut: {two piece: [两件 套装]}
drop: [长袖善舞]
"""


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("加绒卫衣连帽长袖衫", {"Lining=fleece", "Garment=sweatshirt", "Collar=hooded", "Sleeve=long"}),
        ("圆领短袖衫", {"Collar=round", "Sleeve=short"}),
        ("中长款羽绒服女", {"Length=middle"}),
        ("长款大衣", {"Length=long", "Garment=coat"}),
        ("宽大衣服", set()),  # the coat is in two words
        ("长袖善舞", set()),  # dropped, and longer
        ("男士Ｖ领T恤衫", {"Collar=v", "Garment=t-shirt"}),
        ("新款POLO衫长袖", {"Garment=polo", "Sleeve=long"}),
        ("XLv领", {"Collar=v"} - {"Collar=v"}),  # within a word of letters it is none
    ],
)
def test_decided_chinese_words_are_found_where_jieba_cuts_elsewhere(tmp_path, text, labels):
    known = load(tmp_path, CHINESE)
    assert {"=".join(pair) for pair in known.labels(text)} == labels


def test_decided_words_of_one_file_do_not_touch_another(tmp_path):
    load(tmp_path, CHINESE).labels("加绒卫衣连帽长袖衫")
    assert words("加绒卫衣连帽长袖衫") == ["加绒卫衣", "连帽", "长袖衫"]
