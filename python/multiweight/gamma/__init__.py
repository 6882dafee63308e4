"""Weight schemes: from the groups' proportions to gamma_t.

- ``schemes.py``: one function a scheme, with its constants and source
- ``label_weights.py``: weights of single labels that are present
- ``weights.py``: gamma of a run: by scheme, CSV file or user's function; gamma.csv
- ``user_function.py``: a scheme of the user's: imported, called, its answer checked
"""
