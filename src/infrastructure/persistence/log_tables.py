"""The tables of the sealed log and of those who follow it.

`log` gives every event its final place. On SQLite it is a view on `events`, whose positions are
dense already; on PostgreSQL the sealer fills it from `log_queue`. Over it stands one RFC 6962
Merkle tree, kept as tiles (C2SP tlog-tiles), and its signed checkpoints.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, Table
from sqlalchemy.orm import Mapped, mapped_column

from traderbot.infrastructure.persistence.tables import BIG, ONE_TREE, Base


class LogQueueRow(Base):
    """An event that waits for its place in the sealed log (PostgreSQL only)."""

    __tablename__ = "log_queue"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class LogHeadRow(Base):
    """How far the log is sealed: one row, number 1. Its lock is what lets one sealer work."""

    __tablename__ = "log_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    frontier: Mapped[bytes]  # the hashes of the complete subtrees, largest first, 32 bytes each
    root: Mapped[bytes]
    epoch: Mapped[int]


class LogTileRow(Base):
    """256 hashes of one level of the tree, or as many as there are: 32 bytes each."""

    __tablename__ = "log_tiles"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tile: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


class LogCheckpointRow(Base):
    """A size and a root that were signed. `note` is the whole signed note."""

    __tablename__ = "log_checkpoints"

    tree_size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    note: Mapped[str]
    key_id: Mapped[str]
    sealed_at: Mapped[datetime]


class LogEpochRow(Base):
    """Under which name checkpoints are signed, from which size on, and why it changed."""

    __tablename__ = "log_epochs"

    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    origin: Mapped[str]
    started_at: Mapped[datetime]
    reason: Mapped[str]
    previous_size: Mapped[int]
    previous_root: Mapped[bytes]


class SubscriptionRow(Base):
    """A durable handler's place in the log: every event below `position` is behind it."""

    __tablename__ = "subscriptions"
    __table_args__ = ONE_TREE

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    position: Mapped[int]  # the next log_index it handles
    generation: Mapped[int]  # grows with every owner, so that a lost lease cannot write
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    status: Mapped[str]  # running, halted, rebuilding
    error: Mapped[str | None]
    updated_at: Mapped[datetime]


class ParkedEventRow(Base):
    """An event one subscription could not handle yet; attempts are counted before each call."""

    __tablename__ = "parked_events"
    __table_args__ = (Index(None, "subscription", "sequence_key", "log_index"),)

    subscription: Mapped[str] = mapped_column(primary_key=True)
    log_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[str]
    sequence_key: Mapped[str]
    attempts: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    error_type: Mapped[str]
    error: Mapped[str]
    status: Mapped[str]  # retrying, parked, requeued, discarded
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]


class EffectRow(Base):
    """A side effect one reactor had on the world because of one event, and the token it used."""

    __tablename__ = "effects"

    subscription: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[str]
    status: Mapped[str]  # started, done, failed
    attempts: Mapped[int]
    response_digest: Mapped[str | None]
    updated_at: Mapped[datetime]


class SnapshotRow(Base):
    """States as the log's first `size` events make them. A cache: read only if its stamp fits."""

    __tablename__ = "snapshots"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fingerprint: Mapped[str]  # of the program's state types, codecs and folding
    root: Mapped[bytes]  # of the log at that size
    states: Mapped[bytes]
    digest: Mapped[bytes]  # SHA-256 of `states`


# `log` is a view in SQLite, so no model stands for it and Alembic is not asked to compare it.
LOG = Table(
    "log",
    Base.metadata,
    Column("log_index", BIG, primary_key=True, autoincrement=False),
    Column("position", BIG, nullable=False, unique=True),
    Column("leaf_hash", LargeBinary, nullable=False),
    info={"view_on": "sqlite"},
)
