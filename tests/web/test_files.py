"""The files that pages load: open to all, never old, and nothing but them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from world import running

from chatctl_server.api.compression import LEAST_BYTES

WEB = Path(__file__).parents[2] / "chatctl_server" / "web"
SCRIPT = "/static/chatctl.js"
FILES = sorted(f"/{each.relative_to(WEB).as_posix()}" for each in WEB.rglob("*") if each.is_file())


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a server that lets in no page of another site; without a credential."""
    with (
        running(tmp_path_factory.mktemp("server"), CORS_ORIGINS="https://own.example") as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        yield client


def test_each_file_is_served_as_it_is(stranger: httpx.Client) -> None:
    assert SCRIPT in FILES
    types = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
    for path in FILES:
        content = (WEB / path[1:]).read_bytes()
        for accepted, coding in (("gzip", "gzip"), ("br", "br"), ("identity", None)):
            answer = stranger.get(path, headers={"Accept-Encoding": accepted})
            assert (answer.status_code, answer.content) == (200, content), path
            is_small = len(content) < LEAST_BYTES
            assert answer.headers.get("content-encoding") == (None if is_small else coding)
            assert answer.headers["vary"] == "Accept-Encoding"
        named = types.get(Path(path).suffix, "image/svg+xml")
        charset = "" if named == "image/svg+xml" else "; charset=utf-8"
        assert answer.headers["content-type"] == named + charset
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        head = stranger.head(path, headers={"Accept-Encoding": "identity"})
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(content)


def test_what_a_browser_has_is_not_sent_again(stranger: httpx.Client) -> None:
    answer = stranger.get(SCRIPT)
    tag = answer.headers["etag"]
    for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = stranger.get(SCRIPT, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == tag
    other = stranger.get(SCRIPT, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_a_page_of_any_site_may_load_the_scripts(stranger: httpx.Client) -> None:
    foreign = {"Origin": "https://shop.example"}
    answer = stranger.get(SCRIPT, headers=foreign)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    other = stranger.get("/health", headers=foreign)
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/",
        "/static/nothing.js",
        "/static/CHATCTL.js",
        "/static/../../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/..\\..\\app.py",
        "/static/chatctl.js%00",
        "/embed/static/chatctl.js",
        "/embed/../static/../../app.py",
    ],
)
def test_no_path_leads_to_another_file(stranger: httpx.Client, path: str) -> None:
    url = httpx.URL(str(stranger.base_url), raw_path=path.encode())
    answer = stranger.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_a_page_is_under_a_policy(stranger: httpx.Client) -> None:
    for path in FILES:
        policy = stranger.get(path).headers.get("content-security-policy", "")
        assert ("frame-ancestors 'none'" in policy) == path.endswith(".html"), path
