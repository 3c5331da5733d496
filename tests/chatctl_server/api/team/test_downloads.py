"""Files are fetched by members alone: whole or in part, as what they are, and never run."""

from collections.abc import Iterator

import pytest
from filing import PNG, Filing, filing

from chatctl_server import errors
from chatctl_server.domain import byte_ranges, stored_files

TEXT = b"0123456789"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filing]:
    with filing(tmp_path_factory.mktemp("filing")) as found:
        yield found


@pytest.fixture(scope="module")
def url(office: Filing) -> str:
    return office.stored(office.anna, ("ten.txt", TEXT))[0]


def test_members_get_it_by_both_paths_and_nobody_else(office: Filing, url: str) -> None:
    for path in (url, f"/api{url}"):
        for member in (office.anna, office.bert):
            answer = office.get(member, path)
            assert (answer.status_code, answer.content) == (200, TEXT)
        assert office.server.http.get(path).status_code == 401
        in_query = office.server.http.get(path, params={"access_token": office.anna.token})
        assert in_query.status_code == 401


def test_a_foreign_file_cannot_be_told_from_one_that_is_not_there(office: Filing, url: str) -> None:
    absent = url.replace(url[9:12], "fff")
    elsewhere = url.replace("/files/0/", "/files/99/")
    bodies = []
    for path in (url, absent, elsewhere):
        answer = office.get(office.eve, path, X_Request_Id="same")
        bodies.append((answer.status_code, answer.text.replace(path, "…")))
        assert answer.json()["code"] == "stored_file_not_found"
    assert len(set(bodies)) == 1
    assert office.get(office.anna, absent, X_Request_Id="same").text == (
        office.get(office.eve, absent, X_Request_Id="same").text
    )


def test_what_is_no_address_of_a_file_is_404(office: Filing, url: str) -> None:
    end = url.rpartition("/")[2]
    for path in (
        "/files/0/2cf/24d/x",
        f"/files/0/../../{end}",
        f"/files/0/2cf%2f24d/aaa/{end}",
        f"/files/00/{url[9:]}",
        f"/files/-1/{url[9:]}",
        url.upper().replace("/FILES", "/files"),
        f"{url}%00",
        f"{url}%0a",
        "/files/0/%ff/aaa/bbb",
        "/files/%2e%2e/chat.db/a/b",
    ):
        assert office.get(office.anna, path).status_code == 404, path


def test_a_path_is_quoted_as_it_was_sent(office: Filing) -> None:
    for path in ("/files/0/2cf%2F24d/aaa/x", "/files/0/%FF/aaa/x", "/files/0%2F1"):
        assert path in office.get(office.anna, path).json()["error"]


RANGES = {
    "bytes=0-3": (206, b"0123", "bytes 0-3/10"),
    "bytes=7-": (206, b"789", "bytes 7-9/10"),
    "bytes=-3": (206, b"789", "bytes 7-9/10"),
    "bytes=-99": (206, TEXT, "bytes 0-9/10"),
    "bytes=9-99": (206, b"9", "bytes 9-9/10"),
    "Bytes=0-0": (206, b"0", "bytes 0-0/10"),
    "bytes= 1-2 ,": (206, b"12", "bytes 1-2/10"),
    "bytes=0-1,3-4": (200, TEXT, None),
    "bytes=0-1,99-": (200, TEXT, None),
    "bytes=5-3": (200, TEXT, None),
    "bytes=x": (200, TEXT, None),
    "bytes=": (200, TEXT, None),
    "bytes=-": (200, TEXT, None),
    "lines=1-2": (200, TEXT, None),
    "bytes=10-": (416, None, "bytes */10"),
    "bytes=-0": (416, None, "bytes */10"),
    "bytes=10-11,12-": (416, None, "bytes */10"),
    f"bytes={'9' * 5000}-": (416, None, "bytes */10"),
    f"bytes=0-{'9' * 5000}": (206, TEXT, "bytes 0-9/10"),
}


@pytest.mark.parametrize("asked", RANGES, ids=lambda each: each[:20])
def test_a_range_of_bytes_is_answered(office: Filing, url: str, asked: str) -> None:
    status, content, told = RANGES[asked]
    answer = office.get(office.anna, url, Range=asked)
    assert (answer.status_code, answer.headers.get("content-range")) == (status, told)
    assert content is None or answer.content == content
    if content is None:
        assert answer.json()["code"] == "range_not_satisfiable"
    else:
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["accept-ranges"] == "bytes"


