"""What members make of messages: reactions, pins, how far they have read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from talk import Talk, problem, talking
from team import SETTINGS, Person, Town
from world import running

from chatctl_server.domain.chat_events import ReactionAdded


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    with talking(tmp_path_factory.mktemp("talk")) as found:
        yield found


def path_of(talk: Talk, text: str = "what do you think?") -> str:
    return f"/api/messages/{talk.said(talk.anna, text)['id']}"


def react(talk: Talk, who: Person, path: str, emoji: str, method: str = "POST") -> list[dict]:
    answer = talk.ask(who, method, f"{path}/reactions", json={"emoji": emoji})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["reactions"])


def test_reactions_are_counted_by_emoji_in_the_order_of_their_first_use(talk: Talk) -> None:
    path = path_of(talk)
    react(talk, talk.carl, path, "🎉")
    react(talk, talk.bert, path, "👍")
    expected = [
        {"emoji": "🎉", "count": 1, "user_ids": [talk.carl.id]},
        {"emoji": "👍", "count": 2, "user_ids": [talk.bert.id, talk.anna.id]},
    ]
    assert react(talk, talk.anna, path, "👍") == expected
    assert react(talk, talk.anna, path, "👍") == expected
    assert talk.shown(talk.bert, path)["reactions"] == expected
    assert react(talk, talk.carl, path, "🎉", "DELETE") == expected[1:]
    assert react(talk, talk.carl, path, "🎉", "DELETE") == expected[1:]
    talk.ask(talk.bert, "DELETE", f"{path}/reactions", params={"emoji": "👍"})
    left = [{"emoji": "👍", "count": 1, "user_ids": [talk.anna.id]}]
    assert talk.shown(talk.bert, path)["reactions"] == left
    react(talk, talk.anna, path, "🎉")
    assert react(talk, talk.anna, path, "🎉", "DELETE") == left


def test_of_many_who_react_all_are_counted_and_the_first_100_named(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    anna, bert = town.person("Anna"), town.person("Bert")
    chat = town.chat("public", "all", anna, bert)
    message_id = town.scene.post(chat, "u1", "what do you think?").message_id
    everybody = [*range(3, 122), bert.id]

    def react_all(tx: Any, actor: Any) -> None:
        for each in everybody:
            tx.record(ReactionAdded(message_id, "👍", f"u{each}"), actor, chat)

    town.scene.run(react_all)
    town.close()
    path = f"/api/messages/{message_id}"
    with running(tmp_path, **SETTINGS) as server:

        def shown(who: Person, method: str, path: str, **body: str) -> Any:
            answer = server.http.request(method, path, json=body, headers=who.headers)
            return answer.json()["reactions"]

        expected = {"emoji": "👍", "count": 120, "user_ids": everybody[:100]}
        assert shown(anna, "GET", path) == [expected]
        assert shown(anna, "PATCH", path, content="well?") == [expected]
        assert shown(bert, "POST", f"{path}/reactions", emoji="👍") == [expected]
        left = expected | {"count": 119}
        assert shown(bert, "DELETE", f"{path}/reactions", emoji="👍") == [left]
        assert shown(bert, "DELETE", f"{path}/reactions", emoji="👍") == [left]


@pytest.mark.parametrize("emoji", ["👍🏽", "❤️", "1️⃣", "🇩🇪", "👨‍👩‍👧‍👦", "ℹ️", "‼️"])
def test_an_emoji_may_have_many_parts(talk: Talk, emoji: str) -> None:
    assert react(talk, talk.bert, path_of(talk), emoji)[0]["emoji"] == emoji


@pytest.mark.parametrize("text", ["", "yes", "👍 👍", "好", "\0", "👍" * 17, "\N{NO-BREAK SPACE}"])
def test_text_is_no_emoji(talk: Talk, text: str) -> None:
    answer = talk.ask(talk.bert, "POST", f"{path_of(talk)}/reactions", json={"emoji": text})
    assert problem(answer) == (400, "invalid_input", "emoji")


def test_a_reaction_is_named(talk: Talk) -> None:
    answer = talk.ask(talk.bert, "DELETE", f"{path_of(talk)}/reactions")
    assert problem(answer) == (400, "invalid_input", "emoji")


def test_a_message_has_at_most_50_different_reactions(talk: Talk) -> None:
    path = path_of(talk)
    for number in range(50):
        react(talk, talk.bert, path, chr(0x1F600 + number))
    answer = talk.ask(talk.carl, "POST", f"{path}/reactions", json={"emoji": "👍"})
    assert problem(answer) == (409, "conflict", None)
    assert react(talk, talk.carl, path, chr(0x1F600))[0]["count"] == 2


def test_what_is_pinned_is_listed_the_last_one_first(talk: Talk) -> None:
    first, second = path_of(talk, "first"), path_of(talk, "second")
    for path in (first, second, first):
        pinned = talk.ask(talk.bert, "POST", f"{path}/pin")
        assert (pinned.status_code, pinned.json()["is_pinned"]) == (200, True)

    def pins() -> list[str]:
        found = talk.shown(talk.carl, f"/api/chat/{talk.chat}/pins")
        assert all(each["is_pinned"] for each in found)
        return [each["content"] for each in found]

    assert pins() == ["second", "first"]
    for _ in range(2):
        assert talk.ask(talk.carl, "DELETE", f"{first}/pin").json()["is_pinned"] is False
    assert pins() == ["second"]
    talk.ask(talk.anna, "POST", f"{first}/pin")
    assert pins() == ["first", "second"]  # by when they were pinned
    talk.ask(talk.anna, "DELETE", second)
    assert pins() == ["first"]


def test_a_chat_has_at_most_100_pins(talk: Talk) -> None:
    paths = [f"/api/messages/{talk.said(talk.anna, 'x', talk.other)['id']}" for _ in range(101)]
    pinned = [talk.ask(talk.bert, "POST", f"{path}/pin") for path in paths]
    assert {each.status_code for each in pinned[:100]} == {200}
    assert problem(pinned[100]) == (409, "conflict", None)
    talk.ask(talk.anna, "DELETE", paths[0])  # what is deleted is pinned no more
    assert talk.ask(talk.bert, "POST", f"{paths[100]}/pin").status_code == 200


def test_only_members_react_pin_and_read(talk: Talk) -> None:
    said = talk.said(talk.anna, "members only")["id"]
    path, read = f"/api/messages/{said}", f"/api/chat/{talk.chat}/messages/{said}/read"
    for method, asked, body in (
        ("POST", f"{path}/reactions", {"emoji": "👍"}),
        ("DELETE", f"{path}/reactions", {"emoji": "👍"}),
        ("POST", f"{path}/pin", None),
        ("DELETE", f"{path}/pin", None),
        ("POST", read, None),
        ("GET", f"{path}/receipts", None),
        ("GET", f"/api/chats/{talk.chat}/pins", None),
    ):
        answer = talk.ask(talk.dora, method, asked, json=body)
        assert problem(answer)[:2] == (403, "not_a_participant"), asked


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """Where nothing was said yet."""
    with talking(tmp_path_factory.mktemp("pair")) as found:
        yield found


def read(talk: Talk, who: Person, message: int) -> None:
    path = f"/api/chats/{talk.chat}/messages/{message}/read"
    assert talk.ask(who, "POST", path).status_code == 204


def unread(talk: Talk, who: Person) -> dict[str, object]:
    found = talk.shown(who, "/api/unread-counts")
    return {each["chat_id"]: tuple(each.values())[1:] for each in found}


def test_what_others_wrote_is_unread_up_to_the_cursor_which_never_goes_back(pair: Talk) -> None:
    talk = pair
    assert unread(talk, talk.bert) == {talk.chat: (0, 0, None), talk.other: (0, 0, None)}
    one, two, three = (talk.said(talk.anna, text, mentions=[talk.bert.id])["id"] for text in "abc")
    talk.said(talk.bert, "mine")
    assert unread(talk, talk.anna)[talk.chat] == (1, 0, None)
    assert unread(talk, talk.bert)[talk.chat] == (3, 3, None)
    read(talk, talk.bert, two)
    assert unread(talk, talk.bert)[talk.chat] == (1, 1, two)
    read(talk, talk.bert, one)
    read(talk, talk.bert, two)
    assert unread(talk, talk.bert)[talk.chat] == (1, 1, two)
    talk.ask(talk.anna, "DELETE", f"/api/messages/{three}")
    assert unread(talk, talk.bert)[talk.chat] == (0, 0, two)
    own = talk.said(talk.bert, "mine", mentions=[talk.bert.id])["id"]
    talk.ask(talk.bert, "DELETE", f"/api/messages/{own}")
    talk.said(talk.bert, "mine, too", mentions=[talk.bert.id])
    assert unread(talk, talk.bert)[talk.chat] == (0, 0, two)
    edited = f"/api/messages/{talk.said(talk.anna, 'hello')['id']}"
    talk.ask(talk.anna, "PATCH", edited, json={"content": "@Bert", "mentions": [talk.bert.id]})
    assert unread(talk, talk.bert)[talk.chat] == (1, 1, two)
    (listed,) = [each for each in talk.shown(talk.bert, "/api/chat") if each["id"] == talk.chat]
    assert (listed["unread_count"], listed["mention_count"]) == (1, 1)
    talk.ask(talk.anna, "PATCH", edited, json={"content": "nobody", "mentions": []})
    assert unread(talk, talk.bert)[talk.chat] == (1, 0, two)
    assert unread(talk, talk.eve) == {talk.foreign: (0, 0, None)}


def test_a_receipt_says_when_a_message_was_passed(pair: Talk) -> None:
    talk = pair
    one, two = (talk.said(talk.anna, text)["id"] for text in "ab")
    read(talk, talk.bert, one)
    read(talk, talk.carl, two)
    read(talk, talk.bert, two)
    read(talk, talk.anna, two)  # her own
    first = talk.shown(talk.anna, f"/api/messages/{one}/receipts")
    last = talk.shown(talk.anna, f"/api/messages/{two}/receipts")
    assert [each["user_id"] for each in first] == [talk.bert.id, talk.carl.id]
    assert [each["user_id"] for each in last] == [talk.carl.id, talk.bert.id]
    talk.ask(talk.anna, "DELETE", f"/api/chat/{talk.chat}/members/{talk.carl.id}")
    left = talk.shown(talk.anna, f"/api/messages/{one}/receipts")
    assert [each["user_id"] for each in left] == [talk.bert.id]
    times = {each["read_at"] for each in (*first, *last)}
    assert len(times) == 3
    assert first[1] == last[0]


def test_a_message_of_another_chat_is_none_to_read_up_to(talk: Talk) -> None:
    there = talk.said(talk.anna, "there", talk.other)["id"]
    for number in (there, 99_999, 2**70):
        answer = talk.ask(talk.anna, "POST", f"/api/chat/{talk.chat}/messages/{number}/read")
        assert problem(answer) == (404, "message_not_found", "message_id")


def test_the_workspace_that_is_asked_for_is_one_of_mine(talk: Talk) -> None:
    def asked(name: str) -> tuple[int, str]:
        path, headers = "/api/unread-counts", {**talk.anna.headers, "X-Workspace-Id": name}
        return problem(talk.server.http.get(path, headers=headers))[:2]

    assert asked("1") == asked("99") == (404, "workspace_not_found")
    assert asked("x") == (400, "invalid_input")
