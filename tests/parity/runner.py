"""Run parity jobs under whichever engine this interpreter has; NumPy and a caffe only, Python 3.6 and newer.

    python runner.py FOLDER ENGINE MODULE [FIRST]

FOLDER/jobs-ENGINE.json is a list of jobs, of which those from number FIRST on run, one after the other, in the working
directory FOLDER/ENGINE. MODULE is the name of the pycaffe module. Of every job FOLDER/ENGINE/NAME.npz holds the arrays
and NAME.log what was written to standard error; NAME.error the traceback where it raised. Standard output has a line as
each job begins, so that whoever started this knows which one aborted the process.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import traceback
import zlib

# Before any library is loaded: both engines compute with one thread, and the original logs as `caffe train` does.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
if __name__ == "__main__":  # imported, it leaves the tests' own environment alone
    os.environ["GLOG_minloglevel"] = "0"
os.environ["GLOG_logtostderr"] = "1"

import numpy as np  # noqa: E402


def values(kind, shape, seed, name):
    """The array of one blob, decided by seed and name alone.

    ``kind`` is ["normal", scale], ["int", n], ["uniform", low, high], ["round", scale] or ["values", list].
    """
    random = np.random.RandomState((seed + zlib.crc32(name.encode())) % (2**32))
    if kind[0] == "normal":
        array = random.standard_normal(shape) * kind[1]
    elif kind[0] == "round":  # many equal values
        array = np.round(random.standard_normal(shape) * kind[1])
    elif kind[0] == "int":
        array = random.randint(0, kind[1], shape)
    elif kind[0] == "uniform":
        array = random.uniform(kind[1], kind[2], shape)
    elif kind[0] == "values":
        array = np.resize(np.array(kind[1], np.float32), shape)
    else:
        raise ValueError("unknown kind of values: " + repr(kind))
    return np.asarray(array, np.float32)


def fill(net, fills, seed):
    """Give every parameter its values: those named "layer/0", else "layer", else a normal of scale 0.5."""
    for layer in net.params:
        for i in range(len(net.params[layer])):
            blob = net.params[layer][i]
            name = layer + "/" + str(i)
            kind = fills.get(name) or fills.get(layer) or ["normal", 0.5]
            blob.data[...] = values(kind, blob.data.shape, seed, name)
            blob.diff[...] = 0


def parameters(net, part):
    """Data or diff of every parameter, by "layer/number"."""
    return {
        layer + "/" + str(i): getattr(net.params[layer][i], part).copy()
        for layer in net.params
        for i in range(len(net.params[layer]))
    }


def run_net(caffe, job):
    """Tops, gradients of bottoms and parameters, and the parameters, by name."""
    path = job["name"] + ".prototxt"
    with open(path, "w") as file:
        file.write(job["prototxt"])
    net = caffe.Net(path, caffe.TEST if job["phase"] == "TEST" else caffe.TRAIN)
    fills = job["fills"]
    if job.get("weights"):
        net.copy_from(job["weights"])
    else:
        fill(net, fills, job["seed"])
    for name in job["inputs"]:
        if name in net.params:  # a Parameter layer, whose top becomes its blob in the first forward
            continue
        blob = net.blobs[name]
        blob.data[...] = values(fills.get(name, ["normal", 1.0]), blob.data.shape, job["seed"], name)
    for _ in range(job["forwards"]):
        net.forward()
    results = {"top/" + name: net.blobs[name].data.copy() for name in job["tops"]}
    if job["backward"]:
        if not job["loss"]:
            for name in job["tops"]:
                blob = net.blobs[name]
                blob.diff[...] = values(["normal", 1.0], blob.diff.shape, job["seed"], "diff of " + name)
        net.backward()
        for name in job["gradients"]:
            results["diff/" + name] = net.blobs[name].diff.copy()
        for name, array in parameters(net, "diff").items():
            results["param_diff/" + name] = array
    if job.get("parameters", True):
        for name, array in parameters(net, "data").items():
            results["param/" + name] = array
    if job.get("save"):
        net.save(job["save"])
    return results


def run_solver(caffe, job):
    """Weights after a solver has run: from ``weights``, or ``restore``, or the fills; ``iterations`` or to the end."""
    solver = caffe.get_solver(job["solver"])
    if job.get("restore"):
        solver.restore(job["restore"])
    elif job.get("weights"):
        solver.net.copy_from(job["weights"])
    else:
        fill(solver.net, job.get("fills", {}), 1)
    if job.get("iterations"):
        solver.step(job["iterations"])
    else:
        solver.solve()
    results = {"weights/" + name: array for name, array in parameters(solver.net, "data").items()}
    results["iteration"] = np.array(solver.iter)
    return results


def run_tool(caffe, job):
    """A program of the original, as a user runs it; what it says is the log."""
    done = subprocess.run(job["arguments"], stdout=sys.stderr, stderr=sys.stderr, check=False)
    if done.returncode:
        raise RuntimeError(job["arguments"][0] + " ended with status " + str(done.returncode))
    return {}


def run_probe(caffe, job):
    """A function of probes.py, or of ``module``, which gives arrays by name."""
    return getattr(importlib.import_module(job.get("module", "probes")), job["probe"])(caffe)


KINDS = {"net": run_net, "solver": run_solver, "tool": run_tool, "probe": run_probe}


@contextlib.contextmanager
def standard_error(path):
    """Send file descriptor 2 to ``path``: the original writes there from C++."""
    sys.stderr.flush()
    duplicate = os.dup(2)
    with open(path, "wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(duplicate, 2)
        os.close(duplicate)


def main(folder, engine, module, first="0"):
    folder = os.path.abspath(folder)
    with open(os.path.join(folder, "jobs-" + engine + ".json")) as file:
        jobs = json.load(file)
    sys.path.insert(0, os.path.join(folder, "python"))
    os.environ["PYTHONPATH"] = sys.path[0]  # for the programs that a job starts
    os.chdir(os.path.join(folder, engine))
    with standard_error("import.log"):
        caffe = importlib.import_module(module)
        caffe.set_mode_cpu()
    for number in range(int(first), len(jobs)):
        job = jobs[number]
        print(number, flush=True)
        with standard_error(job["name"] + ".log"):
            try:
                results = KINDS[job["kind"]](caffe, job)
            except Exception:
                with open(job["name"] + ".error", "w") as file:
                    file.write(traceback.format_exc())
                continue
        np.savez("partial.npz", **results)
        os.rename("partial.npz", job["name"] + ".npz")


if __name__ == "__main__":
    main(*sys.argv[1:])
