"""A real browser without a window: Chromium, spoken to over its DevTools protocol."""

import base64
import contextlib
import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import programs
from websockets.sync.client import ClientConnection, connect
from world import PATIENCE_SECONDS, eventually

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
    "--no-sandbox",  # root, as in a container, has none; only the test's own pages are shown
)


class Browser:
    """One tab. ``events`` has what the browser told, oldest first."""

    def __init__(self, address: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._address = address
        self._numbers = itertools.count(1)
        self._socket: ClientConnection = connect(
            address,
            compression=None,
            max_size=None,
            ping_interval=None,  # a tab may be left alone for a while
            proxy=None,
            legacy=True,
        )
        for domain in ("Page", "Network", "Log", "Audits", "Runtime", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = self._next()
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return dict(told["result"])

    def _next(self) -> dict[str, Any]:
        told = dict(json.loads(self._socket.recv(timeout=PATIENCE_SECONDS)))
        if "method" in told:
            self.events.append(told)
        return told

    def wear(self, width: int, scheme: str) -> None:
        """A window so wide, on a system that is light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def open(self, address: str) -> None:
        """Returns when all of the page is loaded."""
        self.events.clear()
        self.call("Page.navigate", url=address)
        while not self.told("Page.loadEventFired"):
            self._next()

    @contextlib.contextmanager
    def tab(self) -> Iterator["Browser"]:
        """Another one, of the same profile, in front of this one."""
        made = self.call("Target.createTarget", url="about:blank")["targetId"]
        try:
            address = f"{self._address.rpartition('/')[0]}/{made}"
            with contextlib.closing(Browser(address)) as found:
                yield found
        finally:
            self.call("Target.closeTarget", targetId=made)

    def speak(self, language: str) -> None:
        """As ``en-GB``: what pages are told of whoever looks at them."""
        agent = self.value("navigator.userAgent")
        self.call("Network.setUserAgentOverride", userAgent=agent, acceptLanguage=language)

    def picture(self) -> bytes:
        """A PNG of what is shown."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def told(self, method: str) -> list[dict[str, Any]]:
        return [each["params"] for each in self.events if each["method"] == method]

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression, in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def untouched(self, expression: str) -> Any:
        """Of an expression beside the page's scripts: with its elements, and without whatever it
        has made of JavaScript."""
        frame = self.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = self.call("Page.createIsolatedWorld", frameId=frame, worldName="the test's")
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            contextId=world["executionContextId"],
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def resolved(self, expression: str) -> Any:
        """What the promise is resolved with; in the expression ``await`` is understood."""
        result = self.call(
            "Runtime.evaluate",
            expression=f"(async () => {{ {expression} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def chromium(directory: Path) -> Iterator[Browser]:
    """With a profile of its own, in the directory."""
    profile = directory / "profile"
    process = subprocess.Popen(
        [programs.path(*NAMES), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with contextlib.closing(Browser(_tab(profile / "DevToolsActivePort"))) as browser:
            yield browser
    finally:
        process.terminate()
        process.wait(30)


def _tab(file: Path) -> str:
    """The WebSocket of the first tab; the file says where the browser listens."""
    import httpx

    port = eventually(lambda: file.exists() and file.read_text().split("\n")[0])

    def address() -> str | None:
        tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
        pages = [each["webSocketDebuggerUrl"] for each in tabs if each["type"] == "page"]
        return pages[0] if pages else None

    return str(eventually(address))
