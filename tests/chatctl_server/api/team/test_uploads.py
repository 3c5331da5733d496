"""Uploads: what counts as a file, how it is called afterwards, what is left of a refused one."""

import contextlib
import hashlib
import os
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from filing import BOUNDARY, FORM, PNG, Filing, filing, form, part
from hypothesis import given, settings
from hypothesis import strategies as st
from team import Person
from world import eventually

from chatctl_server.api.request_limits import UPLOADS_OF_AN_ACCOUNT
from chatctl_server.domain import stored_files

MOST = 100_000


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filing]:
    with filing(tmp_path_factory.mktemp("filing"), MAX_UPLOAD_BYTES=str(MOST)) as found:
        yield found


def expected(content: bytes, extension: str, workspace: int = 0) -> str:
    digits = hashlib.sha256(content).hexdigest()
    return f"/files/{workspace}/{digits[:3]}/{digits[3:6]}/{digits[6:]}.{extension}"


def test_files_are_named_after_their_content(office: Filing) -> None:
    urls = office.stored(office.anna, ("a.txt", b"hello"), ("photo.PNG", PNG), ("b.txt", b"hello"))
    assert urls == [expected(b"hello", "txt"), expected(PNG, "PNG"), expected(b"hello", "txt")]
    before = office.on_disk()
    assert {(office.directory / each).stat().st_mode & 0o777 for each in before} == {0o600}
    assert office.stored(office.bert, ("again.txt", b"hello")) == urls[:1]
    assert office.on_disk() == before
    assert office.get(office.bert, urls[1]).content == PNG


def test_any_field_is_taken_that_has_a_filename_and_is_not_empty(office: Filing) -> None:
    fields = (
        b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n'
        b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; filename="x.md"\r\n\r\n'
        b"without a field\r\n"
    )
    body = fields + form([("empty.txt", b""), ("", b"unnamed")])
    answer = office.send_body(office.anna, body)
    assert answer.json() == [expected(b"without a field", "md"), expected(b"unnamed", "bin")]


