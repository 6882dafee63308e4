"""The report as one HTML file that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

import base64
import hashlib
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
    css, script = STYLE.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        **facts,
        policy=policy(css, script),
        css=Markup(css),
        script=Markup(script),
        figures=[{"src": _address(path), "caption": caption} for path, caption in figures],
        # Inside a script element only "<" could end it.
        gallery_json=Markup(gallery.replace("<", "\\u003c")),
    )


def table_filters(environment: jinja2.Environment) -> jinja2.Environment:
    """``environment`` with what ``table.html.j2`` needs to show a :class:`tables.Table`."""
    environment.filters["cell_text"] = lambda cell: plain(cell)[0]
    environment.filters["is_bold"] = lambda cell: plain(cell)[1]
    return environment


def policy(css: str, script: str = "") -> str:
    """The Content-Security-Policy of a page that holds all it shows: this style, this script, pictures inside it."""
    scripts = f"script-src {_hash(script)}; " if script else ""
    return f"default-src 'none'; img-src data:; style-src {_hash(css)}; {scripts}base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _address(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
