from __future__ import annotations

import hashlib
import json

import h5py
import numpy as np
import pytest

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.evaluate import evaluation
from multiweight.evaluate.settings import Settings
from multiweight.photos import image_source
from multiweight.records.catalog import Catalog
from multiweight.retrieval import nearest

CATALOG = {"Colour": ["red", "blue"], "Sleeve": ["long", "short"], "Craft": ["lace"]}
LABELS = ["Colour=red", "Colour=red|Sleeve=long", "Colour=blue|Sleeve=short", "Colour=red|Colour=blue"]


@pytest.fixture
def dataset(tmp_path):
    """Four images on a circle, each nearest to its neighbours in the order of the keys; no test image has Craft."""
    tiny = Dataset("tiny", tmp_path)
    tiny.data.mkdir(parents=True)
    Catalog.from_dict(CATALOG).save(tiny.catalog)
    tiny.info.write_text(json.dumps({"group_images": {"Colour": 40, "Sleeve": 10, "Craft": 1}}))
    rows = [f"{n:08d},{n}.jpg,p{n},{labels}\n" for n, labels in enumerate(LABELS)]
    tiny.packed("test").write_text("key,image,product,labels\n" + "".join(rows))
    write_features(tiny.run("multi_label").features, np.array([0.0, 0.3, 0.7, 1.2]))
    return tiny


def write_features(path, angles, keys=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(str(path), "w") as file:
        file.create_dataset("fc7", data=np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32))
        names = [f"{n:08d}".encode() for n in range(len(angles))] if keys is None else keys
        file.create_dataset("keys", data=np.array(names))
        hdf5_file.describe(
            file, dict(blob="fc7", weights="w.caffemodel", weights_sha256="ab", engine="an engine", seconds=1.0)
        )


def read(run):
    return json.loads(run.evaluation.read_text())


def test_a_worked_example(dataset):
    run = dataset.run("multi_label")
    assert evaluation.evaluate(run, Settings(k=2))
    with h5py.File(str(run.retrieval), "r") as file:
        assert file["indices"][()].tolist() == [[1, 2], [0, 2], [1, 3], [2, 1]]
        assert file["indices"].dtype == np.int32 and file["scores"].dtype == np.float32
        assert dict(file.attrs) == {"metric": "cosine", "k": 2, "denominator": "retrieved", "candidates": "all"}
        np.testing.assert_array_equal(
            file["ap"][()], np.float32([[1, np.nan, np.nan], [1, 0, np.nan], [0.5, 0, np.nan], [1, np.nan, np.nan]])
        )
    result = read(run)
    # Colour: image 0 finds 1 (red); 1 finds 0; 2 finds 3 (blue) second; 3, red and blue, finds 2 and 1.
    colour = result["groups"]["Colour"]
    assert colour["map"] == pytest.approx((1 + 1 + 1 / 2 + 1) / 4)
    assert (colour["queries"], colour["unanswered"], colour["proportion"]) == (4, 0, 1.0)
    # Relevant: 1 of 2, 1 of 2, 1 of 2, 2 of 2; of 2, 2, 1 and 3 in the whole set.
    assert colour["precision"] == pytest.approx(2.5 / 4)
    assert colour["recall"] == pytest.approx((1 / 2 + 1 / 2 + 1 + 2 / 3) / 4)
    assert colour["interval"][0] <= colour["map"] <= colour["interval"][1]
    # Sleeve: images 1 and 2 share no label, so both are queries without a relevant result.
    sleeve = result["groups"]["Sleeve"]
    assert (sleeve["map"], sleeve["queries"], sleeve["unanswered"], sleeve["proportion"]) == (0.0, 2, 2, 0.25)
    craft = result["groups"]["Craft"]
    assert (craft["queries"], craft["proportion"]) == (0, 0.025)
    assert all(craft[name] is None for name in ("map", "interval", "precision", "recall", "ndcg"))
    assert result["mean_map"] == pytest.approx(0.875 / 2)
    assert (result["metric"], result["k"], result["denominator"]) == ("cosine", 2, "retrieved")
    assert result["engine"] == "an engine" and result["test"]["images"] == 4


