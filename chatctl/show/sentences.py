"""An event of the log as a line for a person; ``visible`` comes after it."""

from chatctl.link.client import Json
from chatctl.show.visible import json_text


def of(kind: str, data: Json) -> str:
    """``kind`` is the event's type, ``data`` its values as the API gives them."""
    if kind == "message.posted":
        who = "*" if data["kind"] == "system" else f"{data['nickname']}:"
        return f"{who} {data['content']}"
    user = data.get("user_id", "")
    sentences = {
        "message.deleted": f"* message {data.get('seq')} was deleted",
        "session.joined": f"* {user} joined",
        "session.left": f"* {user} left ({data.get('reason')})",
        "ban.set": f"* {user} was banned{_until(data)}{_because(data)}",
        "ban.lifted": f"* the ban of {user} was lifted",
        "mute.set": f"* {user} was muted{_until(data)}{_because(data)}",
        "mute.lifted": f"* {user} may speak again",
        "user.kicked": f"* {user} was kicked",
        "room.created": f"* the room {data.get('name')} was created",
        "room.admins_set": f"* the room's admins are {', '.join(data.get('admins') or ['nobody'])}",
        "room.renamed": f"* the room is now called {data.get('name')}",
        "room.closed": "* the room was closed",
    }
    return sentences.get(kind, f"* {kind} {json_text(data)}")


def _until(data: Json) -> str:
    return f" until {data['expires_at']}" if data.get("expires_at") else ""


def _because(data: Json) -> str:
    return f" ({data['reason']})" if data.get("reason") else ""
