"""``export``: what was said, as NDJSON or as CSV."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import SECOND, Offline
from same_process import Here
from world import KEY, Server, running

from chatctl.show.visible import exact
from chatctl_server.actions import conversations, messages

T = 1_700_000_000
TEXTS = [
    "plain",
    'with "quotes", and commas',
    "two\nlines",
    "a \x1b[31mred\x1b[0m bell\x07",
    "=1+1",
    "好",
]
USAGE, NOT_FOUND, CONFLICT = 2, 3, 5


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In ``told`` each text, a second apart; in ``closed`` two messages, one of them deleted."""
    directory: Path = tmp_path_factory.mktemp("told")
    desk = Offline(directory / "chat.db", now=T * SECOND)
    room, closed = desk.create_room("told"), desk.create_room("closed")
    for number, text in enumerate(TEXTS):
        desk.now = (T + number) * SECOND
        desk.post(room, "anna", text)
    desk.post(closed, "bert", "before the end")
    desk.post(closed, "bert", "gone")
    desk.run(messages.erase, closed, len(TEXTS) + 2)
    desk.run(conversations.close, closed)
    desk.close()
    with running(directory) as server:
        yield server


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def said(rows: list[dict[str, str]]) -> list[str]:
    return [row["content"] for row in rows]


def test_csv_of_a_room(served: Here, here: Here, shared_server: Server) -> None:
    """With its texts as they are; on a terminal nothing of them acts."""
    rows = table(served("export", "told", "--format", "csv").stdout)
    assert said(rows) == TEXTS
    assert rows[0] == {
        "room_id": rows[0]["room_id"], "room_name": "told", "message_id": "1", "seq": "1",
        "created_at": "2023-11-14T22:13:20Z", "user_id": "anna", "nickname": "anna",
        "kind": "text", "content": "plain", "deleted": "false",
    }  # fmt: skip
    environ = {"CHATCTL_SERVER": shared_server.url, "ADMIN_API_KEY": KEY}
    shown = here.as_terminal(120, "export", "told", "--format", "csv", **environ).stdout
    assert {"\x1b", "\x07"}.isdisjoint(shown)
    assert [exact(row["content"]) for row in table(shown)] == TEXTS


def test_csv_of_all_rooms_and_of_some_time(served: Here) -> None:
    rows = table(served("export", "--all", "--format", "csv").stdout)
    assert said(rows) == [*TEXTS, "before the end", ""]
    assert [row["deleted"] for row in rows[-2:]] == ["false", "true"]
    window = ("--since", str(T + 1), "--until", str(T + 2))
    assert said(table(served("export", "told", "--format", "csv", *window).stdout)) == TEXTS[1:3]


def test_csv_into_a_file(served: Here, here: Here) -> None:
    """Made whole, over no other, or not at all."""
    args = ("export", "told", "--format", "csv", "-o", "told.csv")
    done = served.json(*args)
    assert done == {"file": "told.csv", "rooms": 1, "messages": len(TEXTS)}
    with (here.directory / "told.csv").open(newline="") as file:
        assert said(table(file.read())) == TEXTS
    assert served(*args).exit == CONFLICT
    done = served("export", "nowhere", "--format", "csv", "-o", "gone.csv")
    assert done.exit == NOT_FOUND
    assert [each.name for each in here.directory.glob("*.csv*")] == ["told.csv"]


def test_ndjson_is_what_a_pull_gives(served: Here) -> None:
    for words, pulled in (("told", ("--room", "told")), ("--all", ())):
        exported = served("export", words).stdout
        assert exported == served("sync", "pull", "-o", "-", *pulled).stdout
        first = json.loads(exported.splitlines()[0])
        assert (first["type"], first["last_activity"][-1]) == ("room", "Z")


def test_what_is_refused(served: Here) -> None:
    for words in (
        (),
        ("told", "--all"),
        ("told", "--format", "xml"),
        ("told", "--since", "1h", "--until", "2h"),
    ):
        assert served.refused("export", *words) == ("usage", USAGE)