# Others that share a colour: 2 for image 0 (1, 3), 2 for image 1 (0, 3), 1 for image 2 (3), 3 for image 3.
@pytest.mark.parametrize(
    "denominator, expected",
    [("all", (1 / 2 + 1 / 2 + (1 / 2) / 1 + 2 / 3) / 4), ("min", (1 / 2 + 1 / 2 + (1 / 2) / 1 + 2 / 2) / 4)],
)
def test_the_other_denominators(dataset, denominator, expected):
    run = dataset.run("multi_label")
    evaluation.evaluate(run, Settings(k=2, denominator=denominator))
    assert read(run)["groups"]["Colour"]["map"] == pytest.approx(expected)


def test_done_work_is_skipped_until_an_option_or_input_changes(dataset):
    run = dataset.run("multi_label")
    assert evaluation.evaluate(run, Settings(k=2)) and not evaluation.evaluate(run, Settings(k=2))
    assert evaluation.evaluate(run, Settings(k=3)) and evaluation.evaluate(run, Settings(k=3, metric="euclidean"))
    write_features(run.features, np.arange(4.0))
    with h5py.File(str(run.features), "a") as file:
        hdf5_file.describe(file, {"weights_sha256": "cd"})
    assert evaluation.evaluate(run, Settings(k=3, metric="euclidean"))


def test_a_random_ranking_needs_no_features(dataset):
    run = dataset.run("random")
    assert evaluation.evaluate(run, Settings(seed=3)) and not evaluation.evaluate(run, Settings(seed=3))
    result = read(run)
    assert result["metric"] == "random" and result["features"] == {"seed": 3}
    assert 0 < result["groups"]["Colour"]["map"] <= 1
    with h5py.File(str(run.retrieval), "r") as file:
        assert file["indices"].shape == (4, 50)
        assert (np.sort(file["indices"][()], axis=1)[:, 47:] >= 0).all()


def test_settings_and_gamma_stand_in_the_result(dataset):
    settings = {"scheme": "proportion", "c": None, "rescale": False, "gamma": {"Colour": 1.0}, "net": {"width": 0.5}}
    base = dataset.run("multi_label")
    base.settings.write_text(json.dumps(settings))
    evaluation.evaluate(base)
    assert read(base)["gamma"] == {"Colour": 1.0} and read(base)["scheme"] == "proportion"
    write_features(dataset.run("untrained").features, np.arange(4.0))
    evaluation.evaluate(dataset.run("untrained"))
    assert read(dataset.run("untrained"))["settings"] == {"net": {"width": 0.5}, "net_of": "multi_label"}


def test_other_keys_are_an_error_that_names_the_first(dataset):
    run = dataset.run("multi_label")
    write_features(run.features, np.arange(4.0), keys=[b"00000000", b"00000007", b"00000002", b"00000003"])
    with pytest.raises(UserError, match="key '00000007' at position 1 where test_packed.csv has '00000001'"):
        evaluation.evaluate(run)
    write_features(run.features, np.arange(3.0))
    with pytest.raises(UserError, match="3 images where test_packed.csv has 4"):
        evaluation.evaluate(run)


def test_mistakes_are_one_clear_error(dataset):
    run = dataset.run("multi_task")
    with pytest.raises(UserError, match=r"features.h5: no such file"):
        evaluation.evaluate(run)
    with pytest.raises(UserError, match="denominator 'relevant'"):
        evaluation.evaluate(run, Settings(denominator="relevant"))
    with pytest.raises(UserError, match="k = 0"):
        evaluation.evaluate(run, Settings(k=0))
    with h5py.File(str(dataset.run("multi_label").features), "a") as file:
        file["fc7"][...] = 0
    with pytest.raises(UserError, match="every feature is 0"):
        evaluation.evaluate(dataset.run("multi_label"))


