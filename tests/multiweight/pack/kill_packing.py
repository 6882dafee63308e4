"""Kills packings at random moments and has them go on; one process that forks, so that imports are paid once.

    python kill_packing.py RUNS KILLS SEED

RUNS holds the split dataset ``shop``. Prints a JSON object: ``same`` a truth value a kill, ``partial`` how many kills
left a half-written state, ``between`` how many left the images ahead of the labels, ``inside`` how many fell into a
transaction.
"""

import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

from multiweight.base import done, engine, lmdb_file, whole_file
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.pack import chunks, packing
from multiweight.pack import part as pack_part
from multiweight.pack.writer import LmdbWriter, partial_of

SETTINGS = packing.Settings(size=32, max_bad=0.1, threads=2)
PHASES = ("before", "inside", "after")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly(list):
    """Items of a transaction in whose middle the process dies."""

    def __iter__(self):
        for number, item in enumerate(super().__iter__()):
            if number == len(self) // 2:
                die()
            yield item


def arm(moment, phase):
    """Die at the ``moment``-th action of a writer: a transaction or the renaming of a finished LMDB."""
    append, finish, counted = LmdbWriter._append, LmdbWriter.finish, [0]

    def act(action, deadly):
        counted[0] += 1
        if counted[0] != moment:
            return action()
        if phase == "before":
            die()
        if phase == "inside":
            deadly()
        action()
        die()

    LmdbWriter._append = lambda self, pairs, need: act(
        lambda: append(self, pairs, need), lambda: append(self, Deadly(pairs), need)
    )
    LmdbWriter.finish = lambda self: act(lambda: finish(self), die)
    return counted


def packed_in_child(dataset, moment=0, phase=""):
    """The child's wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    status = 1
    try:
        counted = arm(moment, phase)
        packing.pack(engine.messages(), dataset, SETTINGS, progress=quiet)
        (dataset.root / "actions").write_text(str(counted[0]))
        status = 0
    finally:
        os._exit(status)


def outcome(dataset):
    contents = {}
    for path in sorted(dataset.data.iterdir()):
        if path.is_dir():
            contents[path.name] = (path / "data.mdb").read_bytes()
        elif path.name == "dataset.json":
            contents[path.name] = {key: value for key, value in done.read(path).items() if key != "seconds"}
        else:
            contents[path.name] = path.read_bytes()
    return contents


def entries(path):
    place = path if path.exists() else partial_of(path)
    return sum(1 for _ in lmdb_file.keys(place))


def main():
    runs, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    chunks.CHUNK_PIXELS = 32 * 32 * 4
    pack_part.KEPT_EVERY = 3
    origin, uninterrupted = runs / "shop", runs / "whole"
    shutil.copytree(origin, uninterrupted / "shop")
    reference = Dataset("shop", uninterrupted)
    assert packed_in_child(reference) == 0
    expected, actions = outcome(reference), int((reference.root / "actions").read_text())
    rng = random.Random(seed)
    result = {"actions": actions, "same": [], "partial": 0, "between": 0, "inside": 0}
    for number in range(kills):
        dataset = Dataset("shop", runs / f"killed-{number}")
        shutil.copytree(origin, dataset.root)
        phase = rng.choice(PHASES)
        status = packed_in_child(dataset, rng.randint(1, actions), phase)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert not dataset.info.exists()
        pairs = [(dataset.images(part), dataset.labels(part)) for part in ("train", "test")]
        counts = [(entries(images), entries(labels)) for images, labels in pairs]
        result["partial"] += any(partial_of(path).exists() and entries(path) for pair in pairs for path in pair)
        result["between"] += any(images > labels for images, labels in counts)
        result["inside"] += phase == "inside"
        assert packed_in_child(dataset) == 0
        result["same"].append(outcome(dataset) == expected)
        shutil.rmtree(dataset.root.parent)
    print(json.dumps(result))


if __name__ == "__main__":
    assert whole_file.PARTIAL == ".partial"
    main()
