"""The nets as prototxt: trunk, heads, loss, solver, and the settings they are made from.

- ``trunks.py``: from data to fc7: AlexNet and others
- ``nets.py``: task layers, losses and data layers around a trunk
- ``settings.py``: what a net is made from
- ``solvers.py``: solver.prototxt and its rates
- ``recipes.py``: settings of a variant: method, gamma, net and solver
- ``recipe_files.py``: a variant's files, written into its run's folder
- ``run_paths.py``: paths inside a run's prototxt, from the run's own folder
- ``prototxt_text.py``: protobuf text with comments
"""
