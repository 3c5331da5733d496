"""What the routes work with is made at the start, in the loop's thread, and stays as it is."""

import threading
from pathlib import Path

import pytest
from application import in_process

from chatctl_server.app import Role
from chatctl_server.workers.callbacks.service import Callbacks


@pytest.mark.parametrize("role", ["server", "command"])
async def test_nothing_of_it_is_exchanged_later(tmp_path: Path, role: Role) -> None:
    async with in_process(tmp_path, role) as (app, client):
        before = dict(vars(app.context))
        assert (await client.get("/management/status")).status_code == 200
    app.stop_streams()
    assert vars(app.context) == before
    assert app.context.serving.is_stopping


@pytest.mark.parametrize("role", ["server", "command"])
async def test_callbacks_are_made_in_the_thread_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    """Also where a query, in a reader's thread, is the first to need them."""
    made_in: list[threading.Thread] = []
    make = Callbacks.__init__

    def noted(self: Callbacks, *given: object) -> None:
        made_in.append(threading.current_thread())
        make(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Callbacks, "__init__", noted)
    async with in_process(tmp_path, role) as (_, client):
        url = {"url": "https://hooks.example/", "events": ["*"]}
        added = (await client.post("/management/callbacks", json=url)).json()
        tested = await client.post(f"/management/callbacks/{added['endpoint_id']}/test")
        (delivery_id,) = tested.json()["delivery_ids"]
        shown = await client.get(f"/management/callbacks/deliveries/{delivery_id}")
        assert shown.status_code == 200
        assert made_in == [threading.main_thread()]
