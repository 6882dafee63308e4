"""The page of one dataset's runs, in a browser: ``multiweight serve``.

- ``application.py``: the addresses, what every answer carries, and what an error becomes
- ``pages.py``: the pages as HTML, and the files that they load
- ``api.py``: what the pages' scripts ask for, as JSON and JPEG
- ``headers.py``: what every answer says a page may load
- ``server.py``: the page on a port of this machine
- ``site.py``: what all answers share: the shop, its pictures, the nets
- ``shop.py``: the test images, their products and labels
- ``pictures.py``: test images as JPEG
- ``nets.py``: the trained runs' nets, ready for photos
- ``answers.py``: what the methods say of photos: labels and nearest products
- ``uploads.py``: a photo that a browser sends, within limits
- ``training_state.py``: how far each run is, and its curves
- ``views.py``: the results' page: tables, figures, labels
- ``feature_map.py``: fc7 in two dimensions
- ``templates/``, ``static/``: what the browser gets
"""
