"""A run's settings: one YAML file with a section per step, over which flags and make's variables win, value by value.

- ``run_file.py``: the sections, read and checked, and their flags
- ``drawn-shop.yaml``, ``photos.yaml``, ``paper.yaml``: the drawn shop, photos on CPUs, the paper's own size
"""
