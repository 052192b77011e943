"""Render one sentence to an mp4 file: `python examples/render_text.py "Good morning." hello.mp4`."""

import asyncio
import sys
from pathlib import Path

from agent.config import load_config
from agent.render import render_text


async def main(text: str, path: Path, picture_size: int = 512) -> None:
    """Have the default avatar say `text`; it is made first when this machine has none."""
    config = load_config("default").model_copy(update={"picture_size": picture_size})
    done = await render_text(config, text, path, seed=1)
    print(f"{done.frames} frames in {done.path}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
