"""A catalog of four groups, of one to five labels, for small nets."""

from multiweight.records.catalog import Catalog

CATALOG = Catalog.from_dict(
    {
        "Colour": ["red", "blue", "green", "black", "white"],
        "Coat": {"kind": "type", "labels": ["parka", "trench"]},
        "Leather": ["yes"],
        "Skirt": {"kind": "type", "labels": ["mini", "maxi", "pencil"]},
    }
)
