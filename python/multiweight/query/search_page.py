"""A page of photos and the products found for them: one HTML file with its pictures inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import jinja2
from markupsafe import Markup

from multiweight.base import whole_file
from multiweight.base.paths import Dataset
from multiweight.photos import image_source
from multiweight.query.index import Found
from multiweight.records.records import Record, stated
from multiweight.report import gallery, page

_FOLDER = Path(__file__).resolve().parents[1] / "report" / "templates"


def write(
    path: Path,
    caffe: ModuleType,
    dataset: Dataset,
    shown: Sequence[tuple[Path, Sequence[Found]]],
    known: Mapping[str, Record],
) -> None:
    """Write the page; ``shown`` are (photo, results), ``known`` the shop's records by key."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(_FOLDER)), undefined=jinja2.StrictUndefined, autoescape=True
    )
    places = sorted({result.position for _, results in shown for result in results})
    pictures = gallery.thumbnails(caffe, dataset, places)
    photos = [
        {
            "name": photo.name,
            "src": gallery.address(image_source.photo(photo, gallery.SIDE), str(photo)),
            "results": [
                {
                    "src": pictures[result.position],
                    "score": result.score,
                    "product": known[result.key].product,
                    "labels": stated(known[result.key]).replace("|", ", "),
                }
                for result in results
            ],
        }
        for photo, results in shown
    ]
    css = page.STYLE.read_text(encoding="utf-8")
    facts = {"photos": photos, "css": Markup(css), "policy": page.policy(css)}
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write(path, environment.get_template("search.html.j2").render(**facts))
