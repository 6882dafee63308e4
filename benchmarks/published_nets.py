#!/usr/bin/env python3
"""How many of other people's files can be read, and how many of their deploy nets built? Counted by repository.

    python benchmarks/published_nets.py FOLDER...

Each FOLDER is a checkout or a bare git repository, whose newest commit is read; OWNER+NAME stands for OWNER/NAME.
Nothing is changed, and nothing of it kept. Of every .prototxt (and .pt) file: a solver or a net parses, and every layer
type of a net is known; a deploy net, one that has inputs and reads no data in the TEST phase, is built with the inputs
as it gives them. The table is that of docs/FORKS.md.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("GLOG_minloglevel", "3")

import caffe_torch as caffe  # noqa: E402
from caffe_torch.files import prototxt  # noqa: E402
from caffe_torch.net import phase_rules  # noqa: E402

ENDINGS = (".prototxt", ".pt")
SOLVER = re.compile(r"^[ \t]*(base_lr|lr_policy|max_iter|snapshot_prefix)[ \t]*:", re.MULTILINE)
LAYERS = re.compile(r"^\s*layers?\s*:?\s*\{", re.MULTILINE)
#: What a message says, and how the table says it; the first that fits.
REASONS = (
    (r"should not have multiple \"(\w+)\"", "several `{}`"),
    (r"has no field named \"?(\w+)", "`{}`"),
    (r"has no value named \"?(\w+)", "{} as an old type"),
    (r"[Uu]nknown layer type:? '(\w+)'", "{}"),
    (r"module '([\w.]+)' cannot be imported", "Python module {}"),
    (r"Couldn't parse (integer|float)", "a word or a list in place of a number"),
    (r"^layer '[^']*' \((\w+)\): (.{0,60})", "{}: {}"),
)


class Count(NamedTuple):
    """Of one kind of file: how many there are, and how many pass."""

    good: int
    tried: int

    def __str__(self) -> str:
        return f"{self.good} / {self.tried}"

    def plus(self, other: Count) -> Count:
        return Count(self.good + other.good, self.tried + other.tried)


def name_of(folder: Path) -> str:
    """OWNER/NAME as far as the folder's path tells it."""
    for part in (folder.name, folder.parent.name):
        if "+" in part:
            return part.replace("+", "/", 1)
    return folder.name


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """(path, text) of the files of interest."""
    git_folder = folder / ".git" if (folder / ".git").is_dir() else folder
    if (git_folder / "HEAD").exists() and (git_folder / "objects").is_dir():
        git = ["git", "--git-dir", str(git_folder)]
        listed = subprocess.run([*git, "ls-tree", "-r", "-z", "--name-only", "HEAD"], capture_output=True, check=True)
        for path in sorted(os.fsdecode(listed.stdout).split("\0")):
            if path.endswith(ENDINGS):
                blob = subprocess.run([*git, "cat-file", "blob", f"HEAD:{path}"], capture_output=True, check=False)
                if blob.returncode == 0:
                    yield path, blob.stdout.decode("utf-8", "surrogateescape")
        return
    for file in sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS and path.is_file()):
        yield str(file.relative_to(folder)), file.read_text(encoding="utf-8", errors="surrogateescape")


def reason(error: Exception) -> str:
    """A word or two for the table."""
    text = str(error)
    for pattern, form in REASONS:
        match = re.search(pattern, text)
        if match:
            return form.format(*match.groups())
    return re.sub(r"^\S*?\.(prototxt|pt)[\d:]*\s*", "", text.splitlines()[0])[:90]


def is_deploy(net: Any) -> bool:
    """Whether a net has inputs and no layer that reads data in the TEST phase."""
    own = type(net)()
    own.CopyFrom(net)
    own.state.CopyFrom(phase_rules.state(caffe.TEST, 0, list(net.state.stage)))
    layers = phase_rules.filter_net(own).layer
    sources = [layer for layer in layers if not layer.bottom and layer.type not in ("Input", "DummyData", "Parameter")]
    return not sources and any(layer.type == "Input" for layer in layers)


def judge(folder: Path, chatty: bool) -> tuple[dict[str, Count], Counter[str]]:
    """The counts of a repository by kind, and the reasons for what does not pass."""
    counts = {kind: Count(0, 0) for kind in ("net", "solver", "deploy")}
    reasons: Counter[str] = Counter()
    known = set(caffe.layer_type_list()) | {"Python"}

    def note(kind: str, path: str, error: Exception | None) -> None:
        counts[kind] = counts[kind].plus(Count(int(error is None), 1))
        if error is not None:
            reasons[reason(error)] += 1
            if chatty:
                print(f"{name_of(folder)} {path} ({kind}): {error}", file=sys.stderr)

    for path, text in files(folder):
        with tempfile.TemporaryDirectory() as kept:
            file = Path(kept) / Path(path).name
            file.write_text(text, encoding="utf-8", errors="surrogateescape")
            if SOLVER.search(text):
                note("solver", path, _tried(prototxt.read_solver, file)[1])
                continue
            if not LAYERS.search(text):
                continue
            net, error = _tried(prototxt.read_net, file)
            strange = {layer.type for layer in net.layer} - known if net is not None else set()
            if strange:
                error = caffe.CaffeError(f"unknown layer type '{sorted(strange)[0]}'")
            note("net", path, error)
            if error is None and is_deploy(net):
                note("deploy", path, _tried(_build, file)[1])
                gc.collect()
    return counts, reasons


def _build(file: Path) -> None:
    caffe.Net(str(file), caffe.TEST)


def _tried(what: Any, file: Path) -> tuple[Any, Exception | None]:
    try:
        return what(str(file)), None
    except Exception as error:
        return None, error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--messages", action="store_true", help="also every message, to standard error")
    args = parser.parse_args()
    absent = [str(folder) for folder in args.folders if not folder.is_dir()]
    if absent:
        parser.error(f"no such folder: {', '.join(absent)}")
    total = {kind: Count(0, 0) for kind in ("net", "solver", "deploy")}
    print("| repository | nets | solvers | deploy nets built | the rest |\n|---|---:|---:|---:|---|")
    whole = 0
    for folder in args.folders:
        counts, reasons = judge(folder, args.messages)
        total = {kind: total[kind].plus(counts[kind]) for kind in total}
        whole += all(count.good == count.tried for count in counts.values())
        rest = "; ".join(text + (f" ({times})" if times > 1 else "") for text, times in reasons.most_common())
        print(f"| {name_of(folder)} | {counts['net']} | {counts['solver']} | {counts['deploy']} | {rest} |", flush=True)
    print(f"| all {len(args.folders)} | {total['net']} | {total['solver']} | {total['deploy']} | {whole} whole |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
