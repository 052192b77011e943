"""Says what this machine has, what it lacks, and how to get it. Changes nothing."""

import ctypes
import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from models import web_tracker
from models.assets import ASSETS, AssetError, asset_path
from models.home import HOME_VARIABLE, home

if TYPE_CHECKING:
    from agent.config import Config

MEMORY_GIB: Final = 3
"""Memory below which a session with speech recognition and a voice may not fit."""

_APT = "on Debian or Ubuntu: sudo apt-get install "
_LIBRARIES: Final = MappingProxyType(
    {
        "libEGL.so.1": "libegl1",
        "libGLESv2.so.2": "libgles2",
        "libGL.so.1": "libgl1",
        "libgthread-2.0.so.0": "libglib2.0-0",
    }
)
"""Shared libraries that MediaPipe and OpenCV load, and the Debian packages that bring them."""

_WITHOUT: Final = MappingProxyType(
    {
        "pose_landmarker": "shoulders of a new avatar are guessed",
        "whisper_tiny_en": "the avatar can be typed to, not spoken to",
        "piper_joe": "the avatar answers in writing only",
        "smollm2": "`--mind local` is not there; any other mind is",
    }
)
"""What is lost without each model file one can do without; those not named here are essential."""


class Status(StrEnum):
    """How a finding weighs."""

    OK = "ok"
    NOTE = "note"
    """Something optional is absent, or worth knowing."""
    MISSING = "missing"
    """visavis cannot do its work without it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    status: Status
    detail: str
    remedy: str = ""
    """What to do about it; empty when there is nothing to do."""


def _judge(name: str, good: bool, detail: str, remedy: str, otherwise: Status = Status.NOTE) -> Finding:
    """Return what was found; the remedy only where it is needed."""
    return Finding(name, Status.OK, detail) if good else Finding(name, otherwise, detail, remedy)


def examine(config: "Config", only: str | None = None) -> Iterator[tuple[str, Finding]]:
    """Look at one area after the other and yield its name with each thing found.

    Args:
        config: Settings whose mind, port and ICE servers are looked at.
        only: One of `AREAS`; all of them when None.

    Raises:
        ValueError: There is no such area.
    """
    if only is not None and only not in AREAS:
        raise ValueError(f"no area {only!r}; there are: {', '.join(AREAS)}")
    for area in AREAS if only is None else (only,):
        for finding in _CHECKS[area](config):
            yield area, finding


def _machine(_: "Config") -> Iterator[Finding]:
    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield _judge(
        "python", supported, platform.python_version(), "use Python 3.11, 3.12 or 3.13", Status.MISSING
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield _judge("cores", cores >= 2, str(cores), "25 frames a second need two cores")
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        yield _judge("memory", gib >= MEMORY_GIB, f"{gib:.1f} GiB", f"{MEMORY_GIB} GiB or more are advised")
    yield _home()


def _home() -> Finding:
    """Tell whether avatars can be kept."""
    folder = home()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    remedy = f"set {HOME_VARIABLE} to a folder that can be written to"
    return _judge("home", writable, str(folder), remedy, Status.MISSING)


def _libraries(_: "Config") -> Iterator[Finding]:
    if sys.platform != "linux":
        return
    for name, package in _LIBRARIES.items():
        try:
            ctypes.CDLL(name)
        except OSError as error:
            yield Finding(name, Status.MISSING, str(error), _APT + package)
        else:
            yield Finding(name, Status.OK, "found")


def _models(_: "Config") -> Iterator[Finding]:
    for name, asset in ASSETS.items():
        try:
            asset_path(name)
        except AssetError as error:
            lost = _WITHOUT.get(name)
            detail = f"{error}" if lost is None else f"absent, so {lost}"
            yield Finding(name, Status.NOTE if lost else Status.MISSING, detail, asset.pip_command)
        else:
            yield Finding(name, Status.OK, f"{asset.package} {asset.version}, {asset.licence}")
    here = web_tracker.installed_tracker() is not None
    detail = f"{web_tracker.PACKAGE} {web_tracker.VERSION}, {web_tracker.LICENCE}"
    lost = "absent, so calls on the page have no camera"
    yield _judge("web_tracker", here, detail if here else lost, web_tracker.COMMAND)


def _voice(_: "Config") -> Iterator[Finding]:
    if find_spec("piper"):
        note = f"piper-tts {version('piper-tts')}; licensed GPL-3.0-or-later, unlike visavis"
        yield Finding("voice", Status.OK, note)
    else:
        remedy = "pip install 'visavis[voice]' (brings piper-tts, licensed GPL-3.0-or-later)"
        yield Finding("voice", Status.NOTE, f"absent, so {_WITHOUT['piper_joe']}", remedy)


def _mind(config: "Config") -> Iterator[Finding]:
    """Look at both kinds; only the one that is chosen is essential."""
    chosen = config.mind.kind
    here = find_spec("xllamacpp") is not None
    detail = f"xllamacpp {version('xllamacpp')}" if here else f"absent, so {_WITHOUT['smollm2']}"
    weight = Status.MISSING if chosen == "local" else Status.NOTE
    yield _judge("local mind", here, detail, "pip install 'visavis[mind]'", weight)
    url = config.mind.openai.base_url
    fine = bool(url) or chosen != "openai"
    detail = url or "no endpoint set"
    yield _judge("remote mind", fine, detail, "set VISAVIS_LLM_BASE_URL, or use --mind URL", Status.MISSING)


def _picture(config: "Config") -> Iterator[Finding]:
    """Tell what will draw: the learned picture's runtime, or the warp alone."""
    from models.video.runtime import RuntimeMissingError, find_runtime

    if config.picture.kind == "warp":
        yield Finding("picture", Status.OK, "the warp alone, as set")
        return
    try:
        name = find_runtime(config.picture.runtime).name
    except RuntimeMissingError as missing:
        yield Finding("picture", Status.NOTE, str(missing), "pip install openvino")
    else:
        yield Finding("picture", Status.OK, f"learned, in {name}, steps: {config.picture.steps}")


