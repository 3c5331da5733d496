"""A chat service as one would write it first: Litestar, async SQLAlchemy, aiosqlite, WAL, FULL.

python plain_litestar.py DATABASE PORT. Who calls is taken from the token, a user's number.
"""

import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, Request, get, post
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from sqlalchemy import ForeignKey, event, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Chat(Base):
    __tablename__ = "chat"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class Member(Base):
    __tablename__ = "member"
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(primary_key=True, index=True)


class Message(Base):
    __tablename__ = "message"
    id: Mapped[int] = mapped_column(primary_key=True)
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), index=True)
    sender_id: Mapped[int]
    content: Mapped[str]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class NewChat(msgspec.Struct):
    name: str
    members: list[int]


class NewMessage(msgspec.Struct):
    content: str
    idempotency_key: str


class Shown(msgspec.Struct):
    id: int
    chat_id: int
    sender_id: int
    content: str
    idempotency_key: str
    created_at: datetime


AnyRequest = Request[Any, Any, Any]
engine = create_async_engine(f"sqlite+aiosqlite:///{sys.argv[1]}")
sessions = async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def durable(connection: Any, _: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def caller(request: AnyRequest) -> int:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token.isdecimal():
        raise NotAuthorizedException
    return int(token)


async def check_member(session: AsyncSession, chat_id: int, user_id: int) -> None:
    if await session.get(Member, (chat_id, user_id)) is None:
        raise PermissionDeniedException


def shown(row: Message) -> Shown:
    return Shown(
        row.id, row.chat_id, row.sender_id, row.content, row.idempotency_key, row.created_at
    )


@post("/api/chats")
async def create_chat(request: AnyRequest, data: NewChat) -> dict[str, int]:
    async with sessions() as session:
        chat = Chat(name=data.name, created_at=datetime.now(UTC))
        session.add(chat)
        await session.flush()
        users = dict.fromkeys((caller(request), *data.members))
        session.add_all(Member(chat_id=chat.id, user_id=each) for each in users)
        await session.commit()
        return {"id": chat.id}


@post("/api/chats/{chat_id:int}/messages")
async def post_message(request: AnyRequest, chat_id: int, data: NewMessage) -> Shown:
    user_id = caller(request)
    async with sessions() as session:
        await check_member(session, chat_id, user_id)
        known = select(Message).where(Message.idempotency_key == data.idempotency_key)
        if (found := await session.scalar(known)) is not None:
            return shown(found)
        row = Message(
            chat_id=chat_id,
            sender_id=user_id,
            content=data.content,
            idempotency_key=data.idempotency_key,
            created_at=datetime.now(UTC),
        )
        session.add(row)
        await session.commit()
        return shown(row)


@get("/api/chats/{chat_id:int}/messages")
async def list_messages(request: AnyRequest, chat_id: int, limit: int = 50) -> list[Shown]:
    async with sessions() as session:
        await check_member(session, chat_id, caller(request))
        asked = select(Message).where(Message.chat_id == chat_id)
        rows = await session.scalars(asked.order_by(Message.id.desc()).limit(limit))
        return [shown(row) for row in rows]


@get("/api/chats")
async def list_chats(request: AnyRequest) -> list[dict[str, Any]]:
    last = func.max(Message.id)
    asked = (
        select(Chat.id, Chat.name, last)
        .join(Member, Member.chat_id == Chat.id)
        .outerjoin(Message, Message.chat_id == Chat.id)
        .where(Member.user_id == caller(request))
        .group_by(Chat.id)
        .order_by(last.desc())
    )
    async with sessions() as session:
        rows = await session.execute(asked)
        return [{"id": id_, "name": name, "last": newest} for id_, name, newest in rows]


async def prepare() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


app = Litestar(
    [create_chat, post_message, list_messages, list_chats],
    on_startup=[prepare],
    logging_config=None,
    openapi_config=None,
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
