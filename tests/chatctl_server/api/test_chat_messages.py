"""Messages of a chat over HTTP: posted, repeated, listed, edited, deleted; and who may not."""

import re
import uuid
from collections.abc import Iterator

import pytest
from talk import FILE, Talk, problem, talking

MICROSECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    with talking(tmp_path_factory.mktemp("talk"), MAX_MESSAGE_BYTES="1000") as found:
        yield found


def test_a_posted_message_is_shown_whole_and_the_same_to_every_member(talk: Talk) -> None:
    posted = talk.said(talk.anna, "hello", idempotency_key="k-1")
    assert re.fullmatch(MICROSECONDS, posted["created_at"])
    assert posted == {
        "id": posted["id"],
        "chat_id": talk.chat,
        "sender_id": talk.anna.id,
        "sender_name": "Anna",
        "content": "hello",
        "files": [],
        "created_at": posted["created_at"],
        "edited_at": None,
        "idempotency_key": "k-1",
        "reply_to": None,
        "reply_count": 0,
        "mentions": [],
        "reactions": [],
        "is_pinned": False,
        "seq": posted["seq"],
    }
    assert talk.shown(talk.bert, f"/api/messages/{posted['id']}") == posted
    assert talk.listed(talk.carl)[0] == posted
    assert talk.shown(talk.carl, f"/api/chats/{talk.chat}/messages")[0] == posted


def test_a_message_without_a_key_is_given_one(talk: Talk) -> None:
    assert uuid.UUID(talk.said(talk.anna, "no key")["idempotency_key"]).version == 7


def test_the_same_key_is_the_first_message_again(talk: Talk) -> None:
    key = str(uuid.uuid4())
    first = talk.said(talk.anna, "once", idempotency_key=key)
    again = talk.said(talk.anna, "something else", idempotency_key=key)
    assert again == first
    theirs = talk.said(talk.bert, "mine", idempotency_key=key)
    elsewhere = talk.said(talk.anna, "there", talk.other, idempotency_key=key)
    assert len({first["id"], theirs["id"], elsewhere["id"]}) == 3
    assert [each["id"] for each in talk.listed(talk.anna, limit=2)] == [theirs["id"], first["id"]]


def test_a_repeat_shows_what_became_of_the_message(talk: Talk) -> None:
    first = talk.said(talk.anna, "before", idempotency_key="edited")
    path = f"/api/messages/{first['id']}"
    talk.ask(talk.anna, "PATCH", path, json={"content": "after"})
    assert talk.said(talk.anna, "before", idempotency_key="edited")["content"] == "after"
    talk.ask(talk.anna, "DELETE", path)
    assert talk.said(talk.anna, "before", idempotency_key="edited")["content"] == ""
    shown = talk.said(talk.anna, "a picture", idempotency_key="files", files=[FILE])
    talk.ask(talk.anna, "DELETE", f"/api/messages/{shown['id']}")
    assert talk.said(talk.anna, "a picture", idempotency_key="files")["files"] == []


def test_who_was_removed_is_not_told_what_they_repeat(talk: Talk) -> None:
    chat = talk.chat_of(talk.anna, talk.bert)
    talk.said(talk.bert, "mine", chat, idempotency_key="before")
    talk.said(talk.anna, "@Bert", chat, mentions=[talk.bert.id])
    talk.ask(talk.anna, "DELETE", f"/api/chat/{chat}/members/{talk.bert.id}")
    repeated = talk.post(talk.bert, "mine", chat, idempotency_key="before")
    assert problem(repeated)[:2] == (403, "not_a_participant")
    assert talk.said(talk.anna, "@Bert", chat, mentions=[talk.bert.id])["mentions"] == []


@pytest.mark.parametrize("key", ["x", "ключ" * 63, str(uuid.UUID(int=7))])
def test_a_key_is_any_text_and_echoed(talk: Talk, key: str) -> None:
    assert talk.said(talk.anna, "keyed", idempotency_key=key)["idempotency_key"] == key


def test_what_is_no_message_is_refused_by_the_field(talk: Talk) -> None:
    def refused(content: str, **more: object) -> tuple[int, str, str | None]:
        return problem(talk.post(talk.anna, content, **more))

    assert refused("") == refused(" \n") == (400, "invalid_input", "content")
    assert refused("x" * 1001) == (413, "too_large", "content")
    assert refused("a\0b") == (400, "bad_text", "content")
    assert refused("a", idempotency_key="") == (400, "invalid_input", "idempotency_key")
    assert refused("a", idempotency_key="x" * 256) == (400, "invalid_input", "idempotency_key")
    assert refused("a", reply_to=999_999) == (400, "invalid_input", "reply_to")
    assert refused("a", reply_to=2**80)[:2] == (400, "invalid_input")
    gone = talk.said(talk.anna, "gone")["id"]
    talk.ask(talk.anna, "DELETE", f"/api/messages/{gone}")
    assert refused("a", reply_to=gone) == (400, "invalid_input", "reply_to")
    assert refused("a", mentions=["Bert"])[:2] == (400, "invalid_input")
    assert talk.said(talk.anna, "nothing else", files=None, mentions=None, reply_to=None)


