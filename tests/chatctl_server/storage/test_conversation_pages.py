"""Lists of conversations are found in steps of bounded size: of several workspaces together, with
every filter, each once and in order."""

from pathlib import Path
from typing import NamedTuple

import desk_scene
import pytest
from desk_scene import Customer
from offline import reading
from team import DEFAULT, Town

from chatctl_server.actions import support
from chatctl_server.domain.support import Person
from chatctl_server.storage import support_conversations
from chatctl_server.storage.support_conversations import ConversationFilter, ConversationPlace

BOTH = Person("u1", "Anna", "agent", {0: "agent", 1: "agent"})


class Street(NamedTuple):
    path: Path
    customers: list[Customer]
    """Of two workspaces by turns; who came last stands last."""


@pytest.fixture
def street(tmp_path: Path) -> Street:
    town = Town(tmp_path / "chat.db")
    sites = [
        desk_scene.site(town, "here", DEFAULT),
        desk_scene.site(town, "beside", DEFAULT),
        desk_scene.site(town, "there", town.workspace("elsewhere")),
    ]
    customers = []
    for turn in range(15):
        texts = ["hello"] * (turn % 4) + (["where is my parcel?"] if turn in (0, 4, 11) else [])
        customers.append(desk_scene.customer(town, sites[turn % 3], f"Bo{turn:02}", *texts))
        town.scene.now += 1_000_000
    for each in customers[3::5]:
        town.scene.run(support.set_status, each.person, each.ref, "closed")
        town.scene.now += 1_000_000
    customers = [each for each in customers if each not in customers[3::5]] + customers[3::5]
    town.close()
    return Street(tmp_path / "chat.db", customers)


def paged(street: Street, who: Person, wanted: ConversationFilter, limit: int) -> list[list[str]]:
    """The names of whose they are, page by page."""
    found, place = [], ConversationPlace()
    with reading(street.path) as db:
        while True:
            page = support_conversations.page(db, who, wanted, place, limit)
            found.append([each.customer_name for each in page.found])
            assert len(page.found) <= limit
            if page.goes_on is None:
                return found
            assert page.goes_on < place
            place = page.goes_on


@pytest.mark.parametrize(("scan", "messages"), [(1, 1), (2, 3), (5, 10), (5000, 20_000)])
@pytest.mark.parametrize("limit", [1, 4, 100])
def test_steps_find_each_once_in_their_order(
    street: Street, monkeypatch: pytest.MonkeyPatch, scan: int, messages: int, limit: int
) -> None:
    monkeypatch.setattr(support_conversations, "SCAN", scan)
    monkeypatch.setattr(support_conversations, "SCAN_MESSAGES", messages)
    newest_first = street.customers[::-1]
    names = [each.person.name for each in newest_first]
    closed, asked = names[:3], ["Bo11", "Bo04", "Bo00"]
    one = newest_first[0]
    for wanted, expected in (
        (ConversationFilter(), names),
        (ConversationFilter(status="closed"), closed),
        (ConversationFilter(status="open"), names[3:]),
        (
            ConversationFilter(site=one.site.id),
            [e.person.name for e in newest_first if e.site.id == one.site.id],
        ),
        (ConversationFilter(assignee="none"), names),
        (ConversationFilter(assignee="u1"), []),
        (ConversationFilter(customer=one.person.id), names[:1]),
        (ConversationFilter(customer=one.person.id, status="open"), []),
        (ConversationFilter(text="PARCEL"), asked),
        (ConversationFilter(text="parcel", status="closed"), []),
        (ConversationFilter(text="bo1"), [each for each in names if each.startswith("Bo1")]),
    ):
        pages = paged(street, BOTH, wanted, limit)
        assert [name for page in pages for name in page] == expected, wanted
        for who, theirs in ((one, names[:1]), (newest_first[5], names[5:6])):
            mine = [name for page in paged(street, who.person, wanted, limit) for name in page]
            assert mine == [name for name in theirs if name in expected], wanted


def test_nothing_follows_where_all_was_looked_at(street: Street) -> None:
    for wanted in (ConversationFilter(), ConversationFilter(text="parcel")):
        assert len(paged(street, BOTH, wanted, 15)) == 1


def test_a_text_is_looked_for_in_so_many_messages(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place to go on is behind what was looked at."""
    monkeypatch.setattr(support_conversations, "SCAN_MESSAGES", 8)
    pages = paged(street, BOTH, ConversationFilter(text="nothing such"), 15)
    assert 3 < len(pages) <= 15
    assert pages == [[]] * len(pages)
