"""benchmarks/published_nets.py counts what parses and what is built, in a checkout and in a bare repository."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "published_nets.py"
INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }\n'
FILES = {
    "deploy.prototxt": INPUT + 'layer { name: "p" type: "Permute" bottom: "x" top: "y" permute_param { order: 1 } }\n',
    "wrong/deploy.prototxt": INPUT + 'layer { name: "r" type: "Reorg" bottom: "x" top: "y" reorg_param { stride: 3 } }',
    "train.prototxt": 'layer { name: "d" type: "Data" top: "x" data_param { source: "absent" batch_size: 1 } }\n'
    'layer { name: "r" type: "ReLU" bottom: "x" top: "x" }\n',
    "strange.pt": 'layer { name: "s" type: "Nobodys" top: "x" }\n',
    "unknown.prototxt": "layer { nobodys_param { } }\n",
    "solver.prototxt": 'net: "train.prototxt"\nbase_lr: 0.1\nlr_policy: "fixed"\n',
    "solver2.prototxt": "base_lr: 0.1\nnobodys_rate: 3\n",
    "labelmap.prototxt": 'item { name: "none" label: 0 }\n',
}


@pytest.mark.parametrize("bare", [False, True])
def test_counts_of_a_small_repository(bare: bool, tmp_path: Path) -> None:
    folder = tmp_path / "owner+name"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if bare:
        git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
            subprocess.run([*git, *words], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(folder), str(tmp_path / "copy" / "owner+name")], check=True)
        folder = tmp_path / "copy" / "owner+name"
    done = subprocess.run([sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True, check=True)
    *_, row, total = done.stdout.splitlines()
    assert row == (
        "| owner/name | 3 / 5 | 1 / 2 | 1 / 2 | `nobodys_rate`; Nobodys; `nobodys_param`; "
        "Reorg: stride 3 does not divide the channels, height and width of a |"
    )
    assert total == "| all 1 | 3 / 5 | 1 / 2 | 1 / 2 | 0 whole |"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "absent")], capture_output=True, text=True)
    assert done.returncode == 2 and "no such folder" in done.stderr and "Traceback" not in done.stderr
