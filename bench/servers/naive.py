"""The loop that a first version is written with, on Litestar: ``await send`` for each member.

python naive.py PORT
"""

import itertools
import json
import sys
import time
from collections import defaultdict
from typing import Any

import uvicorn
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


class Room:
    def __init__(self) -> None:
        self.seq = 0
        self.members: set[Any] = set()


rooms: dict[str, Room] = defaultdict(Room)
message_ids = itertools.count(1)


def frame(kind: str, **payload: Any) -> str:
    return json.dumps({"type": kind, "payload": payload})


async def post(room: Room, sender: WebSocket[Any, Any, Any], user: str, text: str) -> None:
    command = json.loads(text)
    if command["type"] != "SendMessage":
        return
    content, client_msg_id = command["payload"]["content"], command["payload"]["client_msg_id"]
    room.seq += 1
    ids = {"message_id": next(message_ids), "seq": room.seq}
    message = frame(
        "Message",
        **{"from": user, "nickname": user, "content": content, "is_admin": False},
        **ids,
        created_at=int(time.time()),
        client_msg_id=client_msg_id,
    )
    for member in list(room.members):
        await member.send_text(message)
    await sender.send_text(frame("Ack", client_msg_id=client_msg_id, **ids, duplicate=False))


@websocket("/ws/rooms/{name:str}")
async def join(socket: WebSocket[Any, Any, Any], name: str) -> None:
    await socket.accept()
    room, user = rooms[name], str(socket.query_params["user_id"])
    room.members.add(socket)
    await socket.send_text(frame("WelcomeInfo", user_id=user, nickname=user, last_seq=room.seq))
    try:
        while True:
            await post(room, socket, user, await socket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        room.members.discard(socket)


if __name__ == "__main__":
    uvicorn.run(
        Litestar([join]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        backlog=4096,
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )
