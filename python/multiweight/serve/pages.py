"""The pages as HTML, and the files that they load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from multiweight.base.errors import UserError
from multiweight.paper.methods import METHODS, MORE_COLOURS, title
from multiweight.report import page as report_page
from multiweight.serve import nets, views
from multiweight.serve.site import Site

_HERE = Path(__file__).parent
_STATIC = {path.name: path for path in sorted((_HERE / "static").iterdir())}
_STATIC.update({path.name: path for path in (report_page.STYLE, report_page.SCRIPT)})
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_MENU = (("/", "Photo"), ("/shop", "Shop"), ("/runs", "Runs"), ("/results", "Results"))
_ENVIRONMENT = report_page.table_filters(
    jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(_HERE / "templates"), str(report_page.STYLE.parent)]),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
)


def routes(site: Site) -> list[Route]:
    """The pages' addresses."""
    made = Pages(site)
    return [
        Route("/", made.photo),
        Route("/shop", made.shop),
        Route("/runs", made.runs),
        Route("/results", made.results),
        Route("/figures/{name}.svg", made.figure),
        Route("/static/colours.js", colours),
        Route("/static/{name}", static),
    ]


class Pages:
    """What a person opens."""

    def __init__(self, site: Site):
        self._site = site

    async def photo(self, _: Request) -> Response:
        return await run_in_threadpool(lambda: self._render("photo.html.j2", "/", methods=self._methods()))

    async def shop(self, _: Request) -> Response:
        def made() -> Response:
            catalog = self._site.shop().catalog
            return self._render("shop.html.j2", "/shop", methods=self._methods(), groups=catalog.groups)

        return await run_in_threadpool(made)

    async def runs(self, _: Request) -> Response:
        return self._render("runs.html.j2", "/runs")

    async def results(self, request: Request) -> Response:
        group = request.query_params.get("group", "")

        def made() -> Response:
            facts = views.facts(self._site.dataset, self._site.shop(), group)
            return self._render("results.html.j2", "/results", methods=self._methods(), **facts)

        return await run_in_threadpool(made)

    async def figure(self, request: Request) -> Response:
        """A figure that the report drew."""
        path = views.figure(self._site.dataset, request.path_params["name"])
        return FileResponse(path, media_type="image/svg+xml", headers={"Cache-Control": "no-cache"})

    def _methods(self) -> list[dict[str, str]]:
        return [{"id": variant, "name": title(variant)} for variant in nets.trained(self._site.dataset)]

    def _render(self, template: str, here: str, **facts: Any) -> Response:
        return HTMLResponse(render(template, here=here, dataset=self._site.dataset.name, **facts))


async def static(request: Request) -> Response:
    """A script or style sheet; UserError where there is none of that name."""
    path = _STATIC.get(request.path_params["name"])
    if path is None:
        raise UserError(f"{request.path_params['name']}: no such file of the page")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})


async def colours(_: Request) -> Response:
    """The methods' colours as a script that the others import: those of the figures."""
    fixed = {name: method.colour for name, method in METHODS.items()}
    text = f"export const COLOURS = {json.dumps(fixed)};\nexport const MORE = {json.dumps(MORE_COLOURS)};\n"
    return Response(text, media_type=_TYPES[".js"], headers={"Cache-Control": "no-cache"})


def error(status: int, message: str) -> Response:
    """A page with one message."""
    return HTMLResponse(render("error.html.j2", here="", dataset="", message=message), status_code=status)


def render(template: str, **facts: Any) -> str:
    """A template's text; whatever stands in ``facts`` is shown as text, never as markup."""
    return _ENVIRONMENT.get_template(template).render(menu=_MENU, **facts)
