"""A new avatar from a photo: a bounded multipart upload in, progress as lines of JSON out."""

import json
import logging
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from models.ownership import Ownership, key_hash, new_key
from streaming.config import RoomConfig
from streaming.contract import AvatarRejectedError, Host, Progress

logger = logging.getLogger(__name__)

FORM_OVERHEAD_BYTES: Final = 8192
"""Room for the multipart frame and the name beside the photo."""
NAME_MAX_CHARS: Final = 40


async def body_within(request: Request, limit_bytes: int) -> bytes:
    """Read a body that must not be longer than `limit_bytes`; answers 413 otherwise."""
    return b"".join([chunk async for chunk in _stream_within(request, limit_bytes)])


async def receive_avatar(request: Request, host: Host, config: RoomConfig) -> Response:
    """Start making an avatar from the form fields `name` and `photo`, and `made_by` where somebody says so.

    A photo that is refused at once gets 422; a later refusal is the stream's last line. The lines are
    `{"kind": "progress", "stage", "fraction"}`, then `{"kind": "done", "name", "key"}` or
    `{"kind": "error", "message"}`. The key is told this once: whoever has it may lend the avatar their face.
    """
    title, made_by, photo = await _read_form(request, config)
    key = new_key()
    name = free_name(slug(title), {card.name for card in host.avatars()})
    steps = host.create_avatar(name, photo, Ownership(made_by, key_hash(key)))
    try:
        first = await anext(steps, None)
    except AvatarRejectedError as error:
        raise HTTPException(422, str(error)) from error
    return StreamingResponse(_lines(name, key, first, steps), 201, media_type="application/x-ndjson")


def slug(title: str) -> str:
    """Turn what a person typed into a folder's name. Raises 400 when nothing is left of it."""
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_title).strip("-")[:NAME_MAX_CHARS].strip("-")
    if not name:
        raise HTTPException(400, "The name needs at least one of the letters a-z or a digit.")
    return name


def free_name(name: str, taken: set[str]) -> str:
    """Return `name`, or `name-2`, `name-3`, … when it is taken."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


async def _lines(
    name: str, key: str, first: Progress | None, rest: AsyncIterator[Progress]
) -> AsyncIterator[str]:
    try:
        if first is not None:
            yield _line(kind="progress", stage=first.stage, fraction=first.fraction)
        async for step in rest:
            yield _line(kind="progress", stage=step.stage, fraction=step.fraction)
        yield _line(kind="done", name=name, key=key)
    except AvatarRejectedError as error:
        yield _line(kind="error", message=str(error))
    except Exception:
        logger.exception("an avatar could not be made")
        yield _line(
            kind="error", message="Something broke while making the avatar; the room's log has details."
        )


def _line(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


async def _read_form(request: Request, config: RoomConfig) -> tuple[str, str, bytes]:
    limit = int(config.upload_max_mb * 1e6) + FORM_OVERHEAD_BYTES
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "Send multipart/form-data with the fields name and photo.")
    try:
        parser = MultiPartParser(request.headers, _stream_within(request, limit), max_files=1, max_fields=2)
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise HTTPException(400, "The form could not be read; it has the fields name and photo.") from error
    title, made_by, photo = form.get("name"), form.get("made_by", ""), form.get("photo")
    if not isinstance(title, str) or not isinstance(made_by, str) or not isinstance(photo, UploadFile):
        await form.close()
        raise HTTPException(400, "The form must have a text field name and a file field photo.")
    try:
        return title, " ".join(made_by.split())[:NAME_MAX_CHARS], await photo.read()
    finally:
        await form.close()


async def _stream_within(request: Request, limit_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise HTTPException(413, f"That is too large; at most {limit_bytes / 1e6:.3g} MB are taken.")
        yield chunk
