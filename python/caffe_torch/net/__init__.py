"""The graph: layers joined by blobs, forward and backward.

- ``node.py``: Node: a layer in its place
- ``graph.py``: Graph: nodes joined by blobs, and how they run
- ``siblings.py``: InnerProducts of one blob, computed as one on a device
- ``building.py``: a NetParameter made into a graph
- ``net.py``: Net
- ``api.py``: pycaffe's methods of a net
- ``phase_rules.py``: which layers a phase, level and stages include
- ``params.py``: parameters, shared by name
- ``weights.py``: weights copied from files and saved
- ``description.py``: the net told in the log
- ``device_limits.py``: memory, kernels and float64 that a device lacks
- ``refusals.py``: what goes wrong inside a layer, with the layer's name
- ``debug.py``: debug_info
- ``nonfinite.py``: where a value stopped being finite
"""
