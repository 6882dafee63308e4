"""Both forms of the multi-weight loss on a label LMDB with -1, under whichever engine this interpreter has.

    python unknown_labels.py LABELS_LMDB SIZES GAMMA OUT.npz [MODULE]

SIZES and GAMMA are JSON lists, one entry per group. Writes each form's losses, total and gradient of the weights.
"""

# ruff: noqa: UP031

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile

import numpy as np

IMAGES = 8


def net_text(labels, sizes, gamma, builtin):
    """Scores from an inner product of fixed inputs, so that the gradient of its weights tells the scores' gradients."""
    names = ["g%d" % t for t in range(len(sizes))]
    points = "".join(" slice_point: %d" % sum(sizes[: t + 1]) for t in range(len(sizes) - 1))
    text = (
        'force_backward: false layer { name: "label" type: "Data" top: "label" '
        'data_param { source: "%s" batch_size: %d backend: LMDB } }\n'
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: %d dim: 5 } } }\n'
        'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: %d } }\n'
        % (labels, IMAGES, IMAGES, sum(sizes))
    )
    tops = "".join(' top: "s_%s"' % name for name in names)
    text += 'layer { name: "cut" type: "Slice" bottom: "fc"%s slice_param { axis: 1%s } }\n' % (tops, points)
    if builtin:
        tops = "".join(' top: "l_%s"' % name for name in names)
        text += 'layer { name: "parts" type: "Slice" bottom: "label"%s slice_param { axis: 1%s } }\n' % (tops, points)
        for name, weight in zip(names, gamma):
            text += (
                'layer { name: "loss_%s" type: "SigmoidCrossEntropyLoss" bottom: "s_%s" bottom: "l_%s" top: "loss_%s" '
                "loss_weight: %r loss_param { ignore_label: -1 } }\n" % (name, name, name, name, weight)
            )
        return text
    bottoms = "".join(' bottom: "s_%s"' % name for name in names)
    tops = "".join(' top: "loss_%s"' % name for name in names)
    setting = json.dumps(json.dumps({"groups": names, "gamma": gamma}))
    return text + (
        'layer { name: "loss" type: "Python" %s bottom: "label" top: "loss" %s loss_weight: 1%s python_param { '
        'module: "multiweight.layers.multi_weight_loss" layer: "MultiWeightLossLayer" param_str: %s } }\n'
        % (bottoms, tops, " loss_weight: 0" * len(sizes), setting)
    )


def run(caffe, text, groups):
    handle, path = tempfile.mkstemp(suffix=".prototxt")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    net = caffe.Net(path, caffe.TRAIN)
    os.unlink(path)
    random = np.random.RandomState(3)
    net.blobs["x"].data[...] = random.standard_normal(net.blobs["x"].data.shape)
    net.params["fc"][0].data[...] = random.standard_normal(net.params["fc"][0].data.shape)
    net.params["fc"][0].diff[...] = 0
    net.forward()
    net.backward()
    losses = [float(np.ravel(net.blobs["loss_g%d" % t].data)[0]) for t in range(groups)]
    return losses, net.params["fc"][0].diff.copy(), net.blobs["label"].data.copy()


def main(labels, sizes, gamma, out, module="caffe"):
    caffe = importlib.import_module(module)
    caffe.set_mode_cpu()
    sizes, gamma = json.loads(sizes), json.loads(gamma)
    results = {}
    for form in ("builtin", "python"):
        losses, gradient, labels_read = run(caffe, net_text(labels, sizes, gamma, form == "builtin"), len(sizes))
        results.update({form + "_losses": losses, form + "_gradient": gradient, "labels": labels_read})
    np.savez(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
