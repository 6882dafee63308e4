"""The steps, one module each: its flags, and one call into a lower layer. ``multiweight STEP`` runs it.

A step is ``parser()`` and ``main(argv)``, which returns an exit status; the first line of its docstring is its help.

- ``annotate.py``: labels of photos by a trained net
- ``build_catalog.py``: keywords mined from texts
- ``build_lmdb.py``: image and label LMDBs
- ``clean_dataset.py``: records without duplicates and contradictions
- ``describe_dataset.py``: Table I, proportions, the long tail
- ``evaluate.py``: mAP@50 of each group
- ``export.py``: a trained run as an ONNX model
- ``extract_features.py``: fc7 of the test images
- ``import_dataset.py``: a source's files turned into records
- ``make_prototxt.py``: nets and solvers
- ``make_sample_shop.py``: the drawn shop
- ``make_subset.py``: two groups at a chosen ratio
- ``report.py``: tables, figures and pages of the results
- ``report_study.py``: the report of a study
- ``run_study.py``: the trainings of a study
- ``search.py``: the products nearest to photos
- ``serve.py``: the page in a browser
- ``show_lmdb.py``: a picture of packed photos
- ``split.py``: train and test by product
- ``train.py``: trainings of runs
- ``verify_lmdb.py``: the check of a packed dataset
"""
