"""Where a chat is found: the two documents name it differently."""

CHATS = ["/api/chat", "/api/chats"]


def of_chat(rest: str = "") -> list[str]:
    return [f"/api/{chats}/{{chat_id:int}}{rest}" for chats in ("chat", "chats")]
