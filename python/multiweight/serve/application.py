"""The application: its addresses, whom it answers, and what an error becomes: one message, never a traceback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from multiweight.base.errors import UserError
from multiweight.serve import api, pages, uploads
from multiweight.serve.headers import SafeHeaders
from multiweight.serve.site import Busy, Site

#: Names that a browser may ask this server by: any other would be a page elsewhere that points its name here.
LOCAL_NAMES = ("localhost", "127.0.0.1")


def create(site: Site, names: tuple[str, ...] = LOCAL_NAMES) -> ASGIApp:
    """The application for ``site``, which it closes when it ends; ``names`` are those it answers to ("*": any)."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        site.close()

    kinds: list[type[Exception]] = [UserError, uploads.Refused, Busy, HTTPException, Exception]
    application = Starlette(
        routes=[*pages.routes(site), *api.routes(site)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(names))],
        exception_handlers={kind: _told for kind in kinds},
        lifespan=lifespan,
    )
    # Outside of Starlette's own middleware, so that its answer to a defect carries the headers too.
    return SafeHeaders(application)


async def _told(request: Request, error: Exception) -> Response:
    """One message, as JSON to a script and as a page to a person."""
    status, message = _status_and_message(request, error)
    if request.url.path.startswith(("/api/", "/pictures/")):
        return JSONResponse({"error": message}, status_code=status)
    return pages.error(status, message)


def _status_and_message(request: Request, error: Exception) -> tuple[int, str]:
    if isinstance(error, uploads.Refused):
        return error.status, str(error)
    if isinstance(error, UserError):
        return 409, str(error)
    if isinstance(error, Busy):
        return 503, "too many photos wait already: try again in a moment"
    if isinstance(error, HTTPException):
        return error.status_code, f"{request.url.path}: {error.detail}: go to the page Photo, or use the links above"
    return 500, f"an error of the program ({type(error).__name__}): its traceback is in the server's terminal"
