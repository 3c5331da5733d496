"""A workspace in which there is everything that an operation of team chat can name, and people of
whom each may something else."""

from functools import partial

import argon2
from people import PASSWORD
from team import DEFAULT, Person, Town

from chatctl_server.actions import accounts, chat_messages, invites, logins, moderation
from chatctl_server.domain import account_events, events
from chatctl_server.domain.references import ChatRef
from chatctl_server.storage import passwords
from chatctl_server.storage.workspaces import WorkspaceRef

TWO_DAYS = 2 * 86400 * 1_000_000


class Village:
    """Anna owns the workspace acme and a chat in it, where Bert is muted and Carl banned; Dora is
    in no chat, Eve in another workspace, Frank in none. Greta is suspended. In the chat Bert, Carl
    and Anna have said one thing each. Anna, Carl and Greta have passwords."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self.acme = self._found_with_a_file()
        self.anna = town.person("Anna", self.acme, DEFAULT, role="owner")
        self.bert, self.carl, self.dora, self.greta = (
            town.person(name, self.acme, DEFAULT) for name in ("Bert", "Carl", "Dora", "Greta")
        )
        self.eve = town.person("Eve", town.workspace("taken"), role="owner")
        frank = town.scene.run(accounts.create, "Frank", "frank@example.org", None)
        self.frank = Person(frank.id, frank.email)
        self._hashed = hashed = argon2.PasswordHasher(1, 8, 1).hash(PASSWORD)
        for each in (self.anna, self.carl, self.greta):
            town.scene.run(lambda tx, _, of=each.id: passwords.save(tx.db, of, hashed))
        self.refresh_token_of_greta = self.refresh_token(self.greta)
        self._record(account_events.AccountSuspended(self.greta.id))
        self._open_chats()
        invited = "member", "x@example.org", 3600, 1
        self.code_of_another = town.scene.run(invites.create, self.acme, *invited).code
        self.reset_code = town.scene.run(accounts.make_reset_link, self.dora.id, 3600)

    def refresh_token(self, who: Person) -> str:
        """Of a sign-in."""
        begun = self._town.scene.run(logins.start, who.id, self._hashed, None)
        token: str = begun.refresh_token
        return token

    def _open_chats(self) -> None:
        town, everybody = self._town, (self.anna, self.bert, self.carl)
        chat = town.chat("group", "all", *everybody, workspace=self.acme)
        self.chat = chat.id
        self.single = town.chat("single", "two", self.anna, self.bert, workspace=self.acme).id
        town.chat("private", "taken", self.dora, workspace=self.acme)
        self.of_bert, self.of_carl, self.of_anna = (
            town.scene.post(chat, f"u{each.id}", "hello").message_id
            for each in (self.bert, self.carl, self.anna)
        )
        for kind, who in (("mute", self.bert), ("ban", self.carl)):
            set_ = partial(moderation.set_, kind)
            town.scene.run(set_, chat, f"u{who.id}", None, None)
        self._fill(town.chat("private", "full", self.anna, workspace=self.acme))

    def _fill(self, chat: ChatRef) -> None:
        """As much is pinned in it as can be; to its newest message are all reactions that can."""
        scene, sender = self._town.scene, f"u{self.anna.id}"
        run = partial(scene.run, actor=events.Actor(sender, "test"))
        for number in range(chat_messages.MAX_PINS):
            run(chat_messages.pin, chat, scene.post(chat, sender, f"{number}").message_id)
        self.full = scene.post(chat, sender, "full").message_id
        for number in range(chat_messages.MAX_EMOJI):
            run(chat_messages.react, chat, self.full, chr(0x1F600 + number))

    def _found_with_a_file(self) -> WorkspaceRef:
        """Two days ago, and nothing refers to the file."""
        scene = self._town.scene
        scene.now -= TWO_DAYS
        found = self._town.workspace("acme")
        stored = account_events.FileStored(found.number, "a" * 64, "png", "image/png", 3)
        self._record(stored, found.scope)
        scene.now += TWO_DAYS
        return found

    def _record(self, payload: events.Payload, scope: int | None = None) -> None:
        self._town.scene.run(lambda tx, actor: tx.record(payload, actor, scope=scope))
