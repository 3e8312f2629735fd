"""The story with a few hundred events more, sealed in portions, signed and published on the way."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from tests.builders import NOON
from tests.integration.audit.log import CODEC, SNAPSHOT_KEY, Log
from tests.integration.audit.story import Story, Teller, tell
from traderbot.application.commands.operations import RecordEpoch
from traderbot.application.ports.audit import VerifyReport, VerifyScope
from traderbot.bootstrap import Traderbot
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.witnesses import Trust
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.event_store.merkle import Frontier
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.repeatable import ReplayClock
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import Signer
from traderbot.infrastructure.sealing.stored_tree import checkpoints
from traderbot.infrastructure.sealing.tiles import grown

ORIGIN = "example.org/audited"
SIGNER = Signer(ORIGIN, bytes(range(32)))
STRANGER = Signer(ORIGIN, bytes(32))
SIZES = (40, 100, 256, 300, 512, 520, 600)  # of the checkpoints
ANCHORED = (100, 300, 600)
EVENTS = 610  # ten of them are not sealed


@dataclass(frozen=True, slots=True)
class Told:
    """A sealed log at rest."""

    url: str
    anchors: Path
    story: Story


def tell_and_seal(url: str, anchors: Path) -> Told:
    """Tell a story to an empty database, and seal it up to its last ten events."""
    story = tell(url)
    teller = Teller(url, story.ends, seed="a crowd")
    with teller.bot:
        for number in range(EVENTS - story.events):
            teller.user(f"{number}@example.org")
    engine = writer_engine(url)
    seal(engine, anchors)
    engine.dispose()
    return Told(url, anchors, story)


def seal(engine: Engine, anchors: Path, signer: Signer = SIGNER) -> None:
    """Seal a log as it was sealed the first time."""
    sealer = sealer_of(engine, anchors, signer)
    size = 0
    for end in SIZES:
        sealer._seal_batch(end - size, patient=True)
        sealer.checkpoint(anchor=end in ANCHORED)
        size = end
    sealer.close()


def sealer_of(engine: Engine, anchors: Path, signer: Signer = SIGNER) -> Sealer:
    return Sealer(engine, signer, ORIGIN, AnchorFile(anchors), ReplayClock(NOON))


class SealedLog(Log):
    """A sealed log, and what somebody could do to it who has the database, or the key as well."""

    def __init__(self, url: str, told: Told, anchors: Path) -> None:
        super().__init__(url, told.story)
        shutil.copyfile(told.anchors, anchors)
        self.anchors = anchors
        trust = Trust(origin=ORIGIN, key=SIGNER.vkey, anchors=anchors)
        self.audit = LogAudit(
            self.reading, self.writing, CODEC, lambda: trust, snapshot_key=lambda: SNAPSHOT_KEY
        )
        self.dialect = self.writing.dialect.name

    def verify(self, **scope: object) -> VerifyReport:
        return self.audit.verify(None, VerifyScope(**scope))  # type: ignore[arg-type]

    def codes(self, **scope: object) -> set[str]:
        return {it.code for it in self.verify(**scope).findings}

    def note(self, size: int) -> str:
        """Return the signed checkpoint of a size."""
        with snapshot(self.reading) as reader:
            return next(it.note for it in checkpoints(reader) if it.size == size)

    def stream_at(self, index: int) -> tuple[str, int]:
        row = self.events()[index]
        return row["stream_id"], row["version"]

    def rewrite_at(self, index: int, old: bytes, new: bytes) -> None:
        """Change the last event of a stream, its hash, and the end of its stream."""
        stream, version = self.stream_at(index)
        self.rewrite(stream, version, lambda body: body.replace(old, new), rehash=True)
        leaf = leaf_hash(bytes(self.event(stream, version)["body"]))
        self.change(
            "UPDATE streams SET head_hash = :h WHERE stream_id = :s AND version = :v",
            h=leaf,
            s=stream,
            v=version,
        )

    def seal_again(self, signer: Signer) -> None:
        """Seal all of it anew, with somebody's key and an anchor file of their own."""
        self.unseal()
        elsewhere = self.anchors.with_suffix(".forged")
        elsewhere.unlink(missing_ok=True)
        seal(self.writing, elsewhere, signer)


def begin_epoch(log: SealedLog, reason: str = "restored from a copy") -> None:
    """Begin an epoch as an operator does: first the fact, then the deed."""
    sealer = sealer_of(log.writing, log.anchors)
    epoch = sealer.next_epoch()
    with Traderbot.open(log.url) as bot:
        bot.run(
            RecordEpoch(
                epoch=epoch.epoch,
                origin=epoch.origin,
                reason=reason,
                size=epoch.size,
                root=epoch.root,
                published_size=epoch.published_size,
                published_root=epoch.published_root,
            )
        )
    sealer.start_epoch(epoch, reason)
    sealer.checkpoint(anchor=True)
    sealer.close()


def invent_epoch(log: SealedLog) -> None:
    """Begin an epoch as somebody does who has the database and no key."""
    size = len(log.events())
    log.change("UPDATE log_head SET epoch = 2")
    log.change(
        "INSERT INTO log_epochs "
        "(epoch, origin, started_at, reason, previous_size, previous_root) "
        "VALUES (2, :origin, '2026-01-01T00:00:00.000000Z', 'restored', :size, :root)",
        origin=f"{ORIGIN}/epoch-2",
        size=size,
        root=bytes(32),
    )


def regrow(log: SealedLog, size: int) -> None:
    """Make the tree fit the first events again, as somebody does who has no key."""
    leaves = [bytes(row["leaf_hash"]) for row in log.events()[:size]]
    if log.dialect == "postgresql":
        log.change(
            "UPDATE log SET leaf_hash = "
            "(SELECT leaf_hash FROM events e WHERE e.position = log.position)"
        )
    for (level, tile), hashes in grown(lambda _level, _tile: b"", 0, leaves).items():
        log.change(
            "UPDATE log_tiles SET hashes = :h WHERE level = :l AND tile = :t",
            h=hashes,
            l=level,
            t=tile,
        )
    frontier = Frontier()
    frontier.extend(leaves)
    log.change(
        "UPDATE log_head SET root = :r, frontier = :f",
        r=frontier.root(),
        f=b"".join(frontier.peaks),
    )
