"""A real Chromium, headless, with a fake microphone and camera, driven over its DevTools protocol.

async with Chromium(path, microphone_wav=wav) as browser:
    page = await browser.open("http://127.0.0.1:8080/")
    await page.click("#join")
    await page.wait_for("visavis.frames > 25")
    assert page.problems == []
"""

import asyncio
import base64
import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any, Self

import httpx

from benchmarks.browser.devtools import DevTools, DevToolsError

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
)
FAKE_MEDIA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
START_TIMEOUT_S = 60.0
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "Space": (32, " ")}


class Page:
    """One tab."""

    def __init__(self, tools: DevTools) -> None:
        self._tools = tools
        self.problems: list[str] = []
        """Errors and warnings of the console, uncaught exceptions, failed and refused loads."""
        tools.on("Runtime.consoleAPICalled", self._on_console)
        tools.on("Runtime.exceptionThrown", self._on_exception)
        tools.on("Log.entryAdded", self._on_log)

    async def prepare(self) -> None:
        """Switch the events on that `problems` is made of."""
        for domain in ("Page", "Runtime", "Log"):
            await self._tools.send(f"{domain}.enable")

    async def goto(self, url: str) -> None:
        """Load a page and wait for its scripts."""
        loaded = asyncio.Event()
        self._tools.on("Page.loadEventFired", lambda _: loaded.set())
        await self._tools.send("Page.navigate", url=url)
        await asyncio.wait_for(loaded.wait(), START_TIMEOUT_S)

    async def evaluate(self, script: str) -> Any:
        """Return the value of an expression; promises are awaited."""
        result = await self._tools.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in result:
            thrown = result["exceptionDetails"].get("exception", {})
            raise DevToolsError(thrown.get("description") or result["exceptionDetails"]["text"])
        return result["result"].get("value")

    async def wait_for(self, condition: str, timeout_s: float = 20.0) -> None:
        """Evaluate until JavaScript finds the value true."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not await self.evaluate(f"Boolean({condition})"):
            if asyncio.get_running_loop().time() > deadline:
                msg = f"after {timeout_s:g} s still not: {condition}; problems: {self.problems}"
                raise TimeoutError(msg)
            await asyncio.sleep(0.05)

    async def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        await self.press_mouse(selector)
        await self.release_mouse(selector)

    async def press_mouse(self, selector: str) -> None:
        """Put the mouse button down on an element."""
        await self._mouse("mousePressed", selector)

    async def release_mouse(self, selector: str) -> None:
        """Let the mouse button go over an element."""
        await self._mouse("mouseReleased", selector)

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self._tools.send("Input.insertText", text=text)

    async def key_down(self, key: str) -> None:
        """Put a key of `KEYS` down."""
        await self._key("keyDown", key)

    async def key_up(self, key: str) -> None:
        """Let a key of `KEYS` go."""
        await self._key("keyUp", key)

    async def press(self, key: str) -> None:
        """Press and release a key of `KEYS`."""
        await self.key_down(key)
        await self.key_up(key)

    async def set_files(self, selector: str, *files: Path) -> None:
        """Choose files in a file field."""
        root = (await self._tools.send("DOM.getDocument"))["root"]["nodeId"]
        node = await self._tools.send("DOM.querySelector", nodeId=root, selector=selector)
        names = [str(file) for file in files]
        await self._tools.send("DOM.setFileInputFiles", nodeId=node["nodeId"], files=names)

    async def look(
        self, width: int = 1280, height: int = 800, *, dark: bool = False, mobile: bool = False
    ) -> None:
        """Set the window's size, colour scheme, and whether it is a phone."""
        await self._tools.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._tools.send("Emulation.setEmulatedMedia", features=[scheme])

    async def screenshot(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        answer = await self._tools.send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def aclose(self) -> None:
        """Let go of the tab; the browser keeps it."""
        await self._tools.aclose()

    async def _mouse(self, kind: str, selector: str) -> None:
        box = await self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        await self._tools.send(
            "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
        )

    async def _key(self, kind: str, key: str) -> None:
        code, text = KEYS[key]
        named = {"code": key, "key": " " if key == "Space" else key, "windowsVirtualKeyCode": code}
        extra = {"text": text} if text and kind == "keyDown" else {}
        await self._tools.send("Input.dispatchKeyEvent", type=kind, **named, **extra)

    def _on_console(self, event: dict[str, Any]) -> None:
        if event["type"] in ("error", "warning", "assert"):
            words = [str(part.get("value", part.get("description"))) for part in event["args"]]
            self.problems.append(f"console.{event['type']}: {' '.join(words)}")

    def _on_exception(self, event: dict[str, Any]) -> None:
        details = event["exceptionDetails"]
        self.problems.append(f"uncaught: {details.get('exception', {}).get('description', details['text'])}")

    def _on_log(self, event: dict[str, Any]) -> None:
        entry = event["entry"]
        if entry["level"] in ("error", "warning"):
            self.problems.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")


class Chromium:
    """A browser process with an empty profile of its own."""

    def __init__(
        self,
        path: str,
        *,
        microphone_wav: Path | None = None,
        permissions: bool = True,
        flags: tuple[str, ...] = (),
    ) -> None:
        microphone = (f"--use-file-for-fake-audio-capture={microphone_wav}%noloop",) if microphone_wav else ()
        self._command = [path, *FLAGS, *(FAKE_MEDIA if permissions else ()), *microphone, *flags]
        self._cleanup = contextlib.AsyncExitStack()
        self._address = ""

    async def __aenter__(self) -> Self:
        profile = Path(self._cleanup.enter_context(_profile()))
        process = await asyncio.create_subprocess_exec(
            *self._command,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._cleanup.push_async_callback(_stop, process)
        try:
            port = await asyncio.wait_for(_debugging_port(profile), START_TIMEOUT_S)
        except BaseException:
            await self._cleanup.aclose()
            raise
        self._address = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    async def open(self, url: str) -> Page:
        """Open a page in a new tab."""
        async with httpx.AsyncClient(base_url=self._address, trust_env=False) as client:
            target = (await client.put("/json/new?about:blank")).json()
        page = Page(await DevTools.connect(target["webSocketDebuggerUrl"]))
        self._cleanup.push_async_callback(page.aclose)
        await page.prepare()
        await page.look()
        await page.goto(url)
        return page


def _profile() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="visavis-chromium-", ignore_cleanup_errors=True)


async def _debugging_port(profile: Path) -> int:
    """Wait for the file in which Chromium writes the port it chose."""
    file = profile / "DevToolsActivePort"
    while True:
        with contextlib.suppress(FileNotFoundError):
            if lines := (await asyncio.to_thread(file.read_text)).splitlines():
                return int(lines[0])
        await asyncio.sleep(0.05)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()
