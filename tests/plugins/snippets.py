"""The snippets of docs/integrate.md, as they stand there."""

import re

from tests.house.repository import ROOT


def snippet(section):
    """Return what the first Python block of a section defines."""
    page = (ROOT / "docs/integrate.md").read_text("utf-8")
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    names = {}
    exec(re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1), names)
    return names
