"""`Bundles` on the stored log."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from traderbot.application.ports.bundle import Bundles, ExportReport, Progress, Proof
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.infrastructure.bundle.export import export
from traderbot.infrastructure.bundle.prove import prove_event, prove_order
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.sealing.anchors import AnchorFile


class LogBundles(Bundles):
    """`Bundles` on a SQLite file or a PostgreSQL database."""

    def __init__(self, reading: Engine, codec: EventCodec, vkey: str, anchors: AnchorFile) -> None:
        """Show what the owner of the key `vkey` signed, and published as `anchors`."""
        self._reading = reading
        self._codec = codec
        self._vkey = vkey
        self._anchors = anchors

    def export(self, folder: Path, progress: Progress | None = None) -> ExportReport:
        """Write the log into a new folder."""
        published = self._anchors.all()  # first: each of them is in any later moment
        with snapshot(self._reading) as reader:
            return export(reader, self._vkey, published, folder, progress)

    def prove_event(self, event_id: str, owner_id: UserId | None = None) -> Proof:
        """Prove that one event is in the log."""
        with snapshot(self._reading) as reader:
            return prove_event(reader, self._codec, self._vkey, event_id, owner_id)

    def prove_order(self, order_id: OrderId, owner_id: UserId | None = None) -> Proof:
        """Prove that an order is in the log."""
        with snapshot(self._reading) as reader:
            return prove_order(reader, self._codec, self._vkey, order_id, owner_id)
