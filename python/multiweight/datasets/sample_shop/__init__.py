"""A shop of drawn garments, for the demo and for studies with known noise.

- ``shop.py``: products, photos, texts and labels, written as a dataset's folder
- ``catalog.py``: what the shop sells
- ``garments.py``: how each type is drawn
- ``shapes.py``: outlines that garments are made of
- ``photos.py``: a drawing photographed: light, noise, background
"""
