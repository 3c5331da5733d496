"""What is about one conversation takes a reference: no query and no action takes an id, but for
those that read the whole log. References are made by finders, and by what reads the whole log."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import chatctl_server
from chatctl_server import actions, storage

NAMES = {"conversation", "conversation_id", "room", "room_id", "public_id", "id"}
# Finders, which turn what a caller named into a reference; followers; the start and the stop.
EXEMPT = {
    "chatctl_server.storage.conversations.find": "a finder",
    "chatctl_server.storage.conversations.by_id": "followers",
    "chatctl_server.storage.rooms.find": "a finder",
    "chatctl_server.storage.rooms.find_open": "a finder",
    "chatctl_server.storage.rooms.find_ref": "a finder",
    "chatctl_server.storage.rooms.find_open_ref": "a finder",
    "chatctl_server.storage.rooms.by_id": "followers",
    "chatctl_server.storage.rooms.name_of": "followers",
    "chatctl_server.storage.support_conversations.find": "a finder",
    "chatctl_server.storage.support_conversations.beginning": "a finder",
    "chatctl_server.storage.client_ids.client_hash": "a number from numbers",
    "chatctl_server.storage.endpoints.find": "of an endpoint",
    "chatctl_server.storage.endpoints.find_any": "of an endpoint",
}
# Their rows are a follower's, which keeps the conversations of the events that it has read.
OF_FOLLOWERS = ("deliveries", "delivery_lists", "syncs")
MAKE_REFERENCES = {
    "storage/conversations.py": "the finders",
    "storage/rooms.py": "the finders",
    "storage/room_users.py": "a user over all rooms",
    "domain/references.py": "their classes",
    "actions/chats.py": "of what it has made",
    "actions/conversations.py": "of what it has made",
    "storage/chats.py": "the finders",
    "storage/account_erasures.py": "an account over all chats",
    "storage/chat_stays.py": "of a workspace's own",
    "demo.py": "of what it has made",
    "actions/support.py": "of what it has made",
    "storage/support_conversations.py": "the finders",
    "storage/support_files.py": "of a sender's files, over all conversations",
    "storage/messages.py": "what is deleted, over all chats and conversations",
    "storage/customers.py": "a customer over all conversations",
    "actions/sessions.py": "the start and the stop end the sessions of all rooms",
    "actions/history_batches.py": "a follower's",
    "actions/syncs.py": "a follower's",
    "workers/callbacks/renderer.py": "a follower's",
    "api/rooms/broadcaster.py": "of each event",
    "api/team/broadcaster.py": "of each event",
    "storage/missed_events.py": "of an account's chats",
}


def modules(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(each.name) for each in found if not each.ispkg]


FUNCTIONS = [
    function
    for module in (*modules(actions), *modules(storage))
    if not module.__name__.endswith(OF_FOLLOWERS)
    for function in vars(module).values()
    if inspect.isfunction(function)
    and function.__module__ == module.__name__
    and not function.__name__.startswith("_")
]


def test_no_function_takes_an_id_in_place_of_a_reference() -> None:
    taking = {
        f"{function.__module__}.{function.__name__}"
        for function in FUNCTIONS
        for name, parameter in inspect.signature(function).parameters.items()
        if name in NAMES and parameter.annotation in (int, str, "int", "str", int | None)
    }
    assert taking == set(EXEMPT)


def test_only_those_make_references() -> None:
    root = Path(chatctl_server.__file__).parent
    made = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"(?<!class )\b(RoomRef|ChatRef|SupportRef)\(", path.read_text())
        or re.search(r"(?<!_)\bCLASS_OF\[", path.read_text())
    }
    assert made == set(MAKE_REFERENCES) - {"domain/references.py"}
