import asyncio
import json
import re
from pathlib import Path

from starlette.requests import Request

import multiweight.serve
from multiweight.paper import methods
from multiweight.serve import pages

STATIC = Path(multiweight.serve.__file__).parent / "static"


def test_the_pages_have_the_figures_colours_from_their_one_home():
    request = Request({"type": "http", "method": "GET", "path": "/static/colours.js", "headers": []})
    answer = asyncio.run(pages.colours(request))
    assert answer.headers["content-type"].startswith("text/javascript")
    exported = dict(re.findall(r"^export const (\w+) = (.*);$", answer.body.decode(), re.MULTILINE))
    names = ["mine", "multi_task", "yours"]
    assert json.loads(exported["COLOURS"]).items() <= methods.colours(names).items()
    assert [methods.colours(names)[name] for name in ("mine", "yours")] == json.loads(exported["MORE"])[:2]
    assert 'import { COLOURS, MORE } from "./colours.js";' in (STATIC / "common.js").read_text(encoding="utf-8")
    for path in STATIC.glob("*.js"):
        assert "multi_label" not in path.read_text(encoding="utf-8"), f"{path.name} has a method of its own"
