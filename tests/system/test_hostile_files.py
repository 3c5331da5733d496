"""Files that want to be run, opened and embedded in a real browser: nothing of them runs.

The same files as pages of a server that believes what they are run, each of them: so the test would
see it.
"""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser import Browser, chromium
from filing import PNG, Filing, filing
from world import eventually

RUN = "(new Image).src='{home}/ran?{name}'"
SVG = "<svg xmlns='http://www.w3.org/2000/svg'"
# What is in it, and the type of a server that believes the client.
HOSTILE = {
    "page.html": (f"<script>{RUN}</script>", "text/html"),
    "late.html": (f'{" " * 600}<!-- x --><body onload="{RUN}">', "text/html"),
    "script.svg": (f"{SVG}><script>{RUN}</script></svg>", "image/svg+xml"),
    "onload.svg": (f'{SVG} onload="{RUN}"/>', "image/svg+xml"),
    "page.xhtml": (
        f"<html xmlns='http://www.w3.org/1999/xhtml'><script>{RUN}</script></html>",
        "application/xhtml+xml",
    ),
    "both.gif": (f"GIF89a=1;{RUN}", "text/javascript"),
    "both.wav": (f"RIFF/***WAVEfm*/=1;{RUN}", "text/javascript"),
    "tail.png": (f"\x89PNG\r\n\x1a\n<script>{RUN}</script>", "text/html"),
    "plain.js": (RUN, "text/javascript"),
    "plain.css": ("body {{ background: url('{home}/ran?{name}') }}", "text/css"),
}
PAGE = """<!doctype html><body>
<iframe src="{url}"></iframe><iframe sandbox="allow-scripts" src="{url}"></iframe>
<object data="{url}"></object><embed src="{url}"><img src="{url}">
<audio src="{url}"></audio><video src="{url}"></video>
<link rel="stylesheet" href="{url}"><script src="{url}"></script>
<script>
import("{url}").catch(() => 0).then(() => fetch("{url}", {{headers: {headers}}}))
    .then((answer) => answer.blob()).then((blob) => {{
        const shown = new Image();
        shown.onload = shown.onerror = () => {{ document.title = "done"; }};
        shown.src = URL.createObjectURL(blob);
    }});
</script>"""


class Home:
    """Where the pages are that embed files, and where a file that runs calls."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[bytes, str]] = {}
        self.ran: list[str] = []
        home = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, name = self.path.partition("?")
                if path == "/ran":
                    home.ran.append(name)
                body, kind = home.pages.get(path, (b"", "text/plain"))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def content(self, name: str) -> bytes:
        return HOSTILE[name][0].format(home=self.url, name=name).encode("latin-1")

    def embed(self, url: str, headers: str = "{}") -> str:
        """A page that embeds it in every way."""
        path = f"/page{len(self.pages)}"
        self.pages[path] = PAGE.format(url=url, headers=headers).encode(), "text/html"
        return self.url + path


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path) as found:
        found.call("Browser.setDownloadBehavior", behavior="deny")
        yield found


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Filing]:
    with filing(tmp_path) as found:
        yield found


def visit(browser: Browser, address: str) -> None:
    """Opened by itself: shown, or not opened at all, as a download is not."""
    browser.events.clear()
    if "errorText" not in browser.call("Page.navigate", url=address):
        while not browser.told("Page.loadEventFired"):
            browser.call("Runtime.evaluate", expression="0")


def embedded(browser: Browser, address: str) -> None:
    browser.open(address)
    eventually(lambda: browser.value("document.title") == "done")


@pytest.mark.timeout(180)
def test_nothing_runs(home: Home, browser: Browser, office: Filing) -> None:
    authorization = office.anna.headers
    browser.call("Network.setExtraHTTPHeaders", headers=authorization)
    for name in HOSTILE:
        (url,) = office.stored(office.anna, (name, home.content(name)))
        address = office.server.url + url
        visit(browser, address)
        embedded(browser, home.embed(address, str(authorization)))
        answers = [each["response"] for each in browser.told("Network.responseReceived")]
        statuses = {each["status"] for each in answers if each["url"] == address}
        assert statuses & {200, 206}, name  # it was there to be run
    assert home.ran == []


@pytest.mark.timeout(180)
def test_served_as_pages_each_of_them_runs(home: Home, browser: Browser) -> None:
    for name, (_, kind) in HOSTILE.items():
        home.pages[f"/{name}"] = home.content(name), kind
        with contextlib.suppress(AssertionError):
            visit(browser, f"{home.url}/{name}")
        embedded(browser, home.embed(f"{home.url}/{name}"))
        eventually(lambda name=name: name in home.ran)


def test_a_picture_is_shown(home: Home, browser: Browser, office: Filing) -> None:
    """By itself, and as a blob on a page."""
    pixel = (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc"
        b"\xf8\xff\xff?\0\5\xfe\2\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82"
    )
    assert pixel.startswith(PNG[:8])
    (url,) = office.stored(office.anna, ("a.png", pixel))
    browser.call("Network.setExtraHTTPHeaders", headers=office.anna.headers)
    embedded(browser, home.embed(office.server.url + url, str(office.anna.headers)))
    assert browser.value("document.images[0].naturalWidth") == 1
