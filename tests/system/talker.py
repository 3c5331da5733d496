"""A client that talks in a room through every restart of its server: it repeats after a reconnect
what was not acknowledged, and resumes where it stopped reading."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from world import Room

IN_FLIGHT = 6
RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 60
Place = tuple[int, int]  # a message's id, and its seq


class Talker:
    def __init__(self, room: Room, user_id: str) -> None:
        self.unacknowledged: dict[str, str] = {}
        self.acknowledged: dict[str, Place] = {}
        self.last_seq = 0
        self.wrong: list[str] = []
        self.connections = 0
        self.is_ending = False
        self._url = f"ws://127.0.0.1:{room.server.port}/ws/rooms/{room.id}"
        self._user_id = user_id
        self._changed = asyncio.Event()

    async def reaches(self, state: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not state():
                await self._changed.wait()
                self._changed.clear()

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(10):
                    socket = await connect(
                        f"{self._url}?user_id={self._user_id}&since={self.last_seq}",
                        compression=None,
                        close_timeout=1,
                        proxy=None,
                    )
                self.connections += 1
                await self._talk(socket)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _talk(self, socket: ClientConnection) -> None:
        async with socket:
            for client_id in list(self.unacknowledged):
                await self._post(socket, client_id)
            while True:
                await self._fill(socket)
                self._read(json.loads(await socket.recv()))
                self._changed.set()

    async def _fill(self, socket: ClientConnection) -> None:
        while len(self.unacknowledged) < IN_FLIGHT and not self.is_ending:
            number = len(self.unacknowledged) + len(self.acknowledged) + 1
            client_id = f"{self._user_id}-{number}"
            self.unacknowledged[client_id] = f"message {number} of {self._user_id}"
            await self._post(socket, client_id)

    async def _post(self, socket: ClientConnection, client_id: str) -> None:
        payload = {"content": self.unacknowledged[client_id], "client_msg_id": client_id}
        await socket.send(json.dumps({"type": "SendMessage", "payload": payload}))

    def _read(self, frame: dict[str, Any]) -> None:
        payload = frame.get("payload", {})
        match frame["type"]:
            case "Ack":
                self._note(payload)
            case "Message" | "System" if "seq" in payload:
                if payload["seq"] != self.last_seq + 1:
                    self.wrong.append(f"{payload['seq']} after {self.last_seq}")
                self.last_seq = payload["seq"]
            case "Error":
                self.wrong.append(f"{payload}")

    def _note(self, ack: dict[str, Any]) -> None:
        """Also a second time: the repeat was under way when the first Ack arrived."""
        client_id, place = ack["client_msg_id"], (ack["message_id"], ack["seq"])
        if self.acknowledged.setdefault(client_id, place) != place:
            self.wrong.append(f"{ack}, which was {self.acknowledged[client_id]}")
        self.unacknowledged.pop(client_id, None)
