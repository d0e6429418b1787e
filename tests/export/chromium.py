"""A headless Chromium, driven over its debugging pipe with the standard library."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_LONGEST_WAIT_S: Final = 60


class Tab:
    """One page: what it is told, and what it asked for and complained of."""

    def __init__(self, write_to: int, read_from: int) -> None:
        self._write_to, self._read_from = write_to, read_from
        self._rest, self._session, self._number = b"", "", 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> Any:
        """Send a command and give its result."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write_to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url: str) -> None:
        """Load a page, to its end."""
        self._loaded = False
        self.do("Page.navigate", url=url)
        while not self._loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives; a promise is waited for."""
        result = self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key of the keyboard, down and up."""
        text = {"text": key} if len(key) == 1 else {}
        modifiers = 8 if shift else 0
        code = {" ": "Space"}.get(key, key)
        self.do(
            "Input.dispatchKeyEvent",
            type="keyDown",
            key=key,
            code=code,
            modifiers=modifiers,
            **text,
        )
        self.do("Input.dispatchKeyEvent", type="keyUp", key=key, code=code, modifiers=modifiers)

    def click(self, name: str) -> None:
        """The left button of the mouse on the middle of an element."""
        box = self.value(f"document.getElementById('{name}').getBoundingClientRect().toJSON()")
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """The window's size; narrow as a phone's, too."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        printed = self.do("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(printed["data"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read_from], [], [], _LONGEST_WAIT_S)
            assert ready, "Chromium does not answer."
            piece = os.read(self._read_from, 1 << 20)
            assert piece, "Chromium has ended."
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        self._note(found.get("method", ""), found.get("params", {}))
        return found

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning"}:
            self.complaints.append(str(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(told["entry"]["text"])


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """A tab of a browser of its own; the test skips where none is installed."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("No Chromium is installed here; the page is not tried in a browser.")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # Far from 3 and 4, onto which they are copied for the browser.
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 20) for number in (theirs_in, theirs_out)]
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    copied = [(os.POSIX_SPAWN_DUP2, high[0], 3), (os.POSIX_SPAWN_DUP2, high[1], 4)]
    arguments = [program, *_OPTIONS, f"--user-data-dir={profile}"]
    process = os.posix_spawn(program, arguments, os.environ, file_actions=[*null, *copied])
    for number in (theirs_in, theirs_out, *high):
        os.close(number)
    try:
        yield Tab(ours_out, ours_in)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
