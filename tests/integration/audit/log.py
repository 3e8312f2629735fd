"""One told story in a database of a test's own, and the means to tamper with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text

from tests.guards import lift_guards
from tests.integration.audit.story import Story
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine

SNAPSHOT_KEY = bytes(range(32))
CODEC = EventCodec()  # to compile it takes longer than most tests


class Log:
    """A database with the story in it. Whoever has the file can do all of this."""

    def __init__(self, url: str, story: Story) -> None:
        self.url = url
        self.story = story
        self.reading = reader_engine(url)
        self.writing = writer_engine(url)
        self.audit = LogAudit(self.reading, self.writing, CODEC, snapshot_key=lambda: SNAPSHOT_KEY)

    def close(self) -> None:
        self.reading.dispose()
        self.writing.dispose()

    def change(self, sql: str, **values: Any) -> int:
        """Run one statement, past every guard, and return how many rows it touched."""
        with self.writing.begin() as connection:
            lift_guards(connection)
            return connection.execute(text(sql), values).rowcount

    def rows(self, sql: str, **values: Any) -> list[Mapping[str, Any]]:
        with self.reading.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def events(self) -> list[Mapping[str, Any]]:
        return self.rows("SELECT * FROM events ORDER BY position")

    def event(self, stream: str, version: int) -> Mapping[str, Any]:
        (row,) = self.rows(
            "SELECT * FROM events WHERE stream_id = :stream AND version = :version",
            stream=stream,
            version=version,
        )
        return row

    def rewrite(
        self,
        stream: str,
        version: int,
        change: Callable[[bytes], bytes],
        *,
        rehash: bool = False,
    ) -> None:
        """Change a stored body, perhaps together with its hash."""
        row = self.event(stream, version)
        body = change(bytes(row["body"]))
        assert body != row["body"]
        self.change(
            "UPDATE events SET body = :body, leaf_hash = :leaf WHERE position = :position",
            body=body,
            leaf=leaf_hash(body) if rehash else row["leaf_hash"],
            position=row["position"],
        )

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        self.change(f"INSERT INTO {table} ({names}) VALUES ({marks})", **row)  # noqa: S608
        if table == "events" and self.writing.dialect.name == "postgresql":
            self.change("INSERT INTO log_queue VALUES (:position)", position=row["position"])

    def forget_missing(self) -> None:
        """Take what is gone out of the queue too, as somebody would who knows of it."""
        self.change("DELETE FROM log_queue WHERE position NOT IN (SELECT position FROM events)")

    def unseal(self) -> None:
        """Take the sealed log back: all events wait again."""
        for table in ("log_head", "log_tiles", "log_checkpoints"):
            self.change(f"DELETE FROM {table}")  # noqa: S608
        if self.writing.dialect.name == "postgresql":
            self.change("INSERT INTO log_queue SELECT position FROM log")
            self.change("DELETE FROM log")

    def findings(self) -> set[tuple[str, str]]:
        """Return code and place of everything `verify` finds; places without event ids."""
        return {(it.code, _place(it.where)) for it in self.audit.verify().findings}

    def differences(self) -> set[tuple[str, str, str | None, str | None, str | None]]:
        return {
            (it.table, it.key, it.column, it.stored, it.computed)
            for it in self.audit.diff().differences
        }


def _place(where: str) -> str:
    """Shorten `position 4, event …, order-… v2` to `order-… v2`."""
    return where.rpartition(", ")[2]
