"""``check`` finds what breaks a rule, and nothing in a database that keeps them all."""

import shutil
from pathlib import Path

import apsw
import pytest
from lived_in import flip_bytes, smuggle, tamper

from chatctl_server.errors import SchemaMismatch, StorageUnavailable
from chatctl_server.storage import maintenance


def rules(path: Path) -> set[str]:
    return {problem.rule for problem in maintenance.check(path)}


def test_a_database_that_was_lived_in_is_sound(database: Path) -> None:
    before = database.read_bytes()
    assert maintenance.check(database) == []
    assert database.read_bytes() == before


BROKEN = [
    ("offsets", "1 events are missing; 0 went", "DELETE FROM event WHERE id = 3"),
    ("events", "event 1 is damaged", "UPDATE event SET payload = '{' WHERE id = 1"),
    ("events", "of class message", "UPDATE event SET class = 'message' WHERE id = 1"),
    ("events", "conversation 99", "UPDATE event SET conversation = 99 WHERE id = 2"),
    ("counters", "message 13", "UPDATE counter SET value = 8 WHERE name = 'message'"),
    ("counters", "room_session 4", "DELETE FROM counter WHERE name = 'room_session'"),
    ("scopes", "of scope 9", "UPDATE event SET scope = 9 WHERE id = 2"),
    ("scopes", "2 is a support", "UPDATE conversation SET kind = 'support' WHERE id = 2"),
    ("rooms", "2 is a room", "DELETE FROM room_stats WHERE conversation = 2"),
    ("stays", "before it begins", "UPDATE participant SET left_offset = 0 WHERE user_id = 'ann'"),
    (
        "stays",
        "twice",
        "INSERT INTO participant SELECT conversation, user_id, joined_offset - 1, "
        "joined_offset + 1, role FROM participant WHERE user_id = 'carl'",
    ),
    ("cursors", "audit", "UPDATE cursor SET position = 1000 WHERE name = 'audit'"),
    ("cursors", "audit", "UPDATE cursor SET position = -1 WHERE name = 'audit'"),
    ("seq", "last seq is 99", "UPDATE conversation SET last_seq = 99 WHERE id = 1"),
    ("seq", "has 6 messages", "DELETE FROM message WHERE id = 2"),
    ("seq", "seq 1 to 50", "UPDATE message SET seq = 50 WHERE id = 7"),
    ("seq", "conversation 99", "UPDATE message SET conversation = 99 WHERE id = 8"),
    ("log", "message 2 does not fit", "UPDATE message SET event_offset = 5 WHERE id = 2"),
    ("log", "message 101 does not fit", "UPDATE message SET id = id + 100 WHERE id = 1"),
    ("log", "is missing", "DELETE FROM message WHERE id = 8"),
    ("order", "message 2 stands behind 1", "UPDATE message SET created_at = 1 WHERE id = 2"),
    ("erased", "message 3", "UPDATE message SET content = 'a secret' WHERE id = 3"),
    (
        "erased",
        "message 3",
        "UPDATE event SET payload = json_set(payload, '$.content', 'a secret') "
        "WHERE id = (SELECT event_offset FROM message WHERE id = 3)",
    ),
    ("erased", "message 3", "UPDATE message SET deleted_at = NULL WHERE id = 3"),
    (
        "erased",
        "erases a message that is not erased",
        "UPDATE message SET deleted_at = NULL, erased_at = NULL, changed_offset = NULL "
        "WHERE id = 3",
    ),
    ("changed", "message 2 is deleted", "UPDATE message SET deleted_at = 5 WHERE id = 2"),
    ("changed", "message 2 does not fit", "UPDATE message SET changed_offset = 5 WHERE id = 2"),
    ("client_id", "messages 1 and 2", "UPDATE message SET sender = 'bob' WHERE id = 2"),
    (
        "client_id",
        "message 1 cannot be found",
        "INSERT INTO server_state VALUES ('client_ids_written', 8)",
    ),
    ("users", "counts 9 users", "UPDATE room_stats SET current_users = 9 WHERE conversation = 1"),
    ("users", "at most 0", "UPDATE room_stats SET peak_users = 0 WHERE conversation = 1"),
    ("users", "and 7 joins", "UPDATE room_stats SET total_joins = 7 WHERE conversation = 1"),
    ("sessions", "ends before", "UPDATE room_session SET leave_time = 1 WHERE id = 1"),
    ("chats", "is a single", "DELETE FROM chat"),
    ("owners", "has 2 owners", "UPDATE participant SET role = 'owner' WHERE user_id = 'u2'"),
    ("owners", "has 0 owners", "UPDATE participant SET role = 'admin' WHERE user_id = 'u1'"),
    ("singles", "u2 is in chat", "UPDATE chat SET pair = 'u1 u22'"),
    (
        "singles",
        "u7 is in chat",
        "INSERT INTO participant SELECT conversation, 'u7', joined_offset, NULL, 'member' "
        "FROM participant WHERE user_id = 'u1'",
    ),
    ("members", "u2 is in chat", "DELETE FROM workspace_member WHERE account = 2"),
    ("reads", "u2 has read message", "UPDATE read_mark SET seq = 2"),
    ("mentions", "u2 is mentioned", "UPDATE mention SET seq = 2"),
    ("desk", "is a support", "DELETE FROM support"),
    ("desk", "at the desk it is open", "UPDATE support SET status = 'open'"),
    ("desk", "is closed", "UPDATE conversation SET status = 'closed' WHERE kind = 'support'"),
    ("desk", "snoozed, until None", "UPDATE support SET status = 'snoozed'"),
    ("desk", "a support", "DELETE FROM support_message"),
    ("desk", "message 1 of", "INSERT INTO support_message VALUES (1, 'msg_1', 'text', NULL, 0)"),
    ("envelopes", "its event and site", "UPDATE envelope SET event_offset = event_offset + 1000"),
    ("envelopes", "workspace 7", "UPDATE envelope SET workspace = 7"),
    ("envelopes", "of conversation 1", "UPDATE envelope SET conversation = 1"),
    ("envelopes", "for nobody", "DELETE FROM envelope"),
    ("envelopes", "for all, the message is for agents", "UPDATE envelope SET is_private = 0"),
    ("references", "participant", "INSERT INTO participant VALUES (99, 'eve', 1, NULL, 'admin')"),
    ("schema", "index message_changed is missing", "DROP INDEX message_changed"),
    ("schema", "table extra", "CREATE TABLE extra (x)"),
]


