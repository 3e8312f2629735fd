"""The VenueAccount aggregate: what is known of one account at one venue beside its orders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType

from traderbot.domain.shared.decimals import subtract
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.values import Symbol
from traderbot.domain.venues.events import (
    BaselineRecorded,
    DeadManArmed,
    DeadManDisarmed,
    DifferenceEnded,
    DifferenceFound,
    VenueEvent,
)

_RAW_LENGTH = 4096
_SENTENCE_LENGTH = 500


def venue_account_id(venue: str, account: str) -> str:
    """Return the id of the aggregate, the same on every machine and fit for a path: `binance-5d…`.

    The account's own name may hold anything that is printed, so it goes in as a digest.
    """
    return f"{venue}-{sha256(account.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, kw_only=True)
class VenueAccount:
    """What was found so far."""

    venue: str
    account: str
    updated_at: datetime
    baselines: MappingProxyType[Symbol, Decimal] = field(
        default_factory=lambda: MappingProxyType({})
    )
    differences: frozenset[str] = frozenset()  # keys of those that are still there
    dead_man: int = 0  # seconds of silence after which it cancels everything; 0: never
    version: int = 1

    @staticmethod
    def find_baseline(
        before: VenueAccount | None,
        venue: str,
        account: str,
        symbol: Symbol,
        *,
        theirs: Decimal,
        ours: Decimal,
        at: datetime,
    ) -> tuple[VenueEvent, ...]:
        """Note what the account had before us. Only the first time counts."""
        if before is not None and symbol in before.baselines:
            return ()
        return (
            BaselineRecorded(
                venue=venue, account=account, at=at, symbol=symbol, theirs=theirs, ours=ours
            ),
        )

    @staticmethod
    def find_difference(
        before: VenueAccount | None,
        venue: str,
        account: str,
        *,
        key: str,
        kind: str,
        sentence: str,
        raw: str,
        at: datetime,
    ) -> tuple[VenueEvent, ...]:
        """Note a difference. Found again while it is there, it is not noted again."""
        if before is not None and key in before.differences:
            return ()
        return (
            DifferenceFound(
                venue=venue,
                account=account,
                at=at,
                key=key,
                kind=kind,
                sentence=sentence[:_SENTENCE_LENGTH],
                raw=raw[:_RAW_LENGTH].replace("\0", "\ufffd").encode("utf-8", "replace").decode(),
            ),
        )

    def end_difference(self, key: str, *, at: datetime) -> tuple[VenueEvent, ...]:
        """Note that a difference is gone; of one that is not there it changes nothing."""
        if key not in self.differences:
            return ()
        return (DifferenceEnded(venue=self.venue, account=self.account, at=at, key=key),)

    @staticmethod
    def arm_dead_man(
        before: VenueAccount | None, venue: str, account: str, seconds: int, *, at: datetime
    ) -> tuple[VenueEvent, ...]:
        """Note that the venue's dead-man's switch is armed; 0 seconds: that it is not.

        What is on record already is not noted again.
        """
        if seconds == (0 if before is None else before.dead_man):
            return ()
        if not seconds:
            return (DeadManDisarmed(venue=venue, account=account, at=at),)
        return (DeadManArmed(venue=venue, account=account, at=at, seconds=seconds),)

    @staticmethod
    def begin(event: VenueEvent) -> VenueAccount:
        """Return what the first event made."""
        began = VenueAccount(
            venue=event.venue, account=event.account, updated_at=event.at, version=0
        )
        return began.apply(event)

    def apply(self, event: VenueEvent) -> VenueAccount:
        """Return what is known after `event`."""
        after = evolve(self, version=self.version + 1, updated_at=event.at)
        match event:
            case BaselineRecorded():
                before_us = subtract(event.theirs, event.ours)
                known = {**self.baselines, event.symbol: before_us}
                return evolve(after, baselines=MappingProxyType(known))
            case DifferenceFound():
                return evolve(after, differences=self.differences | {event.key})
            case DifferenceEnded():
                return evolve(after, differences=self.differences - {event.key})
            case DeadManArmed():
                return evolve(after, dead_man=event.seconds)
            case DeadManDisarmed():
                return evolve(after, dead_man=0)

    @staticmethod
    def from_events(events: Iterable[VenueEvent]) -> VenueAccount:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(VenueAccount.begin, events)