def test_only_members_post_and_read(talk: Talk) -> None:
    said = talk.said(talk.anna, "members only")
    not_a_participant = (403, "not_a_participant", None)
    assert problem(talk.post(talk.dora, "let me in")) == not_a_participant
    for path in (f"/api/chat/{talk.chat}/messages", f"/api/messages/{said['id']}"):
        assert problem(talk.ask(talk.dora, "GET", path)) == not_a_participant
        assert problem(talk.ask(None, "GET", path))[:2] == (401, "unauthorized")


def test_another_workspace_is_as_if_it_were_not_there(talk: Talk) -> None:
    said = talk.said(talk.anna, "ours")
    unknown = 99_999

    def same(method: str, path: str, theirs: int, **more: object) -> None:
        answers = [
            talk.ask(talk.eve, method, path.format(number), **more)
            for number in (theirs, unknown, 2**70)
        ]
        problems = [problem(each)[:2] for each in answers]
        assert {status for status, _ in problems} == {404}, problems
        details = [each.json()["detail"] for each in answers[:2]]
        assert details[0].replace(str(theirs), "N") == details[1].replace(str(unknown), "N")

    body = {"json": {"content": "knock"}}
    same("POST", "/api/chat/{}/messages", talk.chat, **body)
    same("POST", "/api/chat/{}/messages", talk.chat, **body)  # and when the first one is remembered
    same("GET", "/api/chats/{}/messages", talk.chat)
    same("GET", "/api/chats/{}/pins", talk.chat)
    same("POST", f"/api/chat/{{}}/messages/{said['id']}/read", talk.chat)
    same("POST", f"/api/chat/{talk.foreign}/messages/{{}}/read", said["id"])
    same("PATCH", "/api/messages/{}", said["id"], **body)
    for rest in ("", "/replies", "/edits", "/receipts"):
        same("GET", "/api/messages/{}" + rest, said["id"])
    same("DELETE", "/api/messages/{}", said["id"])
    same("POST", "/api/messages/{}/reactions", said["id"], json={"emoji": "👍"})
    same("POST", "/api/messages/{}/pin", said["id"])


def test_a_file_must_be_known_in_the_chats_workspace(talk: Talk) -> None:
    assert talk.said(talk.anna, files=[FILE], content="")["files"] == [FILE]
    for url in (FILE.replace("a.png", "b.png"), "/etc/passwd", "https://example.org/a.png"):
        refused = problem(talk.post(talk.anna, "look", files=[url]))
        assert refused == (400, "invalid_input", "files")
    theirs = problem(talk.post(talk.eve, "look", talk.foreign, files=[FILE]))
    assert theirs == (400, "invalid_input", "files")


def test_only_members_are_mentioned(talk: Talk) -> None:
    asked = [talk.bert.id, talk.dora.id, talk.eve.id, talk.bert.id, 4711]
    posted = talk.said(talk.anna, "@Bert", mentions=asked)
    assert posted["mentions"] == [talk.bert.id]
    assert talk.shown(talk.bert, f"/api/messages/{posted['id']}") == posted


def test_pages_go_back_and_forth_without_the_deleted(talk: Talk) -> None:
    ids = [talk.said(talk.bert, f"{number}", talk.other)["id"] for number in range(7)]
    talk.ask(talk.bert, "DELETE", f"/api/messages/{ids[3]}")
    left = [*ids[:3], *ids[4:]]

    def listed(**query: int) -> list[int]:
        return [each["id"] for each in talk.listed(talk.anna, talk.other, **query)]

    newest = listed(limit=2)
    assert newest == left[:-3:-1]
    assert listed(limit=2, before_id=newest[-1]) == listed(limit=2, last_id=newest[-1])
    assert listed(limit=2, before_id=newest[-1]) == [left[3], left[2]]
    assert listed(before_id=ids[3]) == left[2::-1] + listed()[6:]
    assert listed(after_id=ids[3]) == left[3:]
    assert listed(after_id=ids[1]) == left[2:]
    assert listed(after_id=ids[-1]) == []
    assert listed(before_id=2**62)[0] == ids[-1]


def test_the_next_page_is_linked(talk: Talk) -> None:
    for number in range(3):
        talk.said(talk.eve, f"{number}", talk.foreign)
    found, path = [], f"/api/chats/{talk.foreign}/messages?limit=2"
    while path:
        answer = talk.ask(talk.eve, "GET", path)
        found += [each["content"] for each in answer.json()]
        path = answer.links.get("next", {}).get("url", "")
    assert found[:3] == ["2", "1", "0"]


def test_a_page_has_1_to_100_messages(talk: Talk) -> None:
    path = f"/api/chat/{talk.chat}/messages"
    for query in ({"limit": 0}, {"limit": 101}, {"limit": "many"}, {"before_id": "x"}):
        answer = talk.ask(talk.anna, "GET", path, params=query)
        assert problem(answer) == (400, "invalid_input", next(iter(query)))
    both = talk.ask(talk.anna, "GET", path, params={"before_id": 1, "after_id": 1})
    assert problem(both) == (400, "invalid_input", "after_id")


