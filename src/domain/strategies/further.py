"""Further series: what a strategy may see beside its own bars, and only what was known then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError

BAR_COLUMNS = ("open", "high", "low", "close", "volume")
SENTIMENT_COLUMNS = ("score", "confidence")

_WORTHWHILE = 256  # rows to give up at once

Kind = Literal["bars", "sentiment"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A series a strategy asks for beside its own: bars of another timeframe or symbol, a mood.

    Attributes:
        name: what the strategy calls it: `features["daily.close"]`, `Feature("ema", of="daily")`.
        timeframe: of its bars; empty: the timeframe of the run.
        symbol: whose it is; empty: the symbol of the run.
        kind: bars, or sentiment with a score from -1 to 1 and a confidence from 0 to 1.
    """

    name: str
    timeframe: str = ""
    symbol: str = ""
    kind: Kind = "bars"

    @property
    def columns(self) -> tuple[str, ...]:
        """What each row of it holds."""
        return BAR_COLUMNS if self.kind == "bars" else SENTIMENT_COLUMNS


class Further:
    """The further series of one run, as they become known."""

    def __init__(self, wanted: Iterable[Wanted], timeframe: str) -> None:
        """Begin before anything is known; `timeframe` is that of the run's own bars."""
        self._wanted = {each.name: each for each in wanted}
        self._known_at: dict[str, list[int]] = {name: [] for name in self._wanted}
        self._rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in self._wanted}
        self._forgotten = dict.fromkeys(self._wanted, 0)
        self._lasts = lasts(timeframe) if self._wanted else 0

    def hear(self, name: str, known_at: int, values: Sequence[float]) -> None:
        """Take in a row.

        Raises:
            InvalidValueError: no series of that name is wanted, the row has more or fewer values
                than columns, or it was known before the row heard last.
        """
        if name not in self._wanted:
            known = ", ".join(self._wanted) or "none"
            raise InvalidValueError(f"no further series {name!r:.60} is wanted; there are: {known}")
        columns = self._wanted[name].columns
        if len(values) != len(columns):
            raise InvalidValueError(
                f"{name} takes {', '.join(columns)}: {len(columns)} values, not {len(values)}"
            )
        if self._known_at[name] and known_at < self._known_at[name][-1]:
            raise InvalidValueError(f"{name}: tell what was known earlier first ({known_at})")
        self._known_at[name].append(known_at)
        self._rows[name].append(tuple(values))

    def row(self, name: str, place: int) -> tuple[float, ...]:
        """Return one row that is still kept, by its place from the first."""
        return self._rows[name][place - self._forgotten[name]]

    def known(self, name: str, at: int) -> int:
        """Return how many rows of a series were known when the run's bar of `at` closed."""
        return self._forgotten[name] + bisect_right(self._known_at[name], at + self._lasts)

    def forget(self, name: str, before: int) -> None:
        """Give up the rows before a place; nobody asks for them any more."""
        useless = before - self._forgotten[name]
        if useless >= _WORTHWHILE:
            del self._known_at[name][:useless]
            del self._rows[name][:useless]
            self._forgotten[name] = before

    def tables(self, at: int, window: int | None) -> dict[str, dict[str, list[float]]]:
        """Return the last rows of every series known when the run's bar of `at` closed, as lists.

        What is before the last `window` rows is not shown, and forgotten.
        """
        tables = {}
        for name, wanted in self._wanted.items():
            known = self.known(name, at)
            first = 0 if window is None else max(0, known - window)
            self.forget(name, first)
            rows = [self.row(name, place) for place in range(first, known)]
            tables[name] = {
                column: [row[k] for row in rows] for k, column in enumerate(wanted.columns)
            }
        return tables


def lasts(timeframe: str) -> int:
    """Return how long a bar of that timeframe lasts, in nanoseconds.

    Raises:
        InvalidValueError: there is no such timeframe.
    """
    try:
        duration = Timeframe(timeframe).duration
    except ValueError as error:
        known = ", ".join(Timeframe)
        raise InvalidValueError(f"no timeframe is {timeframe!r:.20}; there are: {known}") from error
    return (duration.days * 86_400 + duration.seconds) * 1_000_000_000
