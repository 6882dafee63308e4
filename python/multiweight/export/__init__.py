"""A trained run as files that other programs use: an ONNX model, its catalog, a model card, and a script for photos.

- ``exporting.py``: the folder ``export`` of a run
- ``model_card.py``: what the model is, in Markdown
- ``annotate_photo.py``: the script, which is copied beside the model and needs onnxruntime, NumPy and OpenCV alone
"""
