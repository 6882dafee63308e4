"""The names of the module: what `dir(caffe)` shows in the original is here too."""

import os
import subprocess
import sys

import pytest

import caffe_torch as caffe

#: dir() of the packaged original's modules and classes, dunder names aside.
MODULE = """
AdaDeltaSolver AdaGradSolver AdamSolver Classifier Detector Layer NCCL NesterovSolver Net NetSpec
RMSPropSolver SGDSolver TEST TRAIN Timer __version__ _caffe classifier detector get_solver has_nccl init_log
io layer_type_list layers log net_spec params proto pycaffe set_device set_mode_cpu set_mode_gpu
set_multiprocess set_random_seed set_solver_count set_solver_rank solver_count solver_rank to_proto
""".split()
IO = """
Transformer array_to_blobproto array_to_datum arraylist_to_blobprotovector_str blobproto_to_array
blobprotovector_str_to_arraylist caffe_pb2 datum_to_array load_image oversample resize_image
""".split()
NET = """
_backward _batch _blob_loss_weights _blob_names _blobs _bottom_ids _forward _inputs _layer_names _outputs
_top_ids after_backward after_forward backward before_backward before_forward blob_loss_weights blobs
bottom_names clear_param_diffs copy_from forward forward_all forward_backward_all inputs layer_dict layers
load_hdf5 outputs params reshape save save_hdf5 set_input_arrays share_with top_names
""".split()
BLOB = "channels count data diff height num reshape shape width".split()
SOLVER = "add_callback apply_update iter lr net param restore share_weights snapshot solve step test_nets".split()


@pytest.fixture
def solver(tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }'
    )
    (tmp_path / "solver.prototxt").write_text(f'net: "{tmp_path}/net.prototxt" base_lr: 0.1 lr_policy: "fixed"')
    return caffe.SGDSolver(str(tmp_path / "solver.prototxt"))


def test_every_public_name_of_pycaffe_is_here(solver):
    assert [name for name in MODULE if not hasattr(caffe, name)] == []
    assert [name for name in IO if not hasattr(caffe.io, name)] == []
    assert [name for name in NET if not hasattr(solver.net, name)] == []
    assert [name for name in BLOB if not hasattr(solver.net.blobs["x"], name)] == []
    assert [name for name in SOLVER if not hasattr(solver, name)] == []


def test_the_learning_rate_is_that_of_the_next_update(solver):
    assert solver.lr == pytest.approx(0.1)
    solver.param.base_lr = 0.3
    assert solver.lr == pytest.approx(0.3)


def test_log_is_a_function_and_init_log_sets_its_least_level(capsys, monkeypatch):
    monkeypatch.delenv("GLOG_minloglevel", raising=False)
    try:
        caffe.init_log()
        caffe.log("said")
        caffe.init_log(1)
        caffe.log("not said")
        caffe.init_log(0, True)
        caffe.log("said again")
    finally:
        caffe.init_log()
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition("] ")[2] for line in lines] == ["said", "said again"]
    assert lines[0][0] == "I" and "test_surface.py:" in lines[0]


def test_a_timer_counts_milliseconds():
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    sum(range(200_000))
    timer.stop()
    first = timer.ms
    assert 0 < first < 60_000 and timer.ms == first


def test_a_program_that_asks_for_a_gpu_runs_on_the_cpu_when_told_so():
    code = "import caffe_torch as caffe; caffe.set_device(99); caffe.set_mode_gpu(); print('ran')"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    forced = subprocess.run(
        [sys.executable, "-c", code], env={**env, "CAFFE_TORCH_FORCE_CPU": "1"}, capture_output=True, text=True
    )
    assert forced.stdout == "ran\n" and "CAFFE_TORCH_FORCE_CPU" in forced.stderr
    free = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert free.returncode and "GPU 99 was asked for" in free.stderr and "CAFFE_TORCH_FORCE_CPU=1" in free.stderr
