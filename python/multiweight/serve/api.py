"""What the pages' scripts ask for: JSON, and the shop's photos as JPEG."""

from __future__ import annotations

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from multiweight.base.errors import UserError
from multiweight.serve import answers, feature_map, nets, pictures, training_state, uploads
from multiweight.serve.site import Site

#: Photos whose bytes are in memory at a time; further uploads wait unread.
UPLOADS_AT_ONCE = 8
#: Photos on one page of the shop.
PAGE = 24


def routes(site: Site) -> list[Route]:
    """The scripts' addresses."""
    api = Api(site)
    return [
        Route("/api/photo", api.photo, methods=["POST"]),
        Route("/api/shop", api.shop),
        Route("/api/shop/{key}", api.shop_photo),
        Route("/api/runs", api.runs),
        Route("/api/map/{method}", api.map),
        Route("/pictures/{side:int}/{key}.jpg", api.picture),
    ]


class Api:
    """Answers about one site."""

    def __init__(self, site: Site):
        self._site = site
        self._uploads = anyio.Semaphore(UPLOADS_AT_ONCE)

    async def photo(self, request: Request) -> Response:
        """Labels and nearest products of the photo that is the request's body, by each method asked for."""
        _same_origin(request)
        shop = await run_in_threadpool(self._site.shop)
        methods = _methods(request, nets.trained(self._site.dataset))
        async with self._uploads:
            data = await uploads.read(request)
            pixels = await run_in_threadpool(uploads.pixels, data)
            by_method = await self._site.ask(lambda known: answers.of_photo(known, shop, methods, pixels))
        return JSONResponse({"groups": list(shop.catalog.names), "methods": by_method})

    async def shop(self, request: Request) -> Response:
        """One page of the shop's photos: of a group or label, with what a method says of them."""
        ask = request.query_params
        shop = await run_in_threadpool(self._site.shop)
        rows = shop.with_label(ask.get("group", ""), ask.get("label", ""))
        start = max(0, _whole(ask.get("start", "0"), "start"))
        chosen = rows[start : start + PAGE]
        entries = [shop.described(row) for row in chosen]
        method, problem = ask.get("method", ""), ""
        if method:
            try:
                photos = await run_in_threadpool(lambda: [self._site.pictures.pixels(shop.keys[row]) for row in chosen])
                predictions = await self._site.ask(lambda known: answers.predicted(known, shop, method, photos))
                entries = [{**entry, "predicted": prediction} for entry, prediction in zip(entries, predictions)]
            except UserError as error:
                problem = str(error)
        return JSONResponse({"total": len(rows), "start": start, "page": PAGE, "photos": entries, "problem": problem})

    async def shop_photo(self, request: Request) -> Response:
        """A photo of the shop: its own labels, what each method says of it, and its nearest products."""
        shop = await run_in_threadpool(self._site.shop)
        row = shop.row(request.path_params["key"])
        methods = _methods(request, nets.trained(self._site.dataset))
        pixels = (await run_in_threadpool(self._site.pictures.pixels, shop.keys[row])).transpose(1, 2, 0)
        product = shop.records[row].product
        by_method = await self._site.ask(lambda known: answers.of_photo(known, shop, methods, pixels, product))
        return JSONResponse({"photo": shop.described(row), "groups": list(shop.catalog.names), "methods": by_method})

    async def runs(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(training_state.all_runs, self._site.dataset))

    async def map(self, request: Request) -> Response:
        """The test images' places on the map of a method's features, with their labels of one group."""
        shop = await run_in_threadpool(self._site.shop)
        method, group = request.path_params["method"], request.query_params.get("group", "")
        names = shop.catalog.group(group).labels
        rows, coordinates = await run_in_threadpool(feature_map.places, self._site.dataset, method)
        if len(rows) and rows[-1] >= len(shop):
            raise UserError(f"{method}: features of other images than the packed ones: extract them again")
        first = {label: n for n, label in enumerate(names)}
        points = []
        for row, (x, y) in zip(rows.tolist(), coordinates.astype(float).round(4).tolist()):
            carried = [first[label] for label in shop.labels(row).get(group, [])]
            points.append([shop.keys[row], x, y, carried[0] if carried else -1])
        return JSONResponse({"labels": list(names), "points": points})

    async def picture(self, request: Request) -> Response:
        """A test image as JPEG."""
        side = request.path_params["side"]
        if side not in pictures.SIDES:
            raise UserError(f"side {side}: expected one of {', '.join(map(str, pictures.SIDES))}")
        shop = await run_in_threadpool(self._site.shop)
        row = shop.row(request.path_params["key"])
        data = await run_in_threadpool(self._site.pictures.jpeg, shop.keys[row], shop.records[row], side)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


def _methods(request: Request, known: list[str]) -> list[str]:
    """The methods asked for, all of the trained ones where none is; UserError where there is none at all."""
    if not known:
        raise UserError("no trained run yet: train one (make train-multilabel), then load the page again")
    asked = request.query_params.getlist("method")
    gone = [name for name in asked if name not in known]
    if gone:
        raise UserError(f"{gone[0]}: no trained run of that name any more: load the page again")
    return asked or known


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{name} {text!r}: expected a whole number") from None


def _same_origin(request: Request) -> None:
    """Refused where another site's page sends the photo: a browser tells the origin of such a request."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise uploads.Refused(403, "photos are taken from this server's own page alone")
