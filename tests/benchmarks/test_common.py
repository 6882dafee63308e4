"""What the benchmarks share: nets, workers that take turns, ratios of pairs."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
import unchecked

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import common  # noqa: E402

TINY = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 2 dim: 5 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SigmoidCrossEntropyLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


def tiny():
    return common.with_data(common.caffe_pb2.NetParameter(name="tiny"), TINY)


def test_spread_and_ratios_go_pair_by_pair():
    assert common.ratios([4, 9], [2, 3]) == [2, 3]
    assert f"{common.Spread.of([3, 1, 2]):.1f}" == "2.0 (1.0 to 3.0)"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (64, 10)),
        (["--quick"], (16, 2)),
        (["--quick", "--batch", "8"], (8, 2)),
        (["--steps=3"], (64, 3)),
    ],
)
def test_a_size_that_is_given_counts_with_quick_too(words, expected):
    sizes = {"--batch": (64, 16, "images"), "--steps": (10, 2, "steps")}
    args = common.parse(argparse.ArgumentParser(), sizes, words)
    assert (args.batch, args.steps) == expected


@pytest.mark.parametrize("word", ["0", "-1", "many", "1.5"])
def test_a_size_below_one_is_refused(word, capsys):
    with pytest.raises(SystemExit, match="2"):
        common.parse(argparse.ArgumentParser(), {"--batch": (64, 16, "images")}, [f"--batch={word}"])
    assert f"argument --batch: {word!r}: expected a whole number, 1 or more" in capsys.readouterr().err


def test_the_committed_net_takes_input_layers_in_place_of_its_data_layers():
    net = common.with_data(common.read_net("multi_label"), common.inputs(4))
    assert [layer.type for layer in net.layer[:3]] == ["Input", "Input", "Convolution"]
    assert list(net.layer[0].input_param.shape[0].dim) == [4, 3, 224, 224]
    assert not any(layer.type == "Data" for layer in net.layer)


def test_workers_step_and_answer_in_turn(tmp_path):
    workers = [common.ours(tmp_path, tiny(), 1, name) for name in ("one", "two")]
    try:
        seconds = common.interleave(workers, "step", rounds=2, times=3)
        assert set(seconds) == {"one", "two"}
        assert all(len(values) == 2 and min(values) > 0 for values in seconds.values())
        assert workers[0].ask("forward") > 0
        assert 50 < workers[0].ask("peak") < 4000
    finally:
        for worker in workers:
            worker.close()


def test_a_worker_that_fails_ends_the_benchmark_with_what_it_said(tmp_path):
    (tmp_path / "bad.py").write_text("raise SystemExit('no such thing')")
    with pytest.raises(SystemExit, match="'bad' ended: no such thing"):
        common.Worker("bad", [sys.executable, str(tmp_path / "bad.py")], 1)


def test_without_a_gpu_the_benchmark_says_so_and_strict_fails():
    torch = unchecked.package("torch", "what gpu.py says without a GPU")
    if torch.cuda.is_available():
        unchecked.skip("what gpu.py says without a GPU", "a GPU is here")
    for flags, status in (([], 0), (["--strict"], 1)):
        done = subprocess.run([sys.executable, str(BENCHMARKS / "gpu.py"), *flags], capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert "not measured: PyTorch finds no GPU here" in done.stdout