def test_a_range_of_a_large_file_spans_its_pieces(office: Filing) -> None:
    content = bytes(range(256)) * 8_000
    (large,) = office.stored(office.anna, ("large.bin", content))
    answer = office.get(office.anna, large, Range="bytes=100-2000000")
    assert answer.content == content[100:2_000_001]
    assert office.get(office.anna, large).content == content


def test_what_is_known_is_not_sent_again(office: Filing, url: str) -> None:
    tag = office.get(office.anna, url).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = office.get(office.anna, url, If_None_Match=known)
        assert (answer.status_code, answer.content) == (304, b""), known
        assert answer.headers["etag"] == tag
    assert office.get(office.anna, url, If_None_Match='"other"').content == TEXT
    assert office.get(office.anna, url, If_Range=tag, Range="bytes=0-1").content == b"01"
    for other in ('"other"', f"W/{tag}", "Tue, 01 Dec 2026 06:08:59 GMT"):
        assert office.get(office.anna, url, If_Range=other, Range="bytes=0-1").content == TEXT
    assert office.get(office.eve, url, If_None_Match="*").status_code == 404


def test_head_says_what_get_would(office: Filing, url: str) -> None:
    """A range is of GET alone."""
    for headers in ({}, {"Range": "bytes=0-1"}):
        answer = office.ask(office.anna, "HEAD", url, headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "10"
        assert answer.headers["etag"] == office.get(office.anna, url).headers["etag"]


KINDS = {
    PNG: "image/png",
    b"\xff\xd8\xff\xe0rest": "image/jpeg",
    b"GIF89a/*": "image/gif",
    b"RIFF\0\0\0\0WEBPVP8 ": "image/webp",
    b"\0\0\0\x1cftypavif\0\0\0\0": "image/avif",
    b"ID3\x03rest": "audio/mpeg",
    b"RIFF\0\0\0\0WAVEfmt ": "audio/wav",
    b"OggS\0rest": "audio/ogg",
    b"fLaCrest": "audio/flac",
    b"\0\0\0\x18ftypM4A \0\0\0\0": "audio/mp4",
    b"\0\0\0\x18ftypisom\0\0\0\0": "video/mp4",
    b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm": "video/webm",
}
UNTYPED = (
    b"<html><script>alert(1)</script>",
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"%PDF-1.7",
    b"plain text",
    b" \x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0<html>",
    b"\0\0\0\x18ftyp<html>",
    b"\x1a\x45\xdf\xa3<html>",
    b"GIF8",
    b"a",
)


def test_the_type_is_that_of_the_first_bytes(office: Filing) -> None:
    """Whatever the file is called, and whatever the client says of it."""
    for number, (content, kind) in enumerate(KINDS.items()):
        (found,) = office.stored(office.anna, (f"{number}.html", content))
        headers = office.get(office.anna, found).headers
        assert headers["content-type"] == kind
        assert "content-disposition" not in headers
        _is_never_run(headers)
    for number, content in enumerate(UNTYPED):
        (found,) = office.stored(office.anna, (f"{number}.png", content))
        headers = office.get(office.anna, found).headers
        assert headers["content-type"] == stored_files.UNTYPED, content
        assert headers["content-disposition"] == "attachment"
        _is_never_run(headers)


def _is_never_run(headers: object) -> None:
    assert headers["x-content-type-options"] == "nosniff"  # type: ignore[index]
    assert headers["content-security-policy"] == "sandbox"  # type: ignore[index]
    assert headers["cache-control"] == "private, no-cache"  # type: ignore[index]


def test_a_damaged_file_is_not_sent(office: Filing) -> None:
    (found,) = office.stored(office.anna, ("a.txt", b"will be cut"))
    path = office.directory / found.removeprefix("/files/")
    for damage in (lambda: path.write_bytes(b"will be"), path.unlink):
        damage()
        answer = office.get(office.anna, found)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert str(office.directory) not in answer.text
    office.stored(office.bert, ("again.txt", b"will be cut"))
    assert office.get(office.anna, found).content == b"will be cut"


def test_no_range_is_beyond_the_file() -> None:
    for first in range(12):
        for last in range(first, 12):
            try:
                found = byte_ranges.asked(f"bytes={first}-{last}", 10)
            except errors.RangeNotSatisfiable:
                assert first >= 10
            else:
                assert found == (first, min(last + 1, 10))
