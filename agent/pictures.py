"""The portraits of a host: listed, loaded, kept while they are in use, and made."""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from agent.mailbox import Mailbox
from agent.picture import PictureOf
from models.ownership import NOBODYS, Ownership
from models.picture import PictureStage
from streaming.contract import AvatarCard, AvatarRejectedError, Progress

_log = logging.getLogger(__name__)

KEPT: Final = 4
"""Loaded portraits that are kept; each holds some tens of megabytes."""
STEPS_LIMIT: Final = 64
"""Steps of progress that may wait; making an avatar has far fewer."""


class Portraits:
    """All avatars under one folder.

    Args:
        root: folder that holds one folder for each avatar.
        size: side of the pictures in pixels.
        picture_of: loads one avatar.
    """

    def __init__(self, root: Path, size: int, picture_of: PictureOf) -> None:
        self._root = root
        self._size = size
        self._picture_of = picture_of
        self._kept: OrderedDict[str, PictureStage[Any]] = OrderedDict()
        self._loading = asyncio.Lock()
        self._making = asyncio.Lock()

    def cards(self, first: str) -> list[AvatarCard]:
        """Return every avatar's card, the one called `first` first."""
        from models.avatar import CARD, POSTER, list_avatars

        cards = []
        for name in sorted(list_avatars(self._root), key=lambda name: (name != first, name)):
            card = json.loads((self._root / name / CARD).read_text(encoding="utf-8"))
            owned = Ownership.of(card)
            poster = str(self._root / name / POSTER)
            cards.append(AvatarCard(name, str(card["title"]), poster, owned.made_by, owned.is_open))
        return cards

    def may_drive(self, name: str, key: str) -> bool:
        """Tell whether who has this key may lend the avatar their face. Raises `KeyError`."""
        from models.avatar import read_ownership

        return read_ownership(self._root / name).lets(key)

    async def picture(self, name: str) -> PictureStage[Any]:
        """Return the avatar's picture stage; stages hold no state, so all its visits share one.

        Raises:
            KeyError: when there is no such avatar.
        """
        async with self._loading:
            if name not in self._kept:
                self._kept[name] = await asyncio.to_thread(self._picture_of, self._root / name, self._size)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(name)
            return self._kept[name]

    async def make_default(self, progress: Callable[[str, float], None]) -> str:
        """Make the default avatar when it is missing; returns its name."""
        from models.portrait.create import default_avatar

        return (await asyncio.to_thread(default_avatar, self._root, progress=progress)).name

    async def make(
        self, name: str, photo: bytes, ownership: Ownership = NOBODYS
    ) -> AsyncGenerator[Progress, None]:
        """Make an avatar in a thread, one at a time, and yield how far it is.

        Raises:
            AvatarRejectedError: when the photo cannot become one.
        """
        from models.portrait.create import create_avatar
        from models.portrait.errors import PortraitError

        loop = asyncio.get_running_loop()
        steps: Mailbox[Progress] = Mailbox(STEPS_LIMIT)

        def report(stage: str, fraction: float) -> None:
            loop.call_soon_threadsafe(steps.put, Progress(stage, fraction))

        if self._making.locked():
            yield Progress("Waiting for another avatar to be finished", 0.0)
        async with self._making:
            title = name.replace("-", " ").replace("_", " ").title()
            making = partial(
                create_avatar, photo, name, self._root, title=title, ownership=ownership, progress=report
            )
            work = asyncio.ensure_future(asyncio.to_thread(making))
            work.add_done_callback(lambda _: steps.close())
            try:
                async for step in steps:
                    yield step
                await work
            except PortraitError as error:
                raise AvatarRejectedError(str(error)) from error
            finally:
                await asyncio.wait([work])
                self._kept.pop(name, None)
