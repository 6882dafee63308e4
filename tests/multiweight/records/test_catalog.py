import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiweight.base.errors import UserError
from multiweight.records.catalog import Catalog, Group


def write(tmp_path, text):
    path = tmp_path / "catalog.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_order_kinds_and_slices(tmp_path):
    path = write(
        tmp_path,
        "# edited by hand\ngroups:\n  Colour: [Red, Blue, Off White]\n"
        "  Coat:\n    kind: type\n    labels:\n    - Parka # warm\n    - Trench\n",
    )
    catalog = Catalog.load(path)
    assert catalog.names == ("Colour", "Coat") and catalog.size == 5
    assert [group.kind for group in catalog.groups] == ["attribute", "type"]
    assert catalog.slices == {"Colour": slice(0, 3), "Coat": slice(3, 5)}
    assert catalog.index("Coat", "Trench") == 4
    assert catalog.group("Coat").size == 2


def test_labels_are_taken_as_written(tmp_path):
    catalog = Catalog.load(write(tmp_path, "groups:\n  Hood: [No, yes, 2017, 1.0, on]\n"))
    assert catalog.groups[0].labels == ("No", "yes", "2017", "1.0", "on")


@pytest.mark.parametrize(
    "text, line, words",
    [
        ("groups:\n  A: [x]\n  A: [y]\n", 3, "the key 'A' stands twice (first on line 2)"),
        ("groups:\n  A:\n  - x\n  - y\n  - x\n", 5, "label 'x' stands twice in group 'A' (first on line 3)"),
        ("groups:\n  A: [x]\n  B: []\n", 3, "'B' has no labels"),
        ("groups:\n  A: [x]\n  B:\n", 3, "'B' has no labels"),
        ("groups:\n  A: {kind: type}\n", 2, "'A' has no labels"),
        ("groups:\n  A:\n    kind: shape\n    labels: [x]\n", 3, "expected type or attribute"),
        ("groups:\n  A:\n    colour: red\n    labels: [x]\n", 3, "unknown key 'colour'"),
        ("groups:\n  A: [x]\nlabels: 3\n", 3, "unknown key 'labels'"),
        ("groups:\n  A:\n  - x\n  -\n", 4, "label 2 of group 'A' is empty"),
        ("groups:\n  A:\n  - {x: 1}\n", 3, "no plain text"),
        ("groups:\n  A: red\n", 2, "are no list"),
        ("groups:\n  A: [a=b]\n", 2, "holds '=' or '|'"),
        ("groups:\n  A: ['*']\n", 2, "'*' means all labels"),
        ("groups:\n  New!: [a]\n", 2, "'!' and '?' at the end"),
        ("groups:\n  A b: [x]\n  a-B: [x]\n", 3, "same blob name 'a_b'"),
        ("groups:\n  A: [x]\n B: [y]\n", 3, "not valid YAML"),
        ("- A\n- B\n", 1, "expected `key: value`"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, text, line, words):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as caught:
        Catalog.load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and words in str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "groups: {}\n"])
def test_a_catalog_without_groups(tmp_path, text):
    with pytest.raises(UserError, match="catalog.yaml"):
        Catalog.load(write(tmp_path, text))


def test_missing_and_undecodable_files(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        Catalog.load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("groups:\n  A: [rosé]\n".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        Catalog.load(tmp_path / "latin.yaml")


def test_python_tags_are_not_run(tmp_path):
    path = write(tmp_path, "groups:\n  A:\n  - !!python/object/apply:os.system [echo]\n")
    with pytest.raises(UserError, match=":3: the tag"):
        Catalog.load(path)


def test_unknown_names_list_the_known():
    catalog = Catalog.from_dict({"Colour": ["Red", "Blue"], "Coat": {"kind": "type", "labels": ["Parka"]}})
    with pytest.raises(UserError, match="Colour, Coat"):
        catalog.index("Size", "L")
    with pytest.raises(UserError, match="Red, Blue"):
        catalog.index("Colour", "Green")


words = st.text("abcXYZ 0123456789:#'\"-[]{},&*!%@`颜色é", min_size=1, max_size=12).map(str.strip)
words = words.filter(lambda word: word not in ("", "*"))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.lists(words, min_size=1, max_size=4, unique=True), st.sampled_from(["type", "attribute"])))
)
def test_saved_catalogs_come_back_equal(tmp_path_factory, groups):
    if not groups:
        return
    catalog = Catalog([Group(f"group {n}", tuple(labels), kind) for n, (labels, kind) in enumerate(groups)])
    path = tmp_path_factory.mktemp("catalog") / "catalog.yaml"
    catalog.save(path)
    assert Catalog.load(path) == catalog
