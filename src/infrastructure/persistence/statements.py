"""Statements of the write path, made once from the table definitions.

The hot path hands rows to the driver as they are: amounts and instants as text in their canonical
form, which SQLite stores and PostgreSQL casts. Why statements are
neither built per call nor left to an ORM flush: docs/decisions/0005.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import insert

Row = tuple[Any, ...]
MANY: Final = 0  # any number of rows

_SQLITE = sqlite.dialect(paramstyle="qmark")
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


def sqlite_insert(table: Table) -> str:
    """Return `INSERT` for one row of the table, columns in the order of its definition."""
    return str(insert(table).compile(dialect=_SQLITE))


def sqlite_upsert(table: Table) -> str:
    """Return `INSERT … ON CONFLICT DO UPDATE` for one row, guarded by the stream's version."""
    statement = insert(table)
    upsert = statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={column.name: statement.excluded[column.name] for column in _settable(table)},
        where=statement.excluded.stream_version >= table.c.stream_version,
    )
    return str(upsert.compile(dialect=_SQLITE))


def postgres_insert(
    table: Table, rows: int = MANY, where: str = "true", without: Sequence[str] = ()
) -> str:
    """Return an `INSERT` of a number of rows into the table, all columns but those left out.

    Its parameters are `columns_of` the rows if it is made for `MANY`, else `parameters_of` them.
    """
    columns = [column for column in table.columns if column.name not in without]
    names = ", ".join(_quoted(column.name) for column in columns)
    types = [column.type.compile(_POSTGRES) for column in columns]
    if rows == MANY:
        source = f"unnest({', '.join(f'%s::{it}[]' for it in types)}) WITH ORDINALITY"
    else:
        row = ", ".join(f"%s::{it}" for it in types)
        source = f"(VALUES {', '.join(f'({row}, {n})' for n in range(rows))})"
    # Keep the order of the rows: positions are drawn in it.
    order = "" if rows == 1 else " ORDER BY t.ord"
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {names} "  # noqa: S608 - our own names
        f"FROM {source} AS t({names}, ord) WHERE {where}{order}"
    )


def postgres_upsert(table: Table, rows: int = MANY, where: str = "true") -> str:
    """Return `postgres_insert` with `ON CONFLICT DO UPDATE`, guarded by the stream's version."""
    keys = ", ".join(column.name for column in table.primary_key)
    sets = ", ".join(f"{_quoted(c.name)} = excluded.{_quoted(c.name)}" for c in _settable(table))
    return (
        f"{postgres_insert(table, rows, where)} ON CONFLICT ({keys}) DO UPDATE SET {sets} "
        f"WHERE excluded.stream_version >= {table.name}.stream_version"
    )


def parameters_of(rows: Sequence[Row]) -> list[Any]:
    """Return every value of some rows, one after another."""
    return [_parameter(value) for row in rows for value in row]


def _parameter(value: Any) -> Any:  # noqa: ANN401 - what a row may hold
    # Integers as text: the driver would name another type for each size, and prepare anew for it.
    if isinstance(value, (str, bytes)) or value is None:
        return value
    return _element(value)


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return rows as columns, each as the text of a PostgreSQL array.

    The driver can turn lists into arrays itself, but does so element by element in Python.
    """
    return ["{" + ",".join(map(_element, column)) + "}" for column in zip(*rows, strict=True)]


def _element(value: Any) -> str:  # noqa: ANN401 - what a row may hold
    if isinstance(value, str):
        if "\\" in value or '"' in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(value)
    msg = f"a row cannot hold a {type(value).__name__}"
    raise TypeError(msg)


def _settable(table: Table) -> list[Any]:
    keys = {column.name for column in table.primary_key}
    return [column for column in table.columns if column.name not in keys]


def _quoted(name: str) -> str:
    return str(_POSTGRES.identifier_preparer.quote(name))
