"""Layers of the user's own, with parameters of their own; in processes of their own, as they change the schema."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_torch.files import wire

ROOT = Path(__file__).resolve().parents[3]


def run(folder, *words, **environment):
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'python'}:{folder}", **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The files of docs/FORKS.md."""
    folder = tmp_path_factory.mktemp("example")
    for block in re.findall(r"```\w*\n(.*?)```", (ROOT / "docs" / "FORKS.md").read_text(), re.DOTALL):
        name = re.match(r"(?:#|//) (\S+)\n", block)
        (folder / name.group(1)).write_text(block)
    return folder


def losses(log):
    return [float(value) for value in re.findall(r"Iteration \d+ .*loss = (\S+)", log)]


def test_the_documents_example_trains_by_the_command(example):
    done = run(example, "-m", "caffe_torch", "train", "--solver=solver.prototxt", "--layers=my_layers")
    assert done.returncode == 0, done.stderr[-2000:]
    assert losses(done.stderr)[0] > 0.1 and losses(done.stderr)[-1] < 0.02
    assert wire.read_net(example / "gem_iter_200.caffemodel")["gem"][0] > 10


def test_it_is_in_net_specs_and_in_files_written_again(example):
    code = """
import caffe_torch as caffe
from caffe_torch.proto import caffe_pb2
n = caffe.NetSpec()
n.x = caffe.layers.Input(shape=dict(dim=[1, 2, 2, 2]))
n.y = caffe.layers.GeM(n.x, gem_param=dict(p=1))
text = str(n.to_proto())
net = caffe.get_net_from_string(text, caffe.TEST)
print(net.forward(x=[[[[1, 2], [3, 4]], [[0, 4], [0, 0]]]])["y"].round(3).tolist())
binary = caffe_pb2.NetParameter.FromString(n.to_proto().SerializeToString())
print(binary.layer[1].gem_param.p, caffe_pb2.GemParameter(p=2).p)
"""
    done = run(example, "-c", code, CAFFE_TORCH_LAYERS="my_layers")
    assert done.stdout == "[[2.5, 1.0]]\n1.0 2.0\n", done.stderr


NUMPY = '''
import caffe_torch as caffe
from caffe.proto import caffe_pb2
old = caffe_pb2.NetParameter(name="made before")

class Times(caffe.Layer):
    def setup(self, bottom, top):
        assert str(self.phase) == "TEST" and self.phase == 1 and self.param_str_ == ""
        self.factor = self.layer_param.times_param.factor * self.layer_param.times_param.filler.value
    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)
    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data * self.factor

for _ in range(2):  # a module may be imported again
    caffe.register_layer("Times", Times, param=("times_param", "several.proto", "Factor"))
net = caffe.get_net_from_string("""
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 } } }
layer { name: "y" type: "Times" bottom: "x" top: "y" times_param { factor: 3 filler { value: 2 } } }""", caffe.TEST)
print(net.forward(x=[2])["y"].tolist())
old.layer.add(name="x", type="Input", top=["x"]).input_param.shape.add(dim=[1])
print(list(caffe.Net(old, caffe.TEST).blobs), caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name["times_param"].number)
for param in (("convolution_param", "several.proto", "Factor"), ("a", "none.proto"), ("b", "broken.proto"), ("c", 3),
              ("several_param", "several.proto"), ("d", "same.proto"), ("e", "newer.proto")):
    try:
        caffe.register_layer("Other", Times, param=param)
    except caffe.CaffeError as error:
        print(error)
try:
    caffe.register_layer("Other", int)
except caffe.CaffeError as error:
    print(error)
'''


def test_a_layer_in_numpy_and_what_is_refused(tmp_path):
    (tmp_path / "several.proto").write_text(
        'syntax = "proto2"; package mine; import "caffe.proto"; message Other { optional int32 n = 1; }\n'
        "message Factor { optional float factor = 1; optional Other other = 2;\n"
        "  optional caffe.FillerParameter filler = 3; }"
    )
    (tmp_path / "broken.proto").write_text('syntax = "proto2"; message {')
    (tmp_path / "same.proto").write_text('syntax = "proto2"; message FillerParameter { optional int32 n = 1; }')
    (tmp_path / "newer.proto").write_text('syntax = "proto3"; message E { int32 n = 1; }')
    (tmp_path / "program.py").write_text(NUMPY)
    done = run(tmp_path, "program.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["[12.0]", "['x'] 134429259"]  # the number does not depend on the process
    expected = [
        "convolution_param.*has a field of this name already", "none.proto: no such", "broken.proto: protoc refuses",
        "'c': expected a message class.*found 3", "no message SeveralParameter; it has Other, Factor",
        "has a message FillerParameter already", "proto2.*found proto3", "Other'.: expected a subclass.*int",
    ]  # fmt: skip
    text = "\n".join(lines[2:])
    for pattern in expected:
        assert re.search(pattern, text), (pattern, text)


def test_a_module_that_cannot_be_imported_is_one_line(tmp_path):
    (tmp_path / "needing.py").write_text("import json\nimport nowhere_to_be_found\n")
    command = ("-m", "caffe_torch", "train", "--solver=s.prototxt")
    done = run(tmp_path, *command, "--layers=needing")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "needing.py:2: No module named 'nowhere_to_be_found'" in done.stderr and "PYTHONPATH" not in done.stderr
    done = run(tmp_path, *command, CAFFE_TORCH_LAYERS="absent_module")
    assert done.returncode == 1 and "'absent_module'" in done.stderr and "put its folder on PYTHONPATH" in done.stderr


def test_a_module_of_no_python_and_a_file_in_place_of_a_name_are_one_line(tmp_path):
    (tmp_path / "wrong.py").write_text("import json\ndef (\n")
    for words, said in (
        ("wrong", r"CAFFE_TORCH_LAYERS: \S*wrong.py:2: invalid syntax"),
        ("wrong.py", "'wrong.py' is no module's name.*my_layers for the file my_layers.py"),
        ("./wrong", "'./wrong' is no module's name"),
        ("json wrong", r"wrong.py:2: invalid syntax"),
    ):
        done = run(tmp_path, "-m", "caffe_torch", "train", "--solver=s.prototxt", f"--layers={words}")
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert re.search(said, done.stderr), done.stderr


def test_arrays_without_memory_need_no_sympy():
    """torch.empty_like of a meta tensor would import it, at the first forward of every program."""
    code = """
import sys
import caffe_torch as caffe
net = caffe.get_net_from_string('''force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 dim: 9 dim: 9 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "n" type: "LRN" bottom: "c" top: "n" }
layer { name: "p" type: "Pooling" bottom: "n" top: "p" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
''', caffe.TRAIN)
net.forward()
net.backward()
print("sympy" in sys.modules)
"""
    done = run(ROOT, "-c", code)
    assert done.stdout == "False\n", done.stderr
