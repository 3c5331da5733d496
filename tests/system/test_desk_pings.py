"""Pings and pongs of WebSocket, which browsers send by themselves, are no frames of the desk's."""

from pathlib import Path

import desk_scene
from team import SETTINGS, Town
from websockets.sync.client import connect
from world import PATIENCE_SECONDS, running


def test_a_ping_is_answered_by_a_pong_and_nothing_else(tmp_path: Path) -> None:
    town = Town(tmp_path / "chat.db")
    bo = desk_scene.customer(town, desk_scene.site(town, "shop"), "Bo")
    town.close()
    with running(tmp_path, **SETTINGS) as server:
        url = f"ws://127.0.0.1:{server.port}/ws"
        with connect(url, additional_headers=bo.headers, proxy=None) as line:
            assert "system.welcome" in str(line.recv(PATIENCE_SECONDS))
            assert line.ping("are you there?").wait(PATIENCE_SECONDS)
            line.pong("I am")
            line.send('{"type":"Ping"}')
            assert str(line.recv(PATIENCE_SECONDS)).startswith('{"type":"Pong"')
