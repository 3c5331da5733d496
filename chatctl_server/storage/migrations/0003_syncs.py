"""Syncs wait in a table for their rooms to be planned; when an endpoint failed last; deliveries by
their event.

The cursor ``callbacks.room`` was how far the sync after the cursor ``callbacks`` was planned.
"""

STATEMENTS = (
    "CREATE TABLE sync (id INTEGER PRIMARY KEY, room INTEGER NOT NULL)",
    """INSERT INTO sync
        SELECT events.position + 1, rooms.position FROM cursor events, cursor rooms
        WHERE events.name = 'callbacks' AND rooms.name = 'callbacks.room' AND rooms.position > 0""",
    # The rest of what that sync asks for was planned with its first rooms.
    """UPDATE cursor SET position = position + 1
        WHERE name = 'callbacks' AND EXISTS (SELECT 1 FROM sync)""",
    "DELETE FROM cursor WHERE name = 'callbacks.room'",
    "ALTER TABLE endpoint ADD COLUMN failed_at INTEGER",
    # Of which events an endpoint was told; batches have a number.
    "CREATE INDEX delivery_fact ON delivery (first) WHERE number IS NULL",
)


def up(migrator, db):  # type: ignore[no-untyped-def]  # called by Peewee's runner
    for statement in STATEMENTS:
        db.execute_sql(statement)
