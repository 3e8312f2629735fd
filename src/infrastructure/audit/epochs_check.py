"""Whether the epochs that were begun are those that operators decided upon.

The decision is an event, `operations.epoch_started`; the deed is a row of `log_epochs`. The fact
comes first, so a decision without its deed is one that was interrupted, and a deed without its
decision is nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from traderbot.domain.operations.events import EpochStarted
from traderbot.domain.operations.operations import OPERATIONS_ID
from traderbot.domain.shared.errors import TraderbotError
from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.sealing.stored_tree import FIRST_EPOCH, StoredEpoch, epochs, head

_STREAM: Final = f"operations-{OPERATIONS_ID}"


def check_epochs(reader: LogReader, codec: EventCodec, findings: Findings) -> Sequence[str]:
    """Compare every row of `log_epochs` with the decision that it stands for; return warnings."""
    decided = _decided(reader, codec)
    begun = {it.epoch: it for it in epochs(reader)}
    for number, row in begun.items():
        _compare(row, decided.get(number), findings)
    warnings = []
    for number in sorted(decided.keys() - begun.keys()):
        where = f"epoch {number} of log_epochs"
        if number <= head(reader).epoch:
            findings.tell("EPOCH_DIFFERS", where, "it was decided upon and begun, and has no row")
        else:
            warnings.append(
                f"epoch {number} was decided upon and is not begun: run "
                "`traderbot audit epoch new` again if it shall"
            )
    return warnings


def _compare(row: StoredEpoch, decided: EpochStarted | None, findings: Findings) -> None:
    where = f"epoch {row.epoch} of log_epochs"
    if row.epoch <= FIRST_EPOCH or decided is None:
        findings.tell("EPOCH_DIFFERS", where, "no event says that somebody decided upon it")
        return
    for column, stored, said in (
        ("origin", row.origin, decided.origin),
        ("reason", row.reason, decided.reason),
        ("previous_size", row.previous_size, decided.size),
        ("previous_root", row.previous_root.hex(), decided.root),
    ):
        if stored != said:
            told = f"{column} is {short(stored)}, its event says {short(said)}"
            findings.tell("EPOCH_DIFFERS", where, told)


def _decided(reader: LogReader, codec: EventCodec) -> dict[int, EpochStarted]:
    """Return the decisions by epoch; what is not readable is told of where events are checked."""
    found = {}
    for stored in reader.stream(_STREAM):
        try:
            event = codec.event_of(stored.body)
        except (TraderbotError, TypeError):
            continue
        if isinstance(event, EpochStarted):
            found[event.epoch] = event
    return found
