"""What every room stands on: errors, the choice of the engine, paths, and marks of finished steps.

- ``errors.py``: UserError, and the one place that turns it into a line and an exit status
- ``engine.py``: the original Caffe or caffe_torch, and the device it computes on
- ``paths.py``: where a run's files lie
- ``done.py``: the JSON file that marks a finished step, with its settings
- ``cpu.py``: how many cores there are
- ``progress.py``: progress bars
"""
