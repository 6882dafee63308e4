"""How layer types become ONNX nodes, one module per family; importing this package fills the registry.

- ``activations.py``: ReLU, Sigmoid and other functions of one value, Dropout, Softmax
- ``arithmetic.py``: Power, Exp, Log, Eltwise, Reduction
- ``convolution.py``: Convolution, Deconvolution, Im2col
- ``forks.py``: layers of Caffe's forks
- ``losses.py``: losses, for nets that score themselves
- ``matrix.py``: InnerProduct, Embed
- ``normalization.py``: LRN, BatchNorm, MVN, Scale, Bias
- ``pooling.py``: Pooling, SPP
- ``recurrent.py``: LSTMUnit, LSTM, RNN
- ``scores.py``: ArgMax, Accuracy
- ``sources.py``: Input, DummyData, Parameter
- ``structure.py``: layers that split, join, rename, pick and repeat
"""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, __name__ + "."):
    importlib.import_module(_module.name)