def test_what_breaks_a_rule_is_found(lived_in_file: Path, tmp_path: Path) -> None:
    missed = []
    for number, (rule, detail, statement) in enumerate(BROKEN):
        path = tmp_path / f"{number}.db"
        shutil.copy(lived_in_file, path)
        tamper(path, statement)
        found = [str(problem) for problem in maintenance.check(path) if problem.rule == rule]
        if not any(detail in line for line in found):
            missed.append((statement, found))
    assert missed == []


def test_two_open_sessions_of_one_user_are_found_without_the_index(database: Path) -> None:
    tamper(
        database,
        "DROP INDEX room_session_open",
        "UPDATE counter SET value = 99 WHERE name = 'room_session'",
        "INSERT INTO room_session SELECT 99, conversation, user_id, nickname, join_time, "
        "NULL, NULL, NULL FROM room_session WHERE user_id = 'bob' AND leave_time IS NULL",
    )
    assert rules(database) == {"schema", "sessions", "users"}


def test_a_message_behind_its_senders_ban_or_its_rooms_end_is_found(database: Path) -> None:
    """But not behind the end of the ban."""
    for sender in ("carl", "dave", "frank"):
        smuggle(database, 1, sender)
    assert maintenance.check(database) == []
    smuggle(database, 1, "eve")
    assert [str(problem) for problem in maintenance.check(database)] == [
        f"banned: message 17 was posted while event {ban_of(database, 'eve')} banned its sender"
    ]
    smuggle(database, 2, "bob")
    assert rules(database) == {"banned", "closed"}


def test_many_problems_of_one_rule_are_cut_with_a_word(database: Path) -> None:
    tamper(
        database,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
        "INSERT INTO cursor SELECT 'follower-' || i, 1000 FROM n",
    )
    found = maintenance.check(database)
    assert len(found) == 21
    assert "only the first 20" in found[-1].detail


def test_flipped_bytes_are_found(lived_in_file: Path, tmp_path: Path) -> None:
    """On every page, and in the schema on the first."""
    size = 4096
    path = tmp_path / "chat.db"
    shutil.copy(lived_in_file, path)
    flip_bytes(path, 100)
    assert rules(path) == {"integrity"}
    for page in range(1, lived_in_file.stat().st_size // size):
        path = tmp_path / f"{page}.db"
        shutil.copy(lived_in_file, path)
        flip_bytes(path, page * size)
        assert maintenance.check(path), page


def test_lost_tables_are_problems(database: Path) -> None:
    lost = ("message", "endpoint", "cursor")
    tamper(database, *(f"DROP TABLE {table}" for table in lost))
    found = set(map(str, maintenance.check(database)))
    assert {f"schema: table {table} is missing" for table in lost} <= found


def test_what_is_no_database_of_ours(database: Path, tmp_path: Path) -> None:
    """Another file is a problem; one that is missing is refused and not made."""
    path = tmp_path / "notes.db"
    path.write_bytes(b"once upon a time " * 500)
    (problem,) = maintenance.check(path)
    assert str(problem).endswith("notes.db is not a SQLite database")
    with pytest.raises(StorageUnavailable, match="no database"):
        maintenance.check(tmp_path / "gone.db")
    assert not (tmp_path / "gone.db").exists()
    tamper(database, "INSERT INTO schema_migration (name, applied) VALUES ('0999_later', 'now')")
    with pytest.raises(SchemaMismatch, match="0999_later is unknown"):
        maintenance.check(database)


def ban_of(path: Path, user_id: str) -> int:
    connection = apsw.Connection(str(path))
    (found,) = connection.execute(
        "SELECT id FROM event WHERE type = 'ban.set' AND payload ->> '$.user_id' = ?", (user_id,)
    )
    connection.close()
    return int(found[0])
