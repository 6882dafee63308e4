"""The report as one HTML file that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from multiweight.report.table_formats import plain

_FOLDER = Path(__file__).parent / "templates"
#: The style sheet of every page of the project.
STYLE = _FOLDER / "report.css"
#: Its script: tables that a heading sorts, and the gallery.
SCRIPT = _FOLDER / "report.js"


def render(facts: dict[str, Any], figures: list[tuple[Path, str]]) -> str:
    """The page. ``facts`` are the template's texts and tables, ``gallery`` (or None); ``figures`` SVG and caption."""
    environment = table_filters(
        jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(_FOLDER)), undefined=jinja2.StrictUndefined, autoescape=True
        )
    )
    gallery = json.dumps(facts["gallery"], ensure_ascii=False)
    return environment.get_template("report.html.j2").render(
        **facts,
        css=Markup(STYLE.read_text(encoding="utf-8")),
        script=Markup(SCRIPT.read_text(encoding="utf-8")),
        figures=[{"src": _address(path), "caption": caption} for path, caption in figures],
        # Inside a script element only "<" could end it.
        gallery_json=Markup(gallery.replace("<", "\\u003c")),
    )


def table_filters(environment: jinja2.Environment) -> jinja2.Environment:
    """``environment`` with what ``table.html.j2`` needs to show a :class:`tables.Table`."""
    environment.filters["cell_text"] = lambda cell: plain(cell)[0]
    environment.filters["is_bold"] = lambda cell: plain(cell)[1]
    return environment


def _address(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
