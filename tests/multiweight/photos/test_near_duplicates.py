import cv2
import numpy as np

from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.photos import near_duplicates
from multiweight.photos.images import ImageFolder
from multiweight.photos.near_duplicates import Fingerprints
from multiweight.prepare import split
from multiweight.records import records
from multiweight.records.records import Record
from random_pictures import picture

RNG = np.random.RandomState(0)


def test_copies_are_found_and_others_are_not():
    photo = picture(1)
    again = cv2.imdecode(cv2.imencode(".jpg", cv2.resize(photo, (90, 120)), [cv2.IMWRITE_JPEG_QUALITY, 70])[1], 1)
    recoloured = photo[:, :, ::-1]
    fingerprints = [
        near_duplicates.fingerprint(np.ascontiguousarray(image)) for image in (photo, picture(2), again, recoloured)
    ]
    result = Fingerprints(
        np.array([h for h, _, _ in fingerprints], np.uint64), np.stack([t for _, t, _ in fingerprints]),
        np.ones(4, bool), np.array([s for _, _, s in fingerprints], np.float32),
    )  # fmt: skip
    assert near_duplicates.pairs(result).tolist() == [[0, 2]]


def test_every_pair_within_the_distance_as_by_brute_force():
    hashes = RNG.randint(0, 2**63, 300, dtype=np.int64).astype(np.uint64)
    for n in range(150):  # near copies with 0 to 5 flipped bits
        flips = RNG.permutation(64)[: n % 6]
        hashes[150 + n] = hashes[n] ^ np.bitwise_or.reduce(
            np.uint64(1) << flips.astype(np.uint64), initial=np.uint64(0)
        )
    result = Fingerprints(hashes, np.zeros((300, 48), np.uint8), np.ones(300, bool), np.ones(300, np.float32))
    result.readable[[3, 153]] = False
    wanted = [
        [i, j]
        for i in range(300)
        for j in range(i + 1, 300)
        if bin(int(hashes[i] ^ hashes[j])).count("1") <= 3 and not {i, j} & {3, 153}
    ]
    assert near_duplicates.pairs(result).tolist() == wanted and len(wanted) > 90


def test_clusters_join_products_over_others():
    items = [Record(f"{n}.jpg", product, ()) for n, product in enumerate("abcdb")]
    assert near_duplicates.clusters(items, np.array([[0, 1], [2, 4]])) == {"a": "a", "b": "a", "c": "a", "d": "d"}


def shop(folder, copies=8, products=60):
    """Products of one photo each, of which the last ``copies`` repeat the photos of the first."""
    (folder / "images").mkdir(parents=True)
    (folder / "catalog.yaml").write_text("groups:\n  Colour: [red, blue]\n")
    items = []
    for n in range(products):
        shown = n - (products - copies) if n >= products - copies else n
        cv2.imwrite(str(folder / "images" / f"{n}.jpg"), picture(shown))
        items.append(Record(f"images/{n}.jpg", f"p{n}", (("Colour", "red" if n % 2 else "blue"),)))
    records.write(folder / "records.csv", items)
    return folder


def test_dedupe_keeps_near_duplicates_on_one_side(tmp_path):
    folder = shop(tmp_path / "shop")
    with ImageFolder(folder) as images:
        close = near_duplicates.pairs(near_duplicates.fingerprints(images, records.read(folder / "records.csv")))
    assert close.tolist() == [[n, 52 + n] for n in range(8)]
    dataset = Dataset("twins", tmp_path / "runs")
    importing.import_dataset(dataset, folder, progress=quiet)
    reported, _ = split.split_dataset(dataset, 0.4, seed=2, duplicates="report")
    assert reported["near_duplicates"]["pairs"] == 8 and reported["near_duplicates"]["pairs_across"] > 0
    torn = (dataset.data / "near_duplicates.csv").read_text().splitlines()
    assert torn[0] == "train,test" and len(torn) == 1 + reported["near_duplicates"]["pairs_across"]
    train = {record.image for record in records.read(dataset.split("train"))}
    assert all(line.split(",")[0] in train and line.split(",")[1] not in train for line in torn[1:])
    deduplicated, _ = split.split_dataset(dataset, 0.4, seed=2, duplicates="dedupe", overwrite=True)
    assert deduplicated["near_duplicates"] == {"pairs": 8, "pairs_across": 0, "test_images": 0}
    assert abs(deduplicated["test_fraction"] - 0.4) < 0.02
