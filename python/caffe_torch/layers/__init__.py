"""Layer types, one module per family; importing this package fills the registry.

What a type means:

- ``convolution.py``: Convolution, Deconvolution
- ``im2col.py``: Im2col
- ``pooling.py``: Pooling
- ``spp.py``: SPP
- ``lrn.py``: LRN
- ``normalization.py``: BatchNorm, MVN
- ``inner_product.py``: InnerProduct, Embed
- ``affine.py``: Bias, Scale
- ``activations.py``: ReLU, Sigmoid, TanH and other functions of one value
- ``arithmetic.py``: Eltwise, Reduction, Power, Exp, Log
- ``dropout.py``: Dropout
- ``softmax.py``: Softmax
- ``structure.py``: Split, Slice, Concat, Reshape, Flatten, Silence
- ``selection.py``: Crop, Tile, BatchReindex, Filter
- ``recurrent.py``: RNN, LSTM, LSTMUnit
- ``losses.py``, ``distance_losses.py``: losses of probabilities, and of distances
- ``scores.py``: Accuracy, ArgMax
- ``python.py``: Python: the user's own
- ``sources/``: data layers
- ``fork/``: types of Caffe's forks

How they are made:

- ``base.py``: what a layer is to a net; the registry
- ``elementwise.py``, ``loss_base.py``: bases of layers in place, and of losses
- ``convolution_geometry.py``: kernel, pad, stride and dilation of a convolution
- ``pooling_window.py``: kernel, pad, stride and rounding of a pooling
- ``fillers.py``: first values of parameters
- ``inline_weights.py``: values of parameters in the net's own text
- ``shapes.py``: axes and counts
- ``fork_settings.py``: settings of forks that no layer here reads: said in the log
- ``tensor_form.py``: the form in tensors of a user's layer
- ``pylayer.py``, ``registration.py``, ``vectors.py``: pycaffe's names for layers of the user's own
- ``fast/``: fast ways to compute the same
"""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, __name__ + "."):
    importlib.import_module(_module.name)
