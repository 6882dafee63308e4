"""Multi-label, multi-task and multi-weight nets for shop photos, on Caffe's own formats.

The rooms, in the order of the way that data goes; a room imports from those above it alone:

- ``base/``: errors, the engine's choice, paths, marks of finished steps
- ``records/``: images and their labels, as tables
- ``paper/``: the paper's methods and published figures
- ``text/``: keywords and labels from texts
- ``photos/``: photos as files, and what tells two of them apart
- ``datasets/``: sources of photos and labels, and the shop that is drawn
- ``prepare/``: cleaning, the split, subsets, statistics
- ``pack/``: image and label LMDBs
- ``gamma/``: the weights of the groups' losses
- ``layers/``: the loss layers that a prototxt names
- ``nets/``: train_val, deploy and solver prototxt
- ``features/``: fc7 of test images
- ``train/``: training of a run
- ``retrieval/``: nearest rows
- ``evaluate/``: mAP@50 and its kin
- ``report/``: tables, figures and pages of the results
- ``query/``: a single photo, labelled or searched
- ``export/``: a trained run as ONNX, with what it takes to use it
- ``study/``: experiments of many runs
- ``serve/``: a page in the browser
- ``settings/``: a run's settings as one YAML file
- ``commands/``: the steps, one module each

This file and ``layers`` are read by Python 2.7 too: the image of the original for GPUs has it.
"""

__version__ = "0.1.0"
