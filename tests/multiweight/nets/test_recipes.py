import json

import pytest
from checkout import REPOSITORY
from google.protobuf import text_format

import caffe_torch as caffe
from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.gamma import weights
from multiweight.nets import recipe_files, recipes
from multiweight.paper.methods import METHODS
from small_nets import CATALOG

COUNTS = {"Colour": 400, "Coat": 100, "Leather": 2, "Skirt": 40}
SMALL = dict(width=1 / 16, batch_size=4, test_batch_size=4)


@pytest.fixture
def dataset(tmp_path):
    shop = Dataset("shop", tmp_path / "runs")
    shop.data.mkdir(parents=True)
    CATALOG.save(shop.catalog)
    info = {"group_images": COUNTS, "size": 128, "counts": {"train": 400, "test": 90}, "labels": CATALOG.size}
    shop.info.write_text(json.dumps(info))
    return shop


def make(dataset, variant=None, overwrite=False, **more):
    more.setdefault("net", SMALL)
    more.setdefault("solver", dict(iterations=100))
    recipe = recipes.for_dataset(dataset, variant, **more)
    return recipe, recipe_files.write_run(caffe, recipe, dataset, "a test", overwrite)


@pytest.mark.parametrize(
    "variant, head, scheme, leather",
    [
        ("multi_label", "multi_label", "ones", 1.0),
        ("multi_task", "multi_task", "ones", 1.0),
        ("multi_weight", "multi_weight", "proportion", 0.005),
        # r_avg = (1 + 0.25 + 0.005 + 0.1) / 4 = 0.33875, divided by 3
        ("multi_weight_third", "multi_weight", "smoothed", 0.33875 / 3),
    ],
)
def test_the_papers_methods(dataset, variant, head, scheme, leather):
    recipe, written = make(dataset, variant)
    run = dataset.run(variant)
    assert written and recipe.net.head == head and recipe.net.crop == 112
    saved = json.loads(run.settings.read_text())
    assert saved["scheme"] == scheme and saved["gamma"]["Leather"] == pytest.approx(leather)
    assert saved["proportions"]["Leather"] == 0.005 and saved["retrieval_blob"] == "fc7"
    assert weights.read_gamma(run.gamma) == saved["gamma"]
    schema = engine.schema(caffe)
    net = text_format.Parse(run.train_val.read_text(), schema.NetParameter())
    assert net.layer[0].data_param.source == "../data/train_images_lmdb"
    solver = text_format.Parse(run.solver.read_text(), schema.SolverParameter())
    assert (solver.net, solver.snapshot_prefix) == ("train_val.prototxt", f"snapshots/{variant}")
    assert solver.test_iter[0] == 23
    assert run.snapshots.is_dir() and text_format.Parse(run.deploy.read_text(), schema.NetParameter()).layer
    text = run.train_val.read_text()
    assert f"gamma scheme {scheme}" in text and "400 training images of shop" in text


def test_done_steps_are_skipped_and_hand_edits_kept(dataset):
    make(dataset, "multi_weight")
    path = dataset.run("multi_weight").train_val
    path.write_text("# mine\n" + path.read_text())
    assert not make(dataset, "multi_weight")[1]
    assert path.read_text().startswith("# mine")
    assert make(dataset, "multi_weight", overwrite=True)[1]
    assert not path.read_text().startswith("# mine")
    path.unlink()
    assert make(dataset, "multi_weight")[1] and path.exists()


def test_other_settings_never_replace_a_run_unasked(dataset):
    make(dataset, "multi_weight")
    with pytest.raises(UserError, match=r"made with net.batch_size 4, asked for 8: use --overwrite"):
        make(dataset, "multi_weight", net=dict(SMALL, batch_size=8))
    run = dataset.run("multi_weight")
    (run.snapshots / "multi_weight_iter_5.solverstate").write_bytes(b"")
    with pytest.raises(UserError, match=r"batch_size 4, asked for 8; .*_iter_5.* was made from it: move or delete"):
        make(dataset, "multi_weight", overwrite=True, net=dict(SMALL, batch_size=8))
    (run.snapshots / "multi_weight_iter_5.solverstate").unlink()
    assert make(dataset, "multi_weight", overwrite=True, net=dict(SMALL, batch_size=8))[1]


def test_other_schemes_get_a_name_of_their_own(dataset, tmp_path):
    assert make(dataset, scheme="smoothed", c=2.0)[0].variant == "smoothed-c2"
    assert make(dataset, scheme="inverse_smoothed")[0].variant == "inverse_smoothed-c3"
    assert make(dataset, scheme="proportion", rescale=True)[0].variant == "proportion-rescaled"
    assert make(dataset, "mine", scheme="ones")[0].net.head == "multi_weight"
    csv = tmp_path / "my gamma.csv"
    csv.write_text("group,gamma\n" + "".join(f"{group},0.5\n" for group in COUNTS))
    recipe, _ = make(dataset, scheme=str(csv))
    assert recipe.variant == "my-gamma" and set(recipe.gamma.values.values()) == {0.5}
    assert "read from my gamma.csv" in dataset.run("my-gamma").train_val.read_text()