def _accelerator(_: "Config") -> Iterator[Finding]:
    if find_spec("torch") is None:
        yield Finding("gpu", Status.OK, "not looked for without torch; everything runs on the CPU")
        return
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_name(0)
        yield Finding("gpu", Status.OK, f"{device} (torch {torch.__version__})")
    else:
        yield Finding("gpu", Status.OK, f"none; everything runs on the CPU (torch {torch.__version__})")


def _room(config: "Config") -> Iterator[Finding]:
    room = config.room
    yield _port(room.host, room.port)
    servers = [url for server in room.ice_servers for url in server.urls]
    relayed = any(url.startswith(("turn:", "turns:")) for url in servers)
    detail = ", ".join(servers) or "no STUN or TURN server: visitors reach this machine directly"
    yield _judge(
        "ice", relayed, detail, "behind a firewall or NAT, name a TURN server under room.ice_servers"
    )


def _port(host: str, port: int) -> Finding:
    """Tell whether the room can listen."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding("port", Status.MISSING, f"{host}:{port}: {error.strerror}", "choose another: --port")
    return Finding("port", Status.OK, f"{host}:{port} is free")


def _tests(_: "Config") -> Iterator[Finding]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("VISAVIS_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    detail = found or "absent, so the browser tests are skipped"
    yield _judge("chromium", found is not None, detail, _APT + "chromium")


_CHECKS: Final[Mapping[str, Callable[["Config"], Iterator[Finding]]]] = MappingProxyType(
    {
        "machine": _machine,
        "libraries": _libraries,
        "models": _models,
        "voice": _voice,
        "mind": _mind,
        "picture": _picture,
        "accelerator": _accelerator,
        "room": _room,
        "tests": _tests,
    }
)

AREAS: Final = tuple(_CHECKS)
"""What can be looked at, in this order."""