def test_a_thread_is_listed_and_counted(talk: Talk) -> None:
    asked = talk.said(talk.anna, "who comes?")
    answers = [talk.said(talk.bert, f"me {number}", reply_to=asked["id"]) for number in range(3)]
    assert {each["reply_to"] for each in answers} == {asked["id"]}
    path = f"/api/messages/{asked['id']}"
    assert talk.shown(talk.carl, f"{path}/replies") == answers
    assert talk.shown(talk.carl, f"{path}/replies", limit=1, after_id=answers[0]["id"]) == [
        answers[1]
    ]
    assert talk.shown(talk.carl, path)["reply_count"] == 3
    talk.ask(talk.bert, "DELETE", f"/api/messages/{answers[0]['id']}")
    assert talk.shown(talk.carl, path)["reply_count"] == 2
    assert talk.shown(talk.carl, f"{path}/replies") == answers[1:]
    other = problem(talk.post(talk.anna, "there", talk.other, reply_to=asked["id"]))
    assert other == (400, "invalid_input", "reply_to")


def test_an_edit_keeps_the_text_before(talk: Talk) -> None:
    posted = talk.said(talk.anna, "helo", mentions=[talk.bert.id])
    path = f"/api/messages/{posted['id']}"
    edited = talk.ask(talk.anna, "PATCH", path, json={"content": "hello"}).json()
    assert edited == {**posted, "content": "hello", "edited_at": edited["edited_at"]}
    assert posted["created_at"] < edited["edited_at"]
    again = talk.ask(talk.anna, "PUT", path, json={"content": "hello!", "mentions": []}).json()
    assert (again["content"], again["mentions"]) == ("hello!", [])
    assert talk.shown(talk.bert, path) == again
    assert talk.shown(talk.bert, f"{path}/edits") == [
        {"content": "helo", "edited_at": posted["created_at"]},
        {"content": "hello", "edited_at": edited["edited_at"]},
    ]
    assert talk.ask(talk.anna, "PATCH", path, json={"content": "hello!"}).json() == again
    everybody = [talk.dora.id, talk.carl.id, talk.eve.id]
    named = talk.ask(talk.anna, "PATCH", path, json={"content": "hi", "mentions": everybody})
    assert named.json()["mentions"] == [talk.carl.id]


def test_the_texts_before_come_in_pages(talk: Talk) -> None:
    path = f"/api/messages/{talk.said(talk.anna, 'text 0')['id']}"
    for number in range(1, 6):
        talk.ask(talk.anna, "PATCH", path, json={"content": f"text {number}"})
    answer = talk.ask(talk.bert, "GET", f"{path}/edits", params={"limit": 2})
    pages = [answer]
    while "next" in answer.links:
        answer = talk.ask(talk.bert, "GET", answer.links["next"]["url"])
        pages.append(answer)
    found = [[each["content"] for each in page.json()] for page in pages]
    assert found == [["text 0", "text 1"], ["text 2", "text 3"], ["text 4"]]


def test_only_its_author_edits_a_message(talk: Talk) -> None:
    path = f"/api/messages/{talk.said(talk.bert, 'mine')['id']}"
    for who in (talk.anna, talk.carl):
        refused = problem(talk.ask(who, "PATCH", path, json={"content": "ours"}))
        assert refused == (403, "not_allowed", None)
    for content, expected in (("", 400), ("x" * 1001, 413), ("\0", 400)):
        answer = talk.ask(talk.bert, "PATCH", path, json={"content": content})
        assert (answer.status_code, answer.json()["field"]) == (expected, "content")
    assert talk.shown(talk.bert, path)["edited_at"] is None


def test_a_message_is_deleted_by_its_author_or_the_owner(talk: Talk) -> None:
    mine, theirs = (talk.said(talk.bert, text)["id"] for text in ("mine", "theirs"))
    refused = talk.ask(talk.carl, "DELETE", f"/api/messages/{mine}")
    assert problem(refused) == (403, "not_allowed", None)
    chat = talk.chat_of(talk.anna, talk.bert, talk.carl)
    talk.ask(talk.anna, "PATCH", f"/api/chat/{chat}/members/{talk.carl.id}", json={"role": "admin"})
    by_an_admin = talk.ask(
        talk.carl, "DELETE", f"/api/messages/{talk.said(talk.bert, 'theirs', chat)['id']}"
    )
    assert by_an_admin.status_code == 204
    for who, number in ((talk.bert, mine), (talk.anna, theirs)):
        path = f"/api/messages/{number}"
        assert talk.ask(who, "DELETE", path).status_code == 204
        for method, body in (("DELETE", None), ("GET", None), ("PATCH", {"content": "x"})):
            answer = talk.ask(who, method, path, json=body)
            assert problem(answer) == (404, "message_not_found", "message_id")
    assert not {mine, theirs} & {each["id"] for each in talk.listed(talk.bert)}
