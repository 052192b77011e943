"""Code blocks of the documentation, and the Python of docs/integrate.md as it stands there."""

import re

from tests.house.repository import ROOT

PAGE = ROOT / "docs/integrate.md"
ADDRESS = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    return [body for language, body in BLOCK.findall(page.read_text("utf-8")) if language in languages]


def snippet(name, room_url=None):
    """Return what a snippet defines; `room_url` is where it will look for a room."""
    (body,) = [body for body in blocks(PAGE, "python") if body.startswith(f"# {name}")]
    assert room_url is None or ADDRESS in body
    if room_url is not None:
        body = body.replace(ADDRESS, room_url.rstrip("/"))
    defined = {"__name__": name}
    exec(compile(body, f"{PAGE.name}:{name}", "exec"), defined)
    return defined