def test_a_form_without_a_file_is_refused(office: Filing) -> None:
    for body in (form([]), form([("empty.txt", b"")])):
        answer = office.send_body(office.anna, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert "has no file" in answer.json()["error"]


HOSTILE_NAMES = {
    "../../../etc/passwd": "bin",
    "..\\..\\windows\\win.ini": "ini",
    "/etc/cron.d/evil": "bin",
    "C:\\boot.ini": "ini",
    "....//....//x.txt": "txt",
    "a.txt/": "bin",
    "a.txt/../../b": "bin",
    "x.t/x": "bin",
    "x.%2e%2e%2f": "bin",
    "%00.png": "png",
    "a.png\0.html": "html",
    "nul\0": "bin",
    ".htaccess": "htaccess",
    ".": "bin",
    "..": "bin",
    "...": "bin",
    "": "bin",
    " ": "bin",
    "a. txt": "bin",
    "a.txt ": "bin",
    "a.tar.gz": "gz",
    "a.php": "php",
    "a.php.jpg": "jpg",
    "a.jpg;.asp": "asp",
    "a.svg": "svg",
    "CON": "bin",
    "aux.txt": "txt",
    "a.tooooooooolong": "bin",
    "a.exactly-10": "exactly-10",
    "a._": "_",
    "a.é": "bin",
    "a.ｔｘｔ": "bin",
    "图片.png": "png",
    "\u202egnp.exe": "exe",
    "a.\u202etxt": "bin",
    "a.t\nxt": "bin",
    "$(touch x).sh": "sh",
    "`id`.sh": "sh",
    "'; DROP TABLE stored_file; --.sql": "sql",
    "<script>alert(1)</script>.html": "html",
    "a" * 3000 + ".txt": "txt",
    "~root.txt": "txt",
    "-rf": "bin",
    "a.*": "bin",
    "a.?": "bin",
    "a.[0-9]": "bin",
}


def test_hostile_names_lead_nowhere(office: Filing, tmp_path: Path) -> None:
    """Of each only an extension is read, and nothing is outside of the directory."""
    around = {each.name for each in office.directory.parent.iterdir()}
    assert len(HOSTILE_NAMES) >= 40
    for number, (name, extension) in enumerate(HOSTILE_NAMES.items()):
        content = b"hostile %d" % number
        if "\n" in name:  # would end the line of the header, and does in an encoded filename, too
            assert stored_files.extension_of(name) == extension
            continue
        assert office.stored(office.anna, (name, content)) == [expected(content, extension)], name
        assert office.get(office.anna, expected(content, extension)).content == content
    assert office.stored(office.anna, (b"\xff\xfe\x80.png", b"bytes")) == [
        expected(b"bytes", "png")
    ]
    assert {each.name for each in office.directory.parent.iterdir()} == around
    assert all(stored_files.of_url(f"/files/{each}") for each in office.on_disk())


def test_of_a_refused_upload_nothing_is_kept(office: Filing) -> None:
    before = office.on_disk()
    small = ("small.txt", b"is small enough")
    answer = office.send(office.anna, small, ("large.bin", b"x" * (MOST + 1)))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "MAX_UPLOAD_BYTES" in answer.json()["error"]
    assert office.get(office.anna, expected(small[1], "txt")).status_code == 404
    assert office.on_disk() == before
    exactly = b"y" * MOST
    assert office.stored(office.anna, ("exactly.bin", exactly)) == [expected(exactly, "bin")]


def test_a_body_larger_than_others_may_be_is_taken_in_files(office: Filing) -> None:
    """MAX_BODY_BYTES, 2 MiB, is not for uploads."""
    files = [(f"{number}.bin", bytes([number]) * MOST) for number in range(30)]
    assert len(set(office.stored(office.anna, *files))) == 30


MALFORMED = {
    "no boundary": (b"x", "multipart/form-data"),
    "another type": (b"{}", "application/json"),
    "no type": (b"x", ""),
    "nothing": (b"", FORM),
    "no part": (b"hello", FORM),
    "no end": (part("a.txt", b"hello"), FORM),
    "cut in a head": (part("a.txt", b"hello")[:60], FORM),
    "no disposition": (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode(), FORM),
    "bare newlines": (part("a.txt", b"hello").replace(b"\r\n", b"\n"), FORM),
    "a huge head": (f"--{BOUNDARY}\r\nX: {'y' * 9000}\r\n\r\n".encode(), FORM),
    "too many parts": (form([("a.txt", b"hello")] * 101), FORM),
    "a wrong length": (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; filename=a\r\nContent-Length: 9\r\n\r\n"
        f"x\r\n--{BOUNDARY}--".encode(),
        FORM,
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_400_and_leaves_nothing(office: Filing, name: str) -> None:
    body, kind = MALFORMED[name]
    before = office.on_disk()
    answer = office.send_body(office.anna, body, Content_Type=kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input"), answer.text
    assert answer.json()["field"] in ("body", "Content-Type")
    assert office.on_disk() == before


@settings(deadline=None, max_examples=100)
@given(
    cuts=st.lists(st.integers(0, 400), max_size=3),
    noise=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=9)), max_size=3),
)
def test_no_body_at_all_is_an_error_of_the_server(
    office: Filing, cuts: list[int], noise: list[tuple[int, bytes]]
) -> None:
    body = bytearray(form([("a.txt", b"hello"), ("b.txt", b"world")]))
    for place, inserted in noise:
        body[place : place + len(inserted)] = inserted
    for cut in cuts:
        del body[cut : cut + 7]
    answer = office.send_body(office.anna, bytes(body))
    assert answer.status_code in (200, 400), answer.text


def test_a_workspace_is_named_by_header_and_home_is_meant_without_it(office: Filing) -> None:
    assert office.stored(office.eve, ("a.txt", b"hers")) == [expected(b"hers", "txt", 1)]
    for number, code in (("0", "workspace_not_found"), ("99", "workspace_not_found")):
        answer = office.send(office.eve, ("a.txt", b"x"), X_Workspace_Id=number)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert office.server.http.post("/api/upload").status_code == 401


def begun(office: Filing, who: Person) -> socket.socket:
    """An upload that is being received, and waits for more."""
    before = len(office.on_disk())
    head = (
        f"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 90000\r\n"
        f"Authorization: Bearer {who.token}\r\n\r\n"
    )
    client = socket.create_connection(("127.0.0.1", office.server.port))
    client.sendall(head.encode() + part("a.txt", b"z" * 50_000)[:40_000])
    eventually(lambda: len(office.on_disk()) > before)
    return client


def test_a_cut_connection_leaves_nothing(office: Filing) -> None:
    before = office.on_disk()
    begun(office, office.anna).close()
    eventually(lambda: office.on_disk() == before)


def test_an_account_has_so_many_uploads_at_once(tmp_path: Path) -> None:
    with filing(tmp_path) as office, contextlib.ExitStack() as clients:
        slow = [
            clients.enter_context(begun(office, office.anna)) for _ in range(UPLOADS_OF_AN_ACCOUNT)
        ]
        refused = office.send(office.anna, ("b.txt", b"one more"))
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert int(refused.headers["retry-after"]) > 0
        office.stored(office.bert, ("c.txt", b"of another"))
        slow[0].close()
        eventually(lambda: office.send(office.anna, ("b.txt", b"one more")).status_code == 200)


def test_a_workspace_is_checked_once_at_a_time(tmp_path: Path) -> None:
    with filing(tmp_path) as office, ThreadPoolExecutor() as threads:
        (url,) = office.stored(office.anna, ("a.txt", b"hello"))
        slow = office.directory / url.removeprefix("/files/")
        slow.unlink()
        os.mkfifo(slow)  # whoever reads it waits for what somebody writes

        def check() -> httpx.Response:
            return office.ask(office.anna, "POST", "/api/fix-files/0")

        first = threads.submit(check)
        with slow.open("wb") as file:  # it is being read
            refused = check()
            file.write(b"hello")
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert int(refused.headers["retry-after"]) > 0
        assert first.result().json()["stats"] == {"scanned": 1, "fixed": 0, "errors": 0}


def test_whoever_has_left_meanwhile_leaves_no_file_there(tmp_path: Path) -> None:
    with filing(tmp_path) as office:
        body = form([("late.txt", b"z" * 50_000)])
        head = (
            f"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {office.bert.token}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", office.server.port), 15) as client:
            client.sendall(head.encode() + body[:40_000])
            eventually(office.on_disk)  # it is being received
            member = f"/api/workspaces/0/members/{office.bert.id}"
            assert office.ask(office.anna, "DELETE", member).status_code == 204
            client.sendall(body[40_000:])
            assert client.recv(4096).startswith(b"HTTP/1.1 404")
        assert office.on_disk() == []