def test_a_schemes_constants_go_to_its_layer(dataset):
    how = dict(scheme="dwa", c=3.0, net=dict(SMALL, constants="window=7"))
    recipe, _ = make(dataset, **how)
    run = dataset.run(recipe.variant)
    assert json.loads(run.settings.read_text())["net"]["constants"] == "temperature=3,window=7"
    assert '"temperature": 3.0, "window": 7}' in run.train_val.read_text()
    assert not make(dataset, **how)[1]
    with pytest.raises(UserError, match="temperature is what --c .of make: C=. sets"):
        make(dataset, scheme="dwa", net=dict(SMALL, constants="window=7, temperature=3"))
    with pytest.raises(UserError, match="'window' is unknown: fixed weights have none"):
        make(dataset, scheme="smoothed", net=dict(SMALL, constants="window=7"))


@pytest.mark.parametrize("scheme, c, constants", [("dwa", 3.0, "window=7"), ("uw_so", 5.0, ""), ("ones", None, "")])
def test_settings_of_before_schemes_had_their_constants_are_read(dataset, scheme, c, constants):
    how = dict(scheme=scheme, c=c, net=dict(SMALL, constants=constants))
    run = dataset.run(make(dataset, **how)[0].variant)
    result = json.loads(run.settings.read_text())
    del result["net"]["constants"]
    # As they were written: both constants in every net.
    result["net"].update(temperature=c or 2.0, window=7 if constants else 100)
    run.settings.write_text(json.dumps(result))
    assert not make(dataset, **how)[1], "the same settings: the step is skipped"
    result["net"]["batch_size"] = 8
    run.settings.write_text(json.dumps(result))
    with pytest.raises(UserError, match="made with net.batch_size 8, asked for 4: use"):
        make(dataset, **how)


def test_what_cannot_be_made(dataset):
    with pytest.raises(UserError, match="the paper's, with scheme proportion"):
        make(dataset, "multi_weight", scheme="ones")
    with pytest.raises(UserError, match=r"needs --scheme \(of make: SCHEME=\)"):
        make(dataset, "mine")
    with pytest.raises(UserError, match="expected ones, proportion"):
        make(dataset, scheme="smooth")
    with pytest.raises(UserError, match="128: pack the images again"):
        make(dataset, "multi_task", net=dict(size=256))


@pytest.mark.parametrize("name", [*METHODS, "untrained", "random"])
def test_no_weights_take_the_place_of_a_method(dataset, tmp_path, name):
    csv = tmp_path / f"{name}.csv"
    csv.write_text("group,gamma\n" + "".join(f"{group},0.5\n" for group in COUNTS))
    for scheme in (str(csv), f"module:{name}"):
        with pytest.raises(UserError, match=f"'{name}' is the name of a method or reference.*rename it"):
            make(dataset, scheme=scheme)
    assert make(dataset, "mine", scheme=str(csv))[0].variant == "mine"
    with pytest.raises(UserError, match="--variant"):
        make(dataset, name, scheme="inverse")


def test_data_that_does_not_fit_its_catalog(dataset):
    info = json.loads(dataset.info.read_text())
    dataset.info.write_text(json.dumps({**info, "labels": 3}))
    with pytest.raises(UserError, match="another catalog"):
        make(dataset, "multi_task")
    del info["size"]
    dataset.info.write_text(json.dumps(info))
    with pytest.raises(UserError, match="'size' is missing"):
        make(dataset, "multi_task")
    dataset.info.unlink()
    with pytest.raises(UserError, match="dataset.json: no such file: run make lmdb first"):
        make(dataset, "multi_task")


def test_committed_files_are_what_the_command_writes():
    files = recipe_files.committed(caffe)
    assert len(files) == 12
    for name, text in files.items():
        assert (REPOSITORY / name).read_text(encoding="utf-8") == text, (
            f"{name}: run tools/make_prototxt.py --committed"
        )
    result = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "prototxt").rglob("*.prototxt")}
    assert result == set(files)


def test_committed_nets_are_the_papers():
    schema = engine.schema(caffe)
    for variant in METHODS:
        folder = REPOSITORY / "prototxt" / variant
        net = text_format.Parse((folder / "train_val.prototxt").read_text(), schema.NetParameter())
        outputs = [layer.inner_product_param.num_output for layer in net.layer if layer.name.startswith("fc8")]
        assert sum(outputs) == 830 and len(outputs) == (1 if variant == "multi_label" else 24)
        assert "placeholders" in (folder / "train_val.prototxt").read_text()
        solver = text_format.Parse((folder / "solver.prototxt").read_text(), schema.SolverParameter())
        assert (REPOSITORY / solver.net) == folder / "train_val.prototxt" and not solver.HasField("solver_mode")