def test_candidates_of_the_group_alone(dataset):
    """Sleeve: images 1 and 2 find each other; among all images, 0 comes before 2 for 1."""
    run = dataset.run("multi_label")
    rows = [f"{n:08d},{n}.jpg,p{n},{labels}\n" for n, labels in enumerate([*LABELS[:2], "Sleeve=long", LABELS[3]])]
    dataset.packed("test").write_text("key,image,product,labels\n" + "".join(rows))
    evaluation.evaluate(run, Settings(k=2))
    assert read(run)["groups"]["Sleeve"]["map"] == pytest.approx((1 / 2 + 1) / 2)
    evaluation.evaluate(run, Settings(k=2, candidates="group"))
    result = read(run)["groups"]["Sleeve"]
    assert (result["map"], result["recall"], result["queries"]) == (1.0, 1.0, 2)
    with pytest.raises(UserError, match="candidates 'some'"):
        evaluation.evaluate(run, Settings(candidates="some"))


def test_float16_and_recognition_are_told(dataset):
    run = dataset.run("multi_label")
    outputs = np.full((4, 5), 0.1)
    outputs[[0, 1, 2, 3], [0, 0, 1, 1]] = 0.9
    with h5py.File(str(run.probabilities), "w") as file:
        file.create_dataset("outputs", data=outputs.astype(np.float32))
        file.create_dataset("keys", data=np.array([f"{n:08d}".encode() for n in range(4)]))
        hdf5_file.describe(file, {"blob": "outputs"})
    assert evaluation.evaluate(run, Settings(k=2, float16=True)) and not evaluation.evaluate(
        run, Settings(k=2, float16=True)
    )
    result = read(run)
    assert result["float16"] == {"mean_map": pytest.approx(result["mean_map"]), "difference": pytest.approx(0)}
    # Named and right: red of 0 and 1, blue of 2 and 3; 3 is red too.
    assert result["recognition"]["Colour"]["micro_f1"] == pytest.approx(2 * 4 / (4 + 5))
    assert result["recognition"]["Colour"]["top"] == {"1": 1.0}


def test_features_of_another_pack_are_refused(dataset):
    run = dataset.run("multi_label")
    dataset.images("test").mkdir()
    (dataset.images("test") / "data.mdb").write_bytes(b"images")
    packed = hashlib.sha256(image_source.pack_identity(dataset.images("test"), 4)).hexdigest()
    with h5py.File(str(run.features), "a") as file:
        hdf5_file.describe(file, {"images_sha256": packed})
    assert evaluation.evaluate(run)
    # Split and packed again: as many images, so the same keys.
    dataset.info.write_text(dataset.info.read_text().replace("40", "41"))
    with pytest.raises(UserError, match="features.h5: of other images than .* holds now"):
        evaluation.evaluate(run)


def test_an_evaluation_that_was_stopped_does_not_stand_in_the_way_of_another(dataset):
    run = dataset.run("multi_label")
    assert evaluation.evaluate(run, Settings(k=2))
    expected = read(run)["mean_map"]
    nearest.top_k(run.features, 3, "euclidean", state=run.search_state)
    assert evaluation.evaluate(run, Settings(k=2, memory=1)) is False
    run.evaluation.unlink()
    assert evaluation.evaluate(run, Settings(k=2))
    assert read(run)["mean_map"] == expected and not run.search_state.exists()


def test_images_without_a_direction_are_told_by_name(dataset):
    run = dataset.run("multi_label")
    with h5py.File(str(run.features), "a") as file:
        file["fc7"][2] = 0
    evaluation.evaluate(run)
    assert read(run)["features"]["zero_features"] == 1 and read(run)["features"]["zero_keys"] == ["00000002"]
    with h5py.File(str(run.features), "a") as file:
        file["fc7"][1, 0] = 1e5
    with pytest.raises(UserError, match="features.h5: values beyond float16's 65504 in 1 image.*00000001"):
        evaluation.evaluate(run, Settings(float16=True))
    with h5py.File(str(run.features), "a") as file:
        file["fc7"][3] = np.nan
    with pytest.raises(UserError, match="features.h5: NaN or infinity in the features of 1 image.*00000003"):
        evaluation.evaluate(run)
