"""The loss layers that a prototxt names: here each gamma_t becomes a factor of the gradient (backward).

Python 2.7 to 3.13, NumPy and caffe alone, but for ``tensor_forms.py``, which only caffe_torch imports.

- ``multi_weight_loss.py``: J = sum of gamma_t J_t, Eq. (1) to (5): fixed weights
- ``uncertainty_loss.py``: weights that the solver learns
- ``dwa_loss.py``: weights that follow how fast each loss falls
- ``uw_so_loss.py``: weights by the inverse of each loss
- ``log_sum_loss.py``: the sum of the losses' logarithms
- ``random_weights_loss.py``: weights drawn anew for each pass, a control
- ``objectives.py``: what a label costs: sigmoid cross-entropy, focal, asymmetric, Hill, SPLC
- ``tensor_forms.py``: the same losses in tensors, for GPUs
"""
