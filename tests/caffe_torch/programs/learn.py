"""Train with Python layers, one of them with parameters, by each solver. python learn.py OUT.npz"""

import json
import sys

import caffe
import numpy as np


class Numbers(caffe.Layer):
    """Data: the same pseudo-random batches in every run; ``rewind`` is called from outside through net.layers."""

    def setup(self, bottom, top):
        self.settings = json.loads(self.param_str)
        self.rewind(self.settings["seed"] + self.phase)

    def rewind(self, seed):
        self.random = np.random.RandomState(seed)

    def reshape(self, bottom, top):
        top[0].reshape(self.settings["batch"], 6)
        top[1].reshape(self.settings["batch"], 3)

    def forward(self, bottom, top):
        top[0].data[...] = self.random.standard_normal(top[0].data.shape)
        top[1].data[...] = np.tanh(top[0].data[:, ::2] - top[0].data[:, 1::2])

    def backward(self, top, propagate_down, bottom):
        pass


class Stretch(caffe.Layer):
    """y = a * x + b, a and b learnt, a with the prototxt's own lr_mult."""

    def setup(self, bottom, top):
        self.blobs.add_blob(bottom[0].channels)
        self.blobs.add_blob(bottom[0].channels)
        self.blobs[0].data[...] = 1

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.blobs[0].data * bottom[0].data + self.blobs[1].data

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += (top[0].diff * bottom[0].data).sum(0)
        self.blobs[1].diff[...] += top[0].diff.sum(0)
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self.blobs[0].data


class Distance(caffe.Layer):
    """Half the mean squared distance, times its loss weight."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("two bottoms are needed")

    def reshape(self, bottom, top):
        self.difference = np.zeros_like(bottom[0].data)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.difference[...] = bottom[0].data - bottom[1].data
        top[0].data[...] = np.sum(self.difference**2) / bottom[0].num / 2.0

    def backward(self, top, propagate_down, bottom):
        for i, sign in enumerate((1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = sign * top[0].diff[0] * self.difference / bottom[0].num


NET = """
layer { name: "numbers" type: "Python" top: "data" top: "target"
        python_param { module: "learn" layer: "Numbers" param_str: '{"seed": 3, "batch": 8}' } }
layer { name: "fc1" type: "InnerProduct" bottom: "data" top: "fc1"
        inner_product_param { num_output: 5 weight_filler { type: "constant" value: 0.1 } } }
layer { name: "tanh" type: "TanH" bottom: "fc1" top: "fc1" }
layer { name: "stretch" type: "Python" bottom: "fc1" top: "stretch"
        param { lr_mult: 3 decay_mult: 0 } param { lr_mult: 2 }
        python_param { module: "learn" layer: "Stretch" } }
layer { name: "fc2" type: "InnerProduct" bottom: "stretch" top: "fc2"
        inner_product_param { num_output: 3 bias_filler { type: "constant" value: 0.2 } } }
layer { name: "loss" type: "Python" bottom: "fc2" bottom: "target" top: "loss" loss_weight: 0.5
        python_param { module: "learn" layer: "Distance" } }
"""
SOLVER = """
net: "learn.prototxt" base_lr: 0.02 lr_policy: "step" stepsize: 4 gamma: 0.5 weight_decay: 0.001 display: 0
test_iter: 2 test_interval: 5 snapshot_prefix: "learn_%s" type: "%s" random_seed: 1 max_iter: 20 %s
"""


def train(name, results):
    momentum = "" if name in ("AdaGrad", "RMSProp") else "momentum: 0.9 "
    decay = "rms_decay: 0.95" if name == "RMSProp" else "momentum2: 0.999" if name == "Adam" else ""
    with open("solver.prototxt", "w") as f:
        f.write(SOLVER % (name, name, momentum + decay))
    solver = getattr(caffe, name + "Solver")("solver.prototxt")
    # Hidden units differ from the start.
    solver.net.params["fc1"][0].data[...] = np.random.RandomState(5).standard_normal((5, 6)) * 0.3
    solver.net.params["fc2"][0].data[...] = np.random.RandomState(6).standard_normal((3, 5)) * 0.3
    calls = []
    solver.add_callback(lambda: calls.append("start"), lambda: calls.append("ready"))
    solver.net.layers[0].rewind(11)
    losses = []
    for i in range(6):
        solver.step(1)
        losses.append(float(solver.net.blobs["loss"].data[0]))
        assert solver.iter == i + 1
    assert calls == ["start", "ready"] * 6
    solver.snapshot()
    # From the snapshot on, another solver goes the same way.
    second = caffe.get_solver("solver.prototxt")
    second.restore("learn_%s_iter_6.solverstate" % name)
    for each in (solver, second):
        each.net.layers[0].rewind(12)
        each.step(3)
    assert second.iter == 9
    for layer in ("fc1", "stretch", "fc2"):
        for i in range(2):
            ours, theirs = solver.net.params[layer][i].data, second.net.params[layer][i].data
            assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-7), (name, layer, i)
            results["%s/%s/%d" % (name, layer, i)] = ours.copy()
    results[name + "/losses"] = np.array(losses)
    # By hand: forward, backward, update.
    solver.net.layers[0].rewind(13)
    solver.net.clear_param_diffs()
    solver.net.forward()
    solver.net.backward()
    solver.apply_update()
    results[name + "/by_hand"] = solver.net.params["fc2"][0].data.copy()
    test = solver.test_nets[0]
    test.share_with(solver.net)
    test.layers[0].rewind(14)
    results[name + "/test"] = np.array(test.forward()["loss"])
    if name == "SGD":
        results["lr"] = np.array(solver.lr)
        results["param"] = np.array([solver.param.base_lr, solver.param.max_iter])


def main(out):
    with open("learn.prototxt", "w") as f:
        f.write(NET)
    caffe.set_mode_cpu()
    results = {}
    for name in ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"):
        train(name, results)
    np.savez(out, **results)


if __name__ == "__main__":
    sys.modules["learn"] = sys.modules["__main__"]
    main(sys.argv[1])
