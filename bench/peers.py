"""Servers to compare with: the same protocol in one room, in memory, without checks or commits.

python bench/peers.py litestar|websockets PORT
"""

import asyncio
import contextlib
import json
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvloop

HOST = "127.0.0.1"


class Room:
    """What both peers do to a message: number it, encode it once, and the sender's Ack."""

    def __init__(self) -> None:
        self.seq = 0

    def post(self, user_id: str, text: str) -> tuple[str, str] | None:
        frame = json.loads(text)
        if frame["type"] != "SendMessage":
            return None
        self.seq += 1
        payload = {
            "from": user_id,
            "nickname": user_id,
            "content": frame["payload"]["content"],
            "is_admin": False,
            "message_id": self.seq,
            "seq": self.seq,
            "created_at": int(time.time()),
        }
        ack = {"client_msg_id": frame["payload"]["client_msg_id"], "seq": self.seq}
        return (
            json.dumps({"type": "Message", "payload": payload}),
            json.dumps({"type": "Ack", "payload": ack}),
        )


def litestar(port: int) -> None:
    """The loop a first version is written with: ``await send`` for each member."""
    import uvicorn
    from litestar import Litestar, WebSocket, websocket
    from litestar.exceptions import WebSocketDisconnect

    room = Room()
    members: set[Any] = set()

    @websocket("/ws")
    async def join(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        members.add(socket)
        user_id = str(socket.query_params["user_id"])
        try:
            while True:
                posted = room.post(user_id, await socket.receive_text())
                if posted is None:
                    continue
                message, ack = posted
                for member in list(members):
                    await member.send_text(message)
                await socket.send_text(ack)
        except WebSocketDisconnect:
            pass
        finally:
            members.discard(socket)

    uvicorn.run(
        Litestar([join]),
        host=HOST,
        port=port,
        backlog=4096,
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )


async def websockets(port: int) -> None:
    """The websockets library's own server and ``broadcast``, which does not wait for members."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve
    from websockets.exceptions import ConnectionClosed

    room = Room()
    members: set[ServerConnection] = set()

    async def join(connection: ServerConnection) -> None:
        assert connection.request is not None
        user_id = parse_qs(urlsplit(connection.request.path).query)["user_id"][0]
        members.add(connection)
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                posted = room.post(user_id, str(text))
                if posted is not None:
                    message, ack = posted
                    broadcast(members, message)
                    await connection.send(ack)
        members.discard(connection)

    async with serve(join, HOST, port, compression=None, backlog=4096) as server:
        await server.serve_forever()


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "litestar":
        litestar(port)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(websockets(port))


if __name__ == "__main__":
    main()
