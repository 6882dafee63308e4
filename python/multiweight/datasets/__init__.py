"""Sources of records: one module each, registered by its name, and the import that they share.

A source module has NAME, LAYOUT (one line: which files make up its folder), INPUTS (the files that decide the records,
photos aside), ``detect(folder) -> bool`` and ``load(folder, min_products) -> Loaded``. To add one, write the module and
name it in ``importing.SOURCES``.

- ``importing.py``: the registry, and a source's files turned into catalog.yaml and records.csv
- ``loaded.py``: what a source gives
- ``records_folder.py``: any shop's records.csv and catalog.yaml; what the sample shop writes
- ``shop_table.py``: any shop's table of images, products, texts and labels, CSV or JSONL
- ``shop_rows.py``: the rows of that table
- ``fashion_product_images.py``: Kaggle's Fashion Product Images, small or full
- ``label_columns.py``: which of its columns look like no labels
- ``deepfashion.py``, ``deepfashion_fine.py``: DeepFashion, Category and Attribute Prediction
- ``imaterialist.py``: iMaterialist-Fashion 2018
- ``sample_shop/``: the drawn shop
"""
