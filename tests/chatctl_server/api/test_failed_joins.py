"""A join that fails for a reason nobody has thought of closes its connection."""

from pathlib import Path
from typing import Any

import pytest
from application import Talker, in_process, reached

from chatctl_server.actions import sessions


@pytest.mark.parametrize("is_stored", [False, True])
async def test_the_connection_closes(
    is_stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async with in_process(tmp_path, "server") as (app, client):
        room = (await client.post("/management/rooms", json={"room_name": "lobby"})).json()
        submit = app.context.store.submit

        def failing(action: Any, *arguments: Any, **named: Any) -> None:
            if action is sessions.UPDATE:
                raise ValueError("a fault")
            submit(action, *arguments, **named)

        def unwelcome(*_: Any) -> None:
            raise ValueError("a fault")

        if is_stored:
            monkeypatch.setattr(app.broadcasters["rooms"], "welcome", unwelcome)
        else:
            monkeypatch.setattr(app.context.store, "submit", failing)
        talker = Talker(app, room["room_id"], "anna")
        await reached(lambda: talker.code == 1011)
        assert "a join failed" in caplog.text
        monkeypatch.undo()
        await talker.leave()
        assert app.context.presence.connections == 0
