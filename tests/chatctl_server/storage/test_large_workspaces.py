"""What a question costs does not depend on how many chats or messages a workspace has."""

import re

import pytest
from offline import Offline
from team import Town

from chatctl_server.storage import (
    account_erasures,
    chat_messages,
    chat_stays,
    chats,
    stored_files,
)
from chatctl_server.storage.sql import Query

FIRST_STEPS = {
    "which Single two have": (chats._SINGLE, "SEARCH h USING COVERING INDEX chat_pair (pair=?)"),
    "which chats somebody leaves": (
        chat_stays._OF_USER,
        "SEARCH p USING INDEX participant_user (user_id=?)",
    ),
    "invites of an erased account": (
        account_erasures._FORGET_INVITES,
        "SEARCH invite USING INDEX invite_email (email_key=?)",
    ),
    "the newest messages of all": (
        chat_messages._EVERYWHERE,
        "SEARCH message USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    ),
}


@pytest.mark.parametrize("asked", FIRST_STEPS)
def test_it_begins_where_there_is_little(scene: Offline, asked: str) -> None:
    town = Town(scene.path)
    anna, bert = town.person("Anna"), town.person("Bert")
    town.chat("single", "", anna, bert)
    query, first_step = FIRST_STEPS[asked]
    assert steps(town.scene, query)[0] == first_step


def test_whose_avatar_a_file_is_is_found_by_the_file(scene: Offline) -> None:
    """Asked in the writer, for each file that is removed."""
    found = steps(scene, stored_files._IS_UNUSED)
    assert "SEARCH a USING INDEX account_avatar (<expr>=?)" in found


def test_who_is_no_member_is_found_one_by_one(scene: Offline) -> None:
    found = steps(scene, chats._STRANGERS)
    assert "SEARCH m USING PRIMARY KEY (workspace=? AND account=?)" in found


def steps(scene: Offline, query: Query) -> list[str]:
    values = dict.fromkeys(re.findall(r":([a-z_]+)", query.text), 1)
    explained = Query(f"EXPLAIN QUERY PLAN {query.text}")
    return [step for *_, step in scene.ask(lambda db: explained.rows(db, **values))]
