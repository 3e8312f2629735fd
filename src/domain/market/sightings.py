"""When something about the market was known: later than it happened, and perhaps not for good.

A bar is known at its close plus the delay of whoever tells it. A venue may correct a bar later;
then both are kept, each with the instant from which it was known. Whoever asks what was known at an
instant gets what a bot could have seen then, and never more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.errors import InvalidValueError

_NO_DELAY = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A bar as it was known from an instant on, and who told it."""

    bar: Bar
    known_at: datetime
    source: str = ""

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a bar that was known before it closed, or a naive instant."""
        if self.known_at.utcoffset() != _NO_DELAY:
            msg = f"a bar is known at an aware UTC instant, not {self.known_at.isoformat()}"
            raise InvalidValueError(msg)
        if self.known_at < self.bar.closes_at:
            msg = (
                f"the bar of {self.bar.at.isoformat()} closes at {self.bar.closes_at.isoformat()}; "
                f"nobody knew it at {self.known_at.isoformat()}"
            )
            raise InvalidValueError(msg)


def sighted(bar: Bar, delay: timedelta = _NO_DELAY, source: str = "") -> Sighting:
    """Return a bar that is known so long after its close. Raises InvalidValueError."""
    return Sighting(bar=bar, known_at=bar.closes_at + delay, source=source)


def as_known(sightings: Iterable[Sighting], at: datetime) -> list[Bar]:
    """Return the bars as they were known at an instant, oldest first, each in its newest form.

    Of two forms that became known together, the later one in `sightings` counts.
    """
    newest: dict[tuple[object, ...], Sighting] = {}
    for each in sightings:
        key = (each.bar.symbol, each.bar.timeframe, each.bar.at)
        if each.known_at <= at and (key not in newest or newest[key].known_at <= each.known_at):
            newest[key] = each
    return sorted((it.bar for it in newest.values()), key=_place)


def corrections(sightings: Iterable[Sighting]) -> list[tuple[Sighting, Sighting]]:
    """Return each sighting that changed a bar, with the one it corrects, in the order given."""
    newest: dict[tuple[object, ...], Sighting] = {}
    found: list[tuple[Sighting, Sighting]] = []
    for each in sightings:
        key = (each.bar.symbol, each.bar.timeframe, each.bar.at)
        if key in newest and newest[key].bar != each.bar:
            found.append((newest[key], each))
        newest[key] = each
    return found


def _place(bar: Bar) -> tuple[str, timedelta, datetime]:
    return (bar.symbol.code, bar.timeframe.duration, bar.at)
