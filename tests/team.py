"""Accounts, workspaces and chats for a story, made on the file before its server starts, and what
their owners show to the server."""

import time
from pathlib import Path
from typing import NamedTuple

from offline import Offline

from chatctl_server.actions import accounts, chats, workspaces
from chatctl_server.domain.access_tokens import AccessTokens
from chatctl_server.domain.event_types import Role
from chatctl_server.domain.references import ChatRef, Kind
from chatctl_server.storage.workspaces import WorkspaceRef

SECRET = "the-secret-of-the-access-tokens-of-the-tests"
SETTINGS = {"JWT_SECRET": SECRET}
DEFAULT = WorkspaceRef(0, 2)
TOKENS = AccessTokens([SECRET], "fechatter-server", "fechatter-web")


class Person(NamedTuple):
    id: int
    email: str

    @property
    def token(self) -> str:
        return self.token_of(f"login-of-{self.id}")

    def token_of(self, login_id: str, expires_in: float = 1800) -> str:
        return TOKENS.mint(self.id, login_id, {}, time.time() + expires_in - 1800)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Town:
    """What is there before the server starts. ``close`` before that."""

    def __init__(self, path: Path) -> None:
        self.scene = Offline(path, now=int(time.time() * 1_000_000))

    def person(self, name: str, *places: WorkspaceRef, role: Role = "member") -> Person:
        """Without a password, in workspace 0 unless others are named."""
        email = f"{name.lower()}@example.org"
        made = self.scene.run(accounts.create, name, email, None)
        for each in places or (DEFAULT,):
            self.scene.run(workspaces.add_member, each, made.id, role)
        return Person(made.id, email)

    def workspace(self, name: str) -> WorkspaceRef:
        ref: WorkspaceRef = self.scene.run(workspaces.create, name).ref
        return ref

    def chat(
        self, kind: Kind, name: str, *people: Person, workspace: WorkspaceRef = DEFAULT
    ) -> ChatRef:
        """The first one owns it."""
        creator, *others = (each.id for each in people)
        ref: ChatRef = self.scene.run(chats.create, workspace, kind, name, creator, others)
        return ref

    def close(self) -> None:
        self.scene.close()
