"""The pages with code to copy: filled in with the site's key, and what they show works when it is
put into a page of the site."""

from collections.abc import Iterator

import pytest
from browser import Browser, chromium
from payloads import PAYLOADS
from shops import Shop, open_shop
from sites import Site, site
from widget import Widget
from world import eventually

PAGES = ["websocket", "polling"]
CODES = "[...document.querySelectorAll('pre')].map((each) => each.textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        found.speak("en-GB")
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with site() as found:
        yield found


def codes(browser: Browser, shop: Shop, name: str, query: str = "") -> list[str]:
    browser.open(f"{shop.server.url}/static/integration-code-{name}.html{query}")
    eventually(lambda: browser.value("document.querySelector('button')") is not None)
    return list(browser.value(CODES))


def test_the_widgets_line_shows_the_widget(shop: Shop, browser: Browser, elsewhere: Site) -> None:
    line, _ = codes(browser, shop, "websocket", f"?site={shop.key}")
    assert "KEY" not in line
    browser.open(elsewhere.page(line))
    widget = Widget(browser).open()
    widget.write("hello")
    widget.until_texts("hello")


@pytest.mark.parametrize("name", PAGES)
def test_the_code_talks_to_the_desk(
    shop: Shop, browser: Browser, elsewhere: Site, name: str
) -> None:
    code = codes(browser, shop, name, f"?site={shop.key}")[-1]
    before = len(shop.conversations())
    browser.open(elsewhere.page(f"<body>{code}"))
    shown = "[...document.querySelectorAll('p')].map((each) => each.textContent)"
    eventually(lambda: browser.value(shown) == ["Hello"])
    assert len(shop.conversations()) == before + 1
    shop.say("good day")
    eventually(lambda: browser.value(shown) == ["Hello", "good day"])
    assert shop.texts() == ["Hello", "good day"]


@pytest.mark.parametrize("name", PAGES)
def test_what_is_no_key_is_not_put_into_code(shop: Shop, browser: Browser, name: str) -> None:
    plain = codes(browser, shop, name)
    assert browser.value("document.querySelector('.wrong').hidden") is False
    for wrong in (
        '"-alert(1)-"',
        "</script><script>alert(1)</script>",
        "a b",
        PAYLOADS[0],
        "x" * 200,
    ):
        browser.value(f"window.wrong = {wrong!r}")
        query = browser.value("`?site=${encodeURIComponent(wrong)}`")
        assert codes(browser, shop, name, query) == plain
    codes(browser, shop, name, f"?site={shop.key}")
    assert browser.value("document.querySelector('.wrong').hidden") is True


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("language", "title"), [("en-GB", "Integration code"), ("zh-CN", "集成代码")]
)
def test_it_is_read_in_two_languages_at_any_width(
    shop: Shop, browser: Browser, name: str, language: str, title: str
) -> None:
    browser.speak(language)
    for width, scheme in ((360, "dark"), (1280, "light")):
        browser.wear(width, scheme)
        codes(browser, shop, name, f"?site={shop.key}")
        assert browser.value("document.documentElement.lang") == language[:2]
        assert browser.value("document.querySelector('h1').textContent").startswith(title)
        assert len(browser.value("[...document.querySelectorAll('h1')].map(String)")) == 1
        assert browser.value("document.documentElement.scrollWidth") <= width
    assert not browser.told("Audits.issueAdded")
    browser.speak("en-GB")


def test_the_button_selects_what_it_copies(shop: Shop, browser: Browser) -> None:
    line, *_ = codes(browser, shop, "websocket", f"?site={shop.key}")
    browser.value("document.querySelector('button').click()")
    eventually(lambda: browser.value("String(getSelection())").strip() == line.strip())
