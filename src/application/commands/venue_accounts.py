"""Record what comparing our books with a venue's has found."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.shared.decimals import ZERO, subtract
from traderbot.domain.shared.values import Symbol
from traderbot.domain.venues.events import VenueEvent
from traderbot.domain.venues.venue_account import VenueAccount, venue_account_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePosition(Command[Decimal]):
    """The venue says how much the account holds of a symbol, and our books say so too.

    Answers by how much the venue has more than it should: what was there before us is no
    difference.
    """

    venue: str
    account: str
    symbol: Symbol
    theirs: Decimal
    ours: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePositionHandler:
    """Handles `ComparePosition`. The first time, whatever is there was there before us."""

    clock: Clock

    def __call__(self, command: ComparePosition, unit: UnitOfWork) -> Decimal:
        """Return the difference."""
        id_ = venue_account_id(command.venue, command.account)
        known = unit.venue_accounts.find(id_)
        events = VenueAccount.find_baseline(
            known,
            command.venue,
            command.account,
            command.symbol,
            theirs=command.theirs,
            ours=command.ours,
            at=self.clock.now(),
        )
        if events:
            known = unit.venue_accounts.record(id_, events)
        baseline = ZERO if known is None else known.baselines[command.symbol]
        return subtract(subtract(command.theirs, command.ours), baseline)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDifference(Command[bool]):
    """The venue's books say something else than ours; `there` is False when they agree again.

    Answers whether that was news.
    """

    venue: str
    account: str
    key: str
    kind: str
    sentence: str = ""
    raw: str = ""
    there: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDifferenceHandler:
    """Handles `RecordDifference`. Found again, it is not recorded again."""

    clock: Clock

    def __call__(self, command: RecordDifference, unit: UnitOfWork) -> bool:
        """Return whether it was news."""
        id_ = venue_account_id(command.venue, command.account)
        known = unit.venue_accounts.find(id_)
        at = self.clock.now()
        events: tuple[VenueEvent, ...] = ()
        if command.there:
            events = VenueAccount.find_difference(
                known,
                command.venue,
                command.account,
                key=command.key,
                kind=command.kind,
                sentence=command.sentence,
                raw=command.raw,
                at=at,
            )
        elif known is not None:
            events = known.end_difference(command.key, at=at)
        if events:
            unit.venue_accounts.record(id_, events)
        return bool(events)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeadMan(Command[bool]):
    """The venue confirmed its dead-man's switch: armed for so many seconds, or off with 0.

    Answers whether that was news.
    """

    venue: str
    account: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeadManHandler:
    """Handles `RecordDeadMan`. A renewal of what is on record is not recorded."""

    clock: Clock

    def __call__(self, command: RecordDeadMan, unit: UnitOfWork) -> bool:
        """Return whether it was news."""
        id_ = venue_account_id(command.venue, command.account)
        events = VenueAccount.arm_dead_man(
            unit.venue_accounts.find(id_),
            command.venue,
            command.account,
            command.seconds,
            at=self.clock.now(),
        )
        if events:
            unit.venue_accounts.record(id_, events)
        return bool(events)
