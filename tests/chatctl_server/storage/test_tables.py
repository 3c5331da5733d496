"""The models say what the migrations make: every table, column, key and ``NOT NULL``."""

from collections.abc import Iterator
from typing import Any

import pytest
from peewee import BigIntegerField, BlobField, BooleanField, Database, ForeignKeyField, TextField

from chatctl_server.storage import models
from chatctl_server.storage.maintenance import schemas

TYPES = {BigIntegerField: "INTEGER", BooleanField: "INTEGER", TextField: "TEXT", BlobField: "BLOB"}


@pytest.fixture(scope="module")
def db() -> Iterator[Database]:
    with schemas.scratch() as made:
        yield made


def column_type(field: Any) -> str:
    if isinstance(field, ForeignKeyField):
        return column_type(field.rel_field)
    return TYPES[type(field)]


def test_every_table_has_a_model(db: Database) -> None:
    tables = db.execute_sql(
        "SELECT name FROM sqlite_schema WHERE type = 'table' "
        "AND name NOT GLOB 'sqlite_*' AND name <> 'schema_migration'"
    )
    assert sorted(name for (name,) in tables) == sorted(
        model._meta.table_name for model in models.ALL
    )


def test_a_model_has_the_columns_of_its_table(db: Database) -> None:
    for model in models.ALL:
        meta = model._meta
        info = db.execute_sql(f"PRAGMA table_info({meta.table_name})").fetchall()
        assert [(name, kind) for _, name, kind, *_ in info] == [
            (field.column_name, column_type(field)) for field in meta.sorted_fields
        ]
        keys = [name for _, name, *_, place in sorted(info, key=lambda row: row[5]) if place]
        assert keys == [field.column_name for field in meta.get_primary_keys()]
        needed = {name for _, name, _, is_needed, _, place in info if is_needed or place}
        assert needed == {field.column_name for field in meta.sorted_fields if not field.null}


def test_a_model_has_the_references_of_its_table(db: Database) -> None:
    for model in models.ALL:
        meta = model._meta
        rows = db.execute_sql(f"PRAGMA foreign_key_list({meta.table_name})").fetchall()
        assert {(name, table, to) for _, _, table, name, to, *_ in rows} == {
            (field.column_name, field.rel_model._meta.table_name, field.rel_field.column_name)
            for field in meta.sorted_fields
            if isinstance(field, ForeignKeyField)
        }


def test_a_model_says_whether_its_table_has_rowids(db: Database) -> None:
    without = db.execute_sql("SELECT name FROM pragma_table_list WHERE wr AND schema = 'main'")
    assert {name for (name,) in without} == {
        model._meta.table_name for model in models.ALL if model._meta.without_rowid
    }
