"""What every room stands on: errors, the choice of the engine, paths, and marks of finished steps.

- ``errors.py``: UserError, and the one place that turns it into a line and an exit status
- ``engine.py``: the original Caffe or caffe_torch, and the device it computes on
- ``paths.py``: where a run's files lie
- ``done.py``: the JSON file that marks a finished step, with its settings
- ``kinds.py``: what the values of those files are
- ``lock.py``: who works in a folder
- ``cpu.py``: how many cores there are
- ``make_variables.py``: make's variables, as flags and in errors
- ``flags.py``: what the steps' flags have in common
- ``processes.py``: a step run in a process of its own
- ``progress.py``: progress bars
- ``text_file.py``, ``yaml_file.py``, ``json_file.py``, ``csv_file.py``: files that people write, strictly read
- ``whole_file.py``: files that appear whole or not at all
- ``hdf5_file.py``: HDF5 files that the steps wrote, read without following them into other files
- ``lmdb_file.py``: LMDBs, read
- ``npz_file.py``: arrays that the steps kept
- ``fonts.py``: fonts that have the glyphs of a figure's texts
- ``markup.py``: a person's text as Markdown, LaTeX, figures and spreadsheets show it literally
"""
