"""A client process that talks in a room through every restart of its server.

``python talker.py URL USER NOTES``: posts, notes each Ack in a file of its own (append, fsync),
repeats after a reconnect what was not acknowledged, and resumes where it stopped reading. A first
line on stdin ends the posting; it answers ``quiet`` once all is acknowledged. A second line names
the room's last seq; once it has read that, it prints its report.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

IN_FLIGHT = 6
RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 60


class Talker:
    def __init__(self, url: str, user_id: str, notes: Path) -> None:
        self.unacknowledged: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}
        self.last_seq = 0
        self.wrong: list[str] = []
        self.connections = 0
        self.is_ending = False
        self._url = url
        self._user_id = user_id
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
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
        client_id = ack["client_msg_id"]
        if self.acknowledged.setdefault(client_id, ack["seq"]) != ack["seq"]:
            self.wrong.append(f"{ack}, which was {self.acknowledged[client_id]}")
        if self.unacknowledged.pop(client_id, None) is None:
            return  # a repeat that was under way when the first Ack arrived
        line = {key: ack[key] for key in ("client_msg_id", "message_id", "seq")}
        os.write(self._notes, (json.dumps(line) + "\n").encode())
        os.fsync(self._notes)


async def _main(url: str, user_id: str, notes: Path) -> None:
    talker = Talker(url, user_id, notes)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(talker.run())
        await loop.run_in_executor(None, sys.stdin.readline)
        talker.is_ending = True
        await talker.reaches(lambda: not talker.unacknowledged)
        print("quiet", flush=True)
        last = int(await loop.run_in_executor(None, sys.stdin.readline))
        await talker.reaches(lambda: talker.last_seq >= last)
        talking.cancel()
    report = {
        "last_seq": talker.last_seq,
        "wrong": talker.wrong,
        "connections": talker.connections,
        "acknowledged": len(talker.acknowledged),
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
