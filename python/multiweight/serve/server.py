"""The page on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import ipaddress
import socket
import sys

import uvicorn

from multiweight.base import make_variables
from multiweight.base.errors import UserError
from multiweight.serve import application
from multiweight.serve.site import Site

#: Connections at a time: further ones are told to come again.
MOST_CONNECTIONS = 500


def run(site: Site, host: str, port: int) -> None:
    """Serve ``site`` at ``host``:``port``; UserError where the port is taken or the address is none of this machine.

    An address other than this machine's own loopback is announced: there is no password, and the photos of the shop
    can be seen by all who reach it.
    """
    listening = bind(host, port)
    port = listening.getsockname()[1]
    names = application.LOCAL_NAMES if is_local(host) else ("*",)
    if not is_local(host):
        print(
            f"warning: {host} is not this machine alone: whoever reaches the port sees the shop's photos and results, "
            "without a password",
            file=sys.stderr,
        )
    shown = "127.0.0.1" if host == "localhost" else host
    print(f"http://{shown}:{port}/  (Ctrl-C ends it)", flush=True)
    config = uvicorn.Config(
        application.create(site, names),
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one."""
    if not 0 <= port <= 65535:
        raise UserError(f"{make_variables.named('PORT', port)}: expected 0 to 65535 (0: any free one)")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UserError(
            f"{host}:{port} cannot be listened on ({error.strerror}): another program may have the port: "
            f"give another by {make_variables.named('PORT')}"
        ) from None
    return listening


def is_local(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
