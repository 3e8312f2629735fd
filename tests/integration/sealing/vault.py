"""A database with a log, what writes to it, what seals it, and what looks at the result."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.builders import NOON
from tests.guards import lift_guards
from tests.reference.merkle import leaf, tree_hash
from tests.stores import Desk, Owned, SqlStore
from traderbot.infrastructure.event_store.log_reader import LogReader, snapshot
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.repeatable import ReplayClock
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import (
    Signer,
    Verifier,
    checkpoint_text,
    parse_checkpoint,
)
from traderbot.infrastructure.sealing.stored_tree import (
    Head,
    StoredCheckpoint,
    checkpoints,
    epochs,
    head,
    stored_tree,
)

ORIGIN = "example.org/log"
SIGNER = Signer(ORIGIN, bytes(range(32)))


class Vault(SqlStore):
    """A log and its sealers. Each sealer has a connection of its own, as of another process."""

    def __init__(self, stack: ExitStack, url: str, anchors: Path) -> None:
        super().__init__(stack, url)
        self.stack = stack
        self.anchor_path = anchors
        self.engine = self._engine(writer_engine(url))
        self.clock = ReplayClock(NOON)

    @property
    def file(self) -> Path:
        """The file, if it is one."""
        return Path(self.url.removeprefix("sqlite:///"))

    def sealer(self, *, signer: Signer = SIGNER, origin: str = ORIGIN, batch: int = 2048) -> Sealer:
        found = Sealer(
            self._engine(writer_engine(self.url)),
            signer,
            origin,
            AnchorFile(self.anchor_path),
            self.clock,
            batch=batch,
        )
        self.stack.callback(found.close)
        return found

    def let_go(self) -> None:
        """Close every connection, so that the database can be copied; asking opens another."""
        self.stack.close()
        for engine in (self.reader, self.engine):
            self.stack.callback(engine.dispose)

    def filled(self, deposits: int) -> tuple[Desk, Owned]:
        """Write a portfolio and so many deposits: three events, and one for each."""
        desk = self.desk()
        owned = desk.portfolio()
        for _ in range(deposits):
            desk.deposit(owned, "1 USD")
        return desk, owned

    def change(self, sql: str, **values: Any) -> int:
        """Run one statement, past every guard, and return how many rows it touched."""
        with self.engine.begin() as connection:
            lift_guards(connection)
            return connection.execute(text(sql), values).rowcount

    def value(self, sql: str, **values: Any) -> Any:
        with self.reader.connect() as connection:
            return connection.execute(text(sql), values).scalar_one()

    def head(self) -> Head:
        with snapshot(self.reader) as reader:
            return head(reader)

    def places(self) -> list[tuple[int, int, bytes]]:
        """Return (log_index, position, leaf_hash) of the log, by index."""
        with snapshot(self.reader) as reader:
            found = reader.rows("SELECT log_index, position, leaf_hash FROM log ORDER BY log_index")
            return [(row[0], row[1], bytes(row[2])) for row in found]

    def checkpoints(self) -> list[StoredCheckpoint]:
        with snapshot(self.reader) as reader:
            return list(checkpoints(reader))

    def check(self, *, size: int | None = None) -> Head:
        """Hold everything that is sealed against the events themselves; return how far it is."""
        with snapshot(self.reader) as reader:
            now = head(reader)
            assert size is None or now.size == size
            leaves = _leaves_in_log_order(reader, now.size)
            assert len(leaves) == now.size
            tree = stored_tree(reader)
            assert now.root == tree_hash(leaves) == tree.root(now.size)
            assert [tree.leaf(index) for index in range(now.size)] == leaves
            named = {it.epoch: it.origin for it in epochs(reader)} | {1: ORIGIN}
            for it in checkpoints(reader):
                body = parse_checkpoint(Verifier(SIGNER.vkey).verify(it.note))
                assert it.note.startswith(checkpoint_text(named[it.epoch], it.size, it.root))
                assert (body.size, body.root) == (it.size, it.root)
                assert it.size <= now.size
                assert it.root == tree.root(it.size)
            for anchor in AnchorFile(self.anchor_path).all():
                assert (anchor.size, anchor.epoch, anchor.note) in {
                    (it.size, it.epoch, it.note) for it in checkpoints(reader)
                }
            return now


def later(clock: ReplayClock, at: datetime) -> None:
    """Move a clock on."""
    clock.move_to(at)


def _leaves_in_log_order(reader: LogReader, size: int) -> list[bytes]:
    found = reader.rows(
        "SELECT l.log_index, e.stream_id, e.version, e.body FROM log l "
        "JOIN events e ON e.position = l.position WHERE l.log_index < ? ORDER BY l.log_index",
        size,
    )
    versions: dict[str, int] = {}
    for number, (index, stream, version, _) in enumerate(found):
        assert index == number
        assert version == versions.get(stream, 0) + 1
        versions[stream] = version
    return [leaf(bytes(row[3])) for row in found]
