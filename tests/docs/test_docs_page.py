"""The page at /docs: complete, plain HTML of this server's own, under a policy without exceptions;
and in a real browser at the widths of a phone and of a desk, light and dark."""

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import declared
import httpx
import pytest
from browser import Browser, chromium
from world import Server

from chatctl_server.api.openapi import page, page_words, problem_words, prose
from chatctl_server.api.openapi.html import Html, element, line, together
from chatctl_server.api.openapi.languages import preferred

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
FILES = ["/docs", "/docs/style.css", "/docs/icon.svg", "/schema", "/schema/openapi.json"]
OPERATIONS = {
    operation["operationId"]: (path, method.upper(), operation)
    for path, methods in declared.description()["paths"].items()
    for method, operation in methods.items()
}
VOID = {"meta", "link", "wbr"}


class Page(HTMLParser):
    """What a page consists of. Fails on what is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def values(self, attribute: str) -> list[str]:
        return [found for _, each in self.elements if (found := each.get(attribute))]


@pytest.fixture(scope="module")
def stranger(shared_server: Server) -> Iterator[httpx.Client]:
    """Without a key."""
    with httpx.Client(base_url=shared_server.url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module", params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shown(stranger: httpx.Client, language: str) -> Page:
    return Page(stranger.get("/docs", params={"lang": language}).text)


def test_it_is_open_to_all_and_closed_to_what_is_not_its_own(stranger: httpx.Client) -> None:
    for path in FILES:
        answer = stranger.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["referrer-policy"] == "no-referrer", path
    for path in ("/docs/nothing", "/schema/nothing", "/schema/openapi.yaml"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_the_language_is_the_named_one_else_the_browsers() -> None:
    for accepted in ("", "de, en;q=0.5, zh;q=0.4", "zh;q=0", "zh;q=many", "fr"):
        assert preferred(None, accepted) == "en", accepted
    for accepted in ("zh-CN,zh;q=0.9,en;q=0.8", "en;q=0.1, zh-TW;q=0.2"):
        assert preferred(None, accepted) == "zh", accepted
    assert [preferred(*each) for each in (("zh", "en"), ("en", "zh"), ("tlh", "zh"))] == [
        "zh", "en", "zh"
    ]  # fmt: skip


def test_the_language_is_said(stranger: httpx.Client) -> None:
    answer = stranger.get("/docs", headers={"Accept-Language": "zh-CN"})
    assert answer.headers["content-language"] == "zh"
    assert "Accept-Language" in answer.headers["vary"]
    elements = Page(answer.text).elements
    assert ("html", {"lang": "zh-Hans"}) in elements
    assert ("p", {"class": "summary", "lang": "en"}) in elements


def test_both_languages_have_all_words() -> None:
    assert problem_words.ENGLISH.keys() == problem_words.CHINESE.keys()
    for words in page_words.WORDS.values():
        assert words.tags.keys() == prose.TAGS.keys()
    refused = declared.description()["components"]["examples"].keys()
    assert problem_words.ENGLISH.keys() >= refused


def test_nothing_is_inline_or_foreign(shown: Page) -> None:
    assert not {tag for tag, _ in shown.elements} & {"script", "style", "iframe", "img", "form"}
    names = {name for _, attributes in shown.elements for name in attributes}
    assert not [name for name in names if name == "style" or name.startswith("on")]
    links = [*shown.values("href"), *shown.values("src")]
    own = re.compile(r"#[\w-]+|\?lang=(en|zh)|/schema|/docs/(style\.css|icon\.svg)")
    assert [link for link in links if not own.fullmatch(link)] == []


def test_each_link_leads_to_something_on_the_page(shown: Page) -> None:
    ids = shown.values("id")
    assert len(ids) == len(set(ids))
    anchors = {link[1:] for link in shown.values("href") if link.startswith("#")}
    assert anchors <= set(ids)
    assert anchors >= OPERATIONS.keys()


def test_examples_ask_the_server_that_was_asked(stranger: httpx.Client) -> None:
    named = {"Host": "chat.example.com"}
    for headers, address in (
        (named, "http://chat.example.com/"),
        ({**named, "X-Forwarded-Proto": "https"}, "https://chat.example.com/"),
        ({"Host": "[::1]:3000"}, "http://[::1]:3000/"),
    ):
        answer = stranger.get("/docs?lang=en", headers=headers)
        assert f"curl {address}management/health" in html.unescape(answer.text)
        assert "Host" in answer.headers["vary"]


def test_an_operation_is_shown_whole(shown: Page, stranger: httpx.Client, language: str) -> None:
    for name, (path, method, operation) in OPERATIONS.items():
        begin = f"{method} {path}{plain(operation['summary'])}"
        article = next(each for each in shown.texts["article"] if each.startswith(begin))
        texts = [page.curl(path, method, operation, str(stranger.base_url).rstrip("/"))]
        for parameter in operation.get("parameters", ()):
            texts += [parameter["name"], plain(parameter["description"])]
        for status, code in declared.codes(operation):
            words = problem_words.WORDS[language][code]  # type: ignore[index]
            texts += [f"{status} {code}", *map(plain, words)]
        assert [text for text in texts if text not in article] == [], name
        security = operation.get("security", ())
        assert ("X-Api-Key" in article) == ({"ApiKey": []} in security), name
        assert ("Authorization: Bearer …" in article) == ({"AccessToken": []} in security), name


def plain(text: str) -> str:
    return text.replace("`", "")


def test_text_is_escaped() -> None:
    evil = "<script>\"'&"
    for made in (element("p", evil), element("p", title=evil), together(evil), line(f"`{evil}`")):
        assert isinstance(made, Html)
        assert "<script" not in made
        assert html.escape(evil) in made
    assert element("p", element("b", "x")) == "<p><b>x</b></p>"
    assert element("p", "".join([element("b", "x")])) == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


# In a browser


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


BRIGHTNESS = """
(() => {
  const parts = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(each => each / 255).map(
      each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = each => {
    while (each) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
      each = each.parentElement;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const each of document.querySelectorAll("main *, nav *, header *")) {
    const own = [...each.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own) continue;
    const [a, b] = [light(getComputedStyle(each).color), light(behind(each))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push([each.className || each.tagName, contrast]);
  }
  return faint.slice(0, 5);
})()
"""


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(360, "dark", "zh"), (1200, "light", "en")]
)
def test_a_browser_shows_it_without_complaint(
    shared_server: Server, tab: Browser, width: int, scheme: str, language: str
) -> None:
    tab.wear(width, scheme)
    tab.open(f"{shared_server.url}/docs?lang={language}")
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value("getComputedStyle(document.body).maxWidth") != "none"  # the style is there
    assert tab.value(BRIGHTNESS) == []
    assert complaints(tab) == []
    asked = [each["request"]["url"] for each in tab.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith(shared_server.url)] == []


def complaints(tab: Browser) -> list[Any]:
    """Of the policy, of the network, of the page."""
    return [
        *tab.told("Audits.issueAdded"),
        *tab.told("Log.entryAdded"),
        *tab.told("Runtime.exceptionThrown"),
        *tab.told("Network.loadingFailed"),
    ]


def test_the_policy_is_enforced(shared_server: Server, tab: Browser) -> None:
    """What the page does not do would not be done: the test above can see it."""
    tab.open(f"{shared_server.url}/docs")
    tab.value("document.body.setAttribute('style', 'color: red')")
    tab.value("document.head.append(Object.assign(document.createElement('script'), {text: '1'}))")
    assert tab.value("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert complaints(tab)


def test_it_is_used_by_keyboard(shared_server: Server, tab: Browser) -> None:
    tab.wear(1200, "light")
    tab.open(f"{shared_server.url}/docs?lang=en")
    tab.press("Tab", 9)
    assert tab.value("document.activeElement.className") == "skip"
    assert tab.value("document.activeElement.getBoundingClientRect().left") >= 0
    tab.value("document.querySelector('details summary').focus()")
    tab.press("Enter", 13, "\r")
    assert tab.value("document.querySelector('details').open") is True
