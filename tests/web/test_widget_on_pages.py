"""The widget on pages that make it hard: hostile ones, strict ones, in frames; by keyboard, in two
languages, on a telephone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium
from payloads import COUNT, PAYLOADS
from scripts import IS_LONG
from shops import NAME, Shop, open_shop
from sites import Site, site
from widget import Widget, script
from world import eventually

STEP = 1 if IS_LONG else 10  # of the payloads: each, or some
# All that a page can do to elements that are not its root.
RESET = """<style>
html * { all: unset !important; display: none !important; position: static !important;
    font-size: 1px !important; color: transparent !important; visibility: hidden !important; }
html :is(div, section, button, ol, li, p, form, textarea, chatctl-widget) {
    opacity: 0 !important; transform: scale(0) !important; pointer-events: none !important; }
</style>"""
BROKEN = """<script>(() => {
    const broken = () => { throw new Error("the page's"); };
    const { getOwnPropertyNames, getOwnPropertyDescriptor, defineProperty } = Object;
    const own = [Array.prototype, String.prototype, Map.prototype, Set.prototype, Date.prototype,
                 Promise.prototype, RegExp.prototype, JSON, Math, Object];
    const all = [];
    for (const it of own) {
        for (const name of getOwnPropertyNames(it)) {
            if (typeof getOwnPropertyDescriptor(it, name).value === "function") {
                all[all.length] = [it, name];
            }
        }
    }
    for (let n = 0; n < all.length; n += 1) {
        if (all[n][1] !== "constructor") all[n][0][all[n][1]] = broken;
    }
    defineProperty(window.Object.prototype, "extra", { value: 1, enumerable: true });
    Array.prototype.extra = 2;
    window.fetch = window.WebSocket = window.FormData = window.Map = broken;
    window.setTimeout = window.setInterval = window.AbortSignal = undefined;
})();</script>"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    """Where nobody has been before."""
    with site() as found:
        yield found


def talk(shop: Shop, widget: Widget, *before: str) -> None:
    """It works, both ways, and can be seen."""
    widget.open().write("hello")
    widget.until_texts(*before, "hello")
    shop.say("good day")
    widget.until_texts(*before, "hello", "good day")
    box = widget.value("root.querySelector('section').getBoundingClientRect().toJSON()")
    assert box["width"] > 300
    assert box["height"] > 300
    style = widget.value(
        "(({color, visibility, fontSize}) => [color, visibility, fontSize])"
        "(getComputedStyle(root.querySelector('li > div')))"
    )
    assert style[1:] == ["visible", "15px"]
    assert style[0] != "rgba(0, 0, 0, 0)"
    middle = f"document.elementFromPoint({box['x'] + 50}, {box['y'] + 100})?.localName"
    assert widget.tab.untouched(middle) == "chatctl-widget"


def complaints(tab: Browser) -> list[str]:
    """But for the page's own icon, which is no affair of the widget's."""
    entries = [each["entry"] for each in tab.told("Log.entryAdded")]
    texts = [f"{each['text']} {each.get('url')}" for each in entries]
    own = [each for each in texts if "favicon" not in each and "Loading the image" not in each]
    return [*own, *map(str, tab.told("Runtime.exceptionThrown"))]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_page_that_resets_and_breaks_everything(
    shop: Shop, browser: Browser, elsewhere: Site, when: str
) -> None:
    line = script(shop.server.url, shop.key)
    parts = [RESET, BROKEN, line] if when == "before" else [line]
    browser.wear(1280, "light")
    browser.open(elsewhere.page("".join(parts)))
    widget = Widget(browser).wait()
    if when == "after":
        browser.value(
            "document.head.append(document.createRange().createContextualFragment("
            f"{json.dumps(RESET + BROKEN)})); 0"
        )
    talk(shop, widget)
    assert browser.value("try { JSON.parse('1') } catch (error) { error.message }") == "the page's"


@pytest.mark.parametrize("types", ["", "require-trusted-types-for 'script'; trusted-types 'none'"])
def test_a_page_under_a_strict_policy(
    shop: Shop, browser: Browser, elsewhere: Site, types: str
) -> None:
    server = shop.server.url
    policy = (
        f"default-src 'none'; script-src {server}; "
        f"connect-src {server} {server.replace('http', 'ws')}; {types}"
    )
    browser.wear(1280, "light")
    page = elsewhere.page(script(server, shop.key), {"Content-Security-Policy": policy})
    browser.open(page)
    widget = Widget(browser).wait()
    talk(shop, widget)
    if not types:  # what is tried under Trusted Types is told
        assert complaints(browser) == []
    assert browser.told("Network.webSocketHandshakeResponseReceived")


def test_a_policy_with_a_nonce(shop: Shop, browser: Browser, elsewhere: Site) -> None:
    policy = "script-src 'nonce-a1b2'; style-src 'none'; object-src 'none'"
    line = script(shop.server.url, shop.key).replace("<script", '<script nonce="a1b2"')
    browser.wear(1280, "light")
    browser.open(elsewhere.page(line, {"Content-Security-Policy": policy}))
    talk(shop, Widget(browser).wait())


@pytest.mark.parametrize("sandbox", ["", 'sandbox="allow-scripts allow-same-origin"'])
def test_in_a_frame(shop: Shop, browser: Browser, elsewhere: Site, sandbox: str) -> None:
    """Where no form may be sent, too."""
    inner = elsewhere.page(script(shop.server.url, shop.key))
    browser.wear(1280, "light")
    style = 'style="width: 800px; height: 800px"'
    browser.open(elsewhere.page(f'<iframe name="inner" src="{inner}" {style} {sandbox}></iframe>'))
    widget = Widget(browser, "frames.inner")
    widget.open().write("hello")
    widget.until_texts("hello")
    shop.say("good day")
    widget.until_texts("hello", "good day")


def test_texts_of_users_are_texts(shop: Shop, browser: Browser, elsewhere: Site) -> None:
    """The same ones set as HTML run, all of them. The long form takes each in each place."""
    some = PAYLOADS[::STEP]
    browser.open(elsewhere.page(COUNT + script(shop.server.url, shop.key)))
    widget = Widget(browser).open()
    widget.write("hello")
    widget.until_texts("hello")
    for payload in PAYLOADS:
        shop.say(payload)
    eventually(lambda: len(widget.texts()) == 1 + len(PAYLOADS))
    assert widget.texts()[1:] == PAYLOADS
    for payload in some:
        widget.write(payload)
    said = 1 + len(PAYLOADS) + len(some)
    eventually(lambda: len(widget.texts()) == said and not widget.texts(".waiting"), seconds=90)
    for payload in some:
        shop.set(name=payload[:100], greeting=payload)
        browser.open(elsewhere.page(COUNT + script(shop.server.url, shop.key)))
        widget.open()
        eventually(lambda: len(widget.texts()) >= 50)
        assert widget.value("root.querySelector('h2').textContent") == payload[:100]
        assert widget.value("root.querySelector('li').textContent") == payload
        assert browser.value("[...all]") == []
    shop.set(name=NAME, greeting="", business_hours=None)


def test_names_of_files_are_texts(
    shop: Shop, browser: Browser, elsewhere: Site, tmp_path: Path
) -> None:
    browser.open(elsewhere.page(COUNT + script(shop.server.url, shop.key)))
    widget = Widget(browser).open()
    names = [each for each in PAYLOADS if "/" not in each and "\0" not in each]
    names = names[:: max(1, STEP // 2)]
    for name in names:
        (tmp_path / name).write_text("a note")
        widget.attach(tmp_path / name)
    eventually(lambda: len(widget.texts()) == len(names) and not widget.texts(".waiting"))
    assert all("<" in each["file"]["name"] for each in shop.messages())
    assert {text.partition(" (")[0] for text in widget.texts()} == {
        each["file"]["name"] for each in shop.messages()
    }
    assert browser.value("[...all]") == []


def test_the_same_texts_as_html_run(browser: Browser, elsewhere: Site) -> None:
    browser.open(elsewhere.page(f"{COUNT}<p></p>"))
    for number, payload in enumerate(PAYLOADS):
        browser.value(f"document.querySelector('p').innerHTML = {json.dumps(payload)}; 0")
        eventually(lambda number=number: browser.value(f"all.has({number})"))


def test_by_keyboard(shop: Shop, browser: Browser, elsewhere: Site) -> None:
    browser.wear(1280, "light")
    browser.speak("en-GB")
    pressed = '<script>addEventListener("keydown", ({ key }) => (window.last = key));</script>'
    browser.open(elsewhere.page(pressed + script(shop.server.url, shop.key)))
    widget = Widget(browser).wait()

    def focused() -> str:
        shown = "root.activeElement"
        return str(widget.value(f"{shown}?.ariaLabel ?? {shown}?.localName"))

    browser.press("Tab", 9)
    assert focused() == "Open chat"
    browser.press("Enter", 13, "\r")
    assert focused() == "Write a message…"
    assert widget.value("root.querySelector('.open').ariaExpanded") == "true"
    browser.call("Input.insertText", text="hello")
    browser.press("Enter", 13, "\r")
    widget.until_texts("hello")
    assert browser.value("window.last") != "h"
    browser.press("Tab", 9)
    assert focused() == "Send"
    browser.press("Escape", 27)
    assert focused() == "Open chat"
    assert widget.value("root.querySelector('section').hidden") is True


def test_what_screen_readers_are_told(shop: Shop, browser: Browser, elsewhere: Site) -> None:
    browser.speak("en-GB")
    browser.open(elsewhere.page(script(shop.server.url, shop.key)))
    widget = Widget(browser).open()
    widget.write("hello")
    widget.until_texts("hello")
    shop.say("good day")
    widget.until_texts("hello", "good day")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    shown = {
        (each["role"]["value"], each.get("name", {}).get("value", ""))
        for each in nodes
        if not each["ignored"]
    }
    name = NAME
    wanted = {
        ("dialog", name), ("log", ""), ("heading", name), ("textbox", "Write a message…"),
        ("button", "Attach files"), ("button", "Send"), ("button", "Close chat"),
        ("StaticText", "You"), ("StaticText", "hello"), ("StaticText", "good day"),
    }  # fmt: skip
    assert wanted - shown == set()


@pytest.mark.parametrize(("language", "wanted"), [("en-GB", "Open chat"), ("zh-CN", "打开聊天")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_can_be_read(
    shop: Shop,
    browser: Browser,
    elsewhere: Site,
    language: str,
    wanted: str,
    scheme: str,
    width: int,
) -> None:
    browser.speak(language)
    browser.wear(width, scheme)
    browser.open(elsewhere.page(script(shop.server.url, shop.key)))
    widget = Widget(browser).wait()
    assert widget.value("root.querySelector('.open').ariaLabel") == wanted
    widget.open().write("a" * 300)
    widget.until_texts("a" * 300)
    assert browser.value("document.documentElement.scrollWidth") <= width
    box = widget.value("root.querySelector('section').getBoundingClientRect().toJSON()")
    assert (box["left"] >= 0, box["right"] <= width) == (True, True)
    assert widget.value("root.querySelector('ol').scrollWidth") <= box["width"]
    ground = widget.value("getComputedStyle(root.querySelector('section')).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 27, 36)")


def test_who_is_asked_for_name_and_email_gives_them_first(
    shop: Shop, browser: Browser, elsewhere: Site
) -> None:
    shop.set(asks=["name", "email"])
    try:
        browser.open(elsewhere.page(script(shop.server.url, shop.key)))
        widget = Widget(browser).open()
        assert widget.value("root.querySelector('textarea')") is None
        assert widget.value("root.activeElement.name") == "name"
        widget.value("root.querySelector('[name=name]').value = 'Bo'")
        widget.value("root.querySelector('[name=email]').value = 'bo@example.org'")
        widget.click(".start")
        widget.write("hello")
        widget.until_texts("hello")
        assert shop.conversations()[0]["customer_name"] == "Bo"
    finally:
        shop.set(asks=[])


def test_a_site_that_is_not_there_shows_nothing(
    shop: Shop, browser: Browser, elsewhere: Site
) -> None:
    browser.open(elsewhere.page(script(shop.server.url, "no-such-key")))
    eventually(lambda: browser.told("Log.entryAdded") or browser.value("0"))
    assert browser.value(
        "!document.querySelector('chatctl-widget')?.shadowRoot.querySelector('*:not(iframe)')"
    )


def test_its_size() -> None:
    import gzip

    body = (Path(__file__).parents[2] / "chatctl_server/web/embed/widget.js").read_bytes()
    assert len(body) <= 20_480
    assert len(gzip.compress(body, mtime=0)) <= 8_192
