"""Show a dataset's runs in a browser: photos asked about, the shop, training curves, results."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the packed dataset")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on; any other than this machine's own warns")
    p.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
    flags.gpu(p)
    flags.engine(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        from multiweight.serve import server
        from multiweight.serve.site import Site
    except ImportError as error:
        raise UserError(
            f"the page needs {error.name}: pip install 'multiweight[serve]' (make setup installs it)"
        ) from None
    server.run(Site(Dataset(args.dataset, args.runs), args.gpu, args.engine), args.host, args.port)
    return 0
