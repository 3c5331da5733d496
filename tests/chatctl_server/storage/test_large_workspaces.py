"""What a question costs does not depend on how many chats or messages a workspace has."""

import re

import pytest
from offline import Offline
from team import Town

from chatctl_server.storage import chat_messages, chat_stays, chats
from chatctl_server.storage.sql import Query

FIRST_STEPS = {
    "which Single two have": (chats._SINGLE, "SEARCH h USING COVERING INDEX chat_pair (pair=?)"),
    "which chats somebody leaves": (
        chat_stays._OF_USER,
        "SEARCH p USING INDEX participant_user (user_id=?)",
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
    values = dict.fromkeys(re.findall(r":([a-z_]+)", query.text), 1)
    explained = Query(f"EXPLAIN QUERY PLAN {query.text}")
    plan = town.scene.ask(lambda db: explained.rows(db, **values))
    assert plan[0][3] == first_step
