"""Envelopes of an agent of several workspaces are found in steps of bounded size."""

from pathlib import Path

import desk_scene
import pytest
from offline import reading
from team import DEFAULT, Town

from chatctl_server.domain.support import Person
from chatctl_server.storage import envelopes, log
from chatctl_server.storage.envelopes import EnvelopeFilter


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Two workspaces with a site each, where much and little was said by turns."""
    made = Town(tmp_path / "chat.db")
    here = desk_scene.site(made, "here", DEFAULT)
    there = desk_scene.site(made, "there", made.workspace("elsewhere"))
    for turn in range(4):
        desk_scene.customer(made, here, f"Bo{turn}", *"abcdefgh"[: 2 * turn])
        desk_scene.customer(made, there, f"Ida{turn}", *"abcdefgh"[2 * turn :])
    made.close()
    return made


@pytest.mark.parametrize("scan", [1, 2, 5, 1000])
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("types", [None, ("conversation_opened",), ("nothing_such",)])
def test_steps_find_each_once_in_the_order_of_the_log(
    town: Town,
    monkeypatch: pytest.MonkeyPatch,
    scan: int,
    limit: int,
    types: tuple[str, ...] | None,
) -> None:
    monkeypatch.setattr(envelopes, "SCAN", scan)
    who = Person("u1", "Anna", "agent", {0: "agent", 1: "agent"})
    with reading(town.scene.path) as db:
        rows = db.execute_sql("SELECT event_offset, type FROM envelope ORDER BY event_offset")
        wanted = [offset for offset, type_ in rows.fetchall() if types is None or type_ in types]
        found: list[int] = []
        after = 0
        while after < log.END:
            page = envelopes.page(db, who, EnvelopeFilter(types), after, limit)
            assert len(page.found) <= limit
            found += [each.entry.offset for each in page.found]
            assert page.has_more is False or len(found) < len(wanted)
            after = page.looked_to
    assert found == wanted