def test_the_bytes_are_counted(office: Filing) -> None:
    before = office.server.figure("chatctl_upload_bytes_total")
    office.stored(office.anna, ("a.txt", b"12345"), ("b.txt", b"678"))
    assert office.server.figure("chatctl_upload_bytes_total") == before + 8


def test_all_files_of_a_workspace_have_a_limit(tmp_path: Path) -> None:
    with filing(tmp_path, WORKSPACE_FILES_BYTES="10") as office:
        office.stored(office.anna, ("a.txt", b"123456"))
        refused = office.send(office.anna, ("b.txt", b"12345"))
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        assert "WORKSPACE_FILES_BYTES" in refused.json()["error"]
        assert office.on_disk() == [expected(b"123456", "txt").removeprefix("/files/")]
        office.stored(office.anna, ("again.txt", b"123456"), ("c.txt", b"1234"))
        assert office.send(office.anna, ("d.txt", b"1")).status_code == 413
        office.stored(office.eve, ("d.txt", b"123456"))  # elsewhere there is room


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with filing(tmp_path) as office:
        assert office.server.process is not None
        pid = office.server.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (300_000, hard))
        refused = office.send(office.anna, ("small", b"x"), ("large", b"x" * 1_000_000))
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert str(tmp_path) not in refused.text
        assert office.on_disk() == []
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        office.stored(office.anna, ("large", b"x" * 1_000_000))


def test_a_slow_upload_has_time_while_it_comes(tmp_path: Path) -> None:
    """Where other bodies have three seconds for the whole."""
    with filing(tmp_path, HANDSHAKE_TIMEOUT_SECONDS="1") as office:
        content = b"s" * 5_000
        body = form([("slow.bin", content)])
        head = (
            f"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {office.anna.token}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", office.server.port), 15) as client:
            client.sendall(head.encode())
            for start in range(0, len(body), 100):
                client.sendall(body[start : start + 100])
                time.sleep(0.1)
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert office.get(office.anna, expected(content, "bin")).content == content
        with socket.create_connection(("127.0.0.1", office.server.port), 15) as client:
            client.sendall(head.encode() + body[:200])
            assert client.recv(100) == b""
        eventually(lambda: len(office.on_disk()) == 1)
