"""The process's heap: one for all threads, and large blocks go back to the system."""

import ctypes
import os
import subprocess
import sys

import unchecked

import caffe_torch as caffe
from caffe_torch.runtime import allocator

pytestmark = unchecked.unless(
    hasattr(ctypes.CDLL(None), "mallinfo2"), "what the heaps hold", "only glibc tells, from 2.33 on"
)

PROGRAM = """
import ctypes, threading
import caffe_torch
import torch

class Heaps(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keep")]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Heaps
there = threading.Barrier(5)

def allocate():
    tensor = torch.zeros(100_000)
    there.wait()
    there.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
there.wait()
libc.malloc_stats()  # a line "Arena N:" each, on standard error
there.wait()

first = torch.zeros(16 << 18)
del first
before = libc.mallinfo2().hblkhd
second = torch.zeros(12 << 18)
print(libc.mallinfo2().hblkhd - before >= 12 << 20)
"""


def heaps_and_mapped(**environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, env={**clean, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.count("Arena "), done.stdout.strip()


def test_one_heap_and_large_blocks_are_not_kept():
    assert heaps_and_mapped() == (1, "True")


def test_the_environment_counts_first():
    heaps, mapped = heaps_and_mapped(MALLOC_ARENA_MAX="64", MALLOC_MMAP_THRESHOLD_=str(30 << 20))
    assert heaps > 1
    assert mapped == "False"


MANY_SIZES = """
import sys
import caffe_torch as caffe

layers = ['layer { name: "x" type: "Input" top: "b0" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }']
layers += ['layer { name: "c%d" type: "Convolution" bottom: "b%d" top: "b%d" convolution_param { num_output: %d '
           'kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }' % (i, i, i + 1, 16 + i) for i in range(4)]
open("net.prototxt", "w").write("\\n".join(layers))
net = caffe.Net("net.prototxt", caffe.TEST)

def forward(height, width):
    net.blobs["b0"].reshape(1, 3, height, width)
    net.forward()

def held():
    arrays = [blob._data for blob in net.blobs.values()]
    return sum(array._host.untyped_storage().nbytes() for array in arrays)

sizes = [(64 + i % 7, 64 + i) for i in range(int(sys.argv[1]))]
for _ in range(2):
    print("round", flush=True)
    for size in sizes:
        forward(*size)
print("round", flush=True)
forward(200, 200)
largest = held()
for i in range(1, 9):
    forward(25 * i, 208 - 25 * i)
print("held", held() <= largest, flush=True)
"""


def rounds_over_sizes(folder, sizes, **environment):
    """How often a convolution was compiled, and found compiled, in each of two rounds; what is held in the end."""
    environment = {**os.environ, "ONEDNN_VERBOSE": "2", "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", MANY_SIZES, str(sizes)],
        capture_output=True, text=True, timeout=300, env=environment, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if "create:cache_miss" not in done.stdout:
        unchecked.skip("what oneDNN keeps of each shape", "this PyTorch's does not tell what it compiles")
    rounds = done.stdout.split("round\n")[1:3]
    counts = [
        tuple(text.count(f"create:cache_{hit_or_miss},cpu,convolution") for hit_or_miss in ("miss", "hit"))
        for text in rounds
    ]
    return counts, done.stdout.rsplit("held", 1)[1].split()


def test_what_is_compiled_for_a_few_sizes_is_kept(tmp_path):
    counts, held = rounds_over_sizes(tmp_path, 4)
    compiled = counts[0][0]
    assert compiled >= 4 * 3 and counts == [(compiled, 0), (0, compiled)]
    assert held == ["True"]


def test_what_is_compiled_for_many_sizes_is_not(tmp_path):
    counts, held = rounds_over_sizes(tmp_path, 100)
    compiled = counts[0][0]
    assert compiled >= 100 * 3 and counts == [(compiled, 0)] * 2
    assert held == ["True"]
    counts, _ = rounds_over_sizes(tmp_path, 100, ONEDNN_PRIMITIVE_CACHE_CAPACITY="4096")
    assert counts == [(compiled, 0), (0, compiled)]


HOLES = """
import torch
from caffe_torch.runtime import allocator

def freed(count):
    tensors = [torch.ones(1 << 18) for _ in range(count)]  # 1 MiB each
    between = tensors[::40]
    del tensors[:]
    full = allocator._resident()
    allocator.give_back()
    return full - allocator._resident()

print(*(round(freed(count) / (1 << 20)) for count in (200, 200, 10)))
"""


def test_holes_in_the_heap_are_given_back_where_they_are_large():
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, again, small = map(int, done.stdout.split())
    assert first >= 120 and again >= 120
    # Of 10 MiB in holes nothing is given back; a page that the measuring itself takes may stand here.
    assert abs(small) <= 1


def test_a_net_gives_back_where_its_shapes_have_changed(tmp_path, monkeypatch):
    path = tmp_path / "net.prototxt"
    path.write_text("""layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "y" type: "ReLU" bottom: "x" top: "y" }""")
    net, calls = caffe.Net(str(path), caffe.TEST), []
    monkeypatch.setattr(allocator, "give_back", lambda: calls.append(net.blobs["y"].shape))
    for rows in (2, 2, 5, 5, 1):
        net.blobs["x"].reshape(rows, 3)
        net.forward()
    assert calls == [(5, 3), (1, 3)]
