"""A visitor that talks through every restart of its server: it repeats after a reconnect what was
not acknowledged, and resumes where it stopped reading."""

import asyncio
import contextlib
import json
from typing import Any

from visitors import Visitor
from world import Room

IN_FLIGHT = 6
RETRY_SECONDS = 0.05
Place = tuple[int, int]  # a message's id, and its seq


class Talker(Visitor):
    """``places``: by its client id, where each message is that was acknowledged."""

    def __init__(self, room: Room, user_id: str) -> None:
        super().__init__(room, user_id)
        self.unacknowledged: dict[str, str] = {}
        self.places: dict[str, Place] = {}
        self.connections = 0
        self.is_ending = False

    async def run(self) -> None:
        try:
            while True:
                with contextlib.suppress(OSError, TimeoutError):
                    if await self.come():
                        await self._talk()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self.vanish()

    async def _talk(self) -> None:
        self.connections += 1
        for client_id, text in self.unacknowledged.items():
            self.say(text, client_id)
        self._fill()
        while not self.is_gone:
            await self._changed.wait()
            self._changed.clear()

    def _fill(self) -> None:
        while len(self.unacknowledged) < IN_FLIGHT and not self.is_ending:
            number = len(self.unacknowledged) + len(self.places) + 1
            client_id = f"{self.user_id}-{number}"
            self.unacknowledged[client_id] = f"message {number} of {self.user_id}"
            self.say(self.unacknowledged[client_id], client_id)

    def _acknowledge(self, ack: dict[str, Any]) -> None:
        """Also a second time: the repeat was under way when the first Ack arrived."""
        client_id, place = ack["client_msg_id"], (ack["message_id"], ack["seq"])
        if self.places.setdefault(client_id, place) != place:
            self.wrong.append(f"{ack}, which was {self.places[client_id]}")
        self.unacknowledged.pop(client_id, None)
        self._fill()

    def _read(self, payload: bytes) -> None:
        super()._read(payload)
        if payload.startswith(b'{"type":"Ack"'):
            self._acknowledge(json.loads(payload)["payload"])
