"""What posts refer to: messages that they answer, members that they mention, files that they show.

Each query is asked for a whole batch: what is asked for is JSON.
"""

from collections.abc import Collection

import msgspec

from chatctl_server.storage.sql import Database, Query

File = tuple[int, int, str, str]  # the chat's scope, and the file's workspace, hash and extension
_THERE = Query("""SELECT conversation, id FROM message
    WHERE id IN (SELECT value FROM json_each(:messages)) AND deleted_at IS NULL""")
_PRESENT = Query("""SELECT p.conversation, p.user_id FROM json_each(:people) AS s
    JOIN participant p ON p.conversation = s.value ->> 0 AND p.user_id = s.value ->> 1
        AND p.left_offset IS NULL""")
_STORED = Query("""SELECT scope.id, f.workspace, f.hash, f.extension FROM json_each(:files) AS s
    JOIN scope ON scope.id = s.value ->> 0 AND scope.type = 'workspace'
        AND scope.number = s.value ->> 1
    JOIN stored_file f ON f.workspace = s.value ->> 1 AND f.hash = s.value ->> 2
        AND f.extension = s.value ->> 3""")


def messages_there(db: Database, asked: Collection[int]) -> set[tuple[int, int]]:
    """Of these messages those that are not deleted, each behind its conversation."""
    return set(_THERE.rows(db, messages=_json(asked)))


def present(db: Database, people: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Of conversations with a user those in which the user takes part."""
    return set(_PRESENT.rows(db, people=_json(people)))


def stored(db: Database, files: Collection[File]) -> set[File]:
    """Those that are known in the workspace whose scope stands before them."""
    return set(_STORED.rows(db, files=_json(files)))


def _json(values: Collection[object]) -> str:
    return msgspec.json.encode(list(values)).decode()
