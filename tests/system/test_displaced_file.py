"""The database's file is taken away or replaced while the server runs: nothing is acknowledged."""

import shutil

import pytest
from world import Server


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_nothing_is_acknowledged_that_would_be_lost(server: Server, how: str) -> None:
    room = server.create_room()
    assert room.join("anna").say("kept")["seq"] == 1
    aside = server.directory / "aside.db"
    server.database.rename(aside)
    if how == "replaced":
        shutil.copy(aside, server.database)
    answer = server.http.post(f"{room.path}/messages", json={"content": "lost?"})
    assert answer.status_code == 503
    assert answer.json()["code"] == "storage_unavailable"
    assert server.http.get("/health").status_code == 503
    server.database.unlink(missing_ok=True)
    aside.rename(server.database)
    assert server.http.get("/health").status_code == 200
    answer = server.http.post(f"{room.path}/messages", json={"content": "kept, too"})
    assert answer.json()["seq"] == 2
