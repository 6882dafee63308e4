#!/usr/bin/env python3
"""Show a dataset's runs in a browser: photos asked about, the shop, training curves, results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base import engine  # noqa: E402
from multiweight.base.errors import UserError, run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the packed dataset, a folder under --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on; any other than this machine's own warns")
    p.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
    p.add_argument("--gpu", default=None, help="number of the GPU, or none (default: a GPU where there is one)")
    p.add_argument("--engine", default=None, choices=engine.CHOICES, help="which Caffe (default: $ENGINE, else auto)")
    return p


def main() -> int:
    args = parser().parse_args()
    try:
        from multiweight.serve import server
        from multiweight.serve.site import Site
    except ImportError as error:
        raise UserError(f"the page needs {error.name}: pip install '.[serve]' (make setup installs it)") from None
    server.run(Site(Dataset(args.dataset, args.runs), args.gpu, args.engine), args.host, args.port)
    return 0


if __name__ == "__main__":
    run_tool(main)
