"""A series of bars as a backtest plays it: checked once, then read from front to back.

The exact amounts are kept as they came. Strategies look at floats, the venue trades exact prices;
a `Bar` is only made of those bars on which something happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Final

from traderbot.application.backtesting.errors import BadSeriesError, InvalidBacktestError
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import EXACT, exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol, trusted_price, trusted_quantity
from traderbot.domain.strategies.watching import Row, nanoseconds

COLUMNS: Final = ("open", "high", "low", "close", "volume")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST: Final = 2  # what is decided on one bar trades in the next
# Exchanges close at weekends, and longer at times: September 2001 was closed for six days.
_CLOSED_FOR: Final = timedelta(days=7)

_CACHED: Final = frozenset({float, str})

Amount = Decimal | int | str | float


@dataclass(frozen=True, slots=True)
class Hole:
    """Bars are missing between two bars, which open at these instants."""

    after: datetime
    before: datetime


class Tape:
    """One series: when its bars open, and their exact amounts. Never changed once made."""

    def __init__(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        at: Sequence[datetime],
        amounts: Mapping[str, Sequence[Decimal]],
    ) -> None:
        """Take columns that are checked already; `of_bars` and `of_columns` check them."""
        self.symbol = symbol
        self.timeframe = timeframe
        self.at = at
        self.amounts = amounts
        self._bars: dict[int, Bar] = {}

    @staticmethod
    def of_bars(bars: Sequence[Bar]) -> Tape:
        """Return the tape of bars of one series.

        Raises:
            InvalidBacktestError: there are fewer than two, or they are of several series.
            BadSeriesError: they are out of order, repeated, or closer than their timeframe.
        """
        if len(bars) < _SHORTEST:
            raise InvalidBacktestError(_too_short(len(bars)))
        first = bars[0]
        symbol, timeframe = first.symbol, first.timeframe
        for row, bar in enumerate(bars):
            if bar.symbol != symbol or bar.timeframe is not timeframe:
                reason = f"{bar.symbol} {bar.timeframe.value} among bars of {symbol} {timeframe}"
                raise BadSeriesError(row, "symbol", reason)
        at = [bar.at for bar in bars]
        _check_order(at, timeframe)
        amounts = {name: [getattr(bar, name).value for bar in bars] for name in COLUMNS}
        tape = Tape(symbol, timeframe, at, amounts)
        tape._bars = dict(enumerate(bars))
        return tape

    @staticmethod
    def of_columns(
        symbol: Symbol,
        timeframe: Timeframe,
        at: Sequence[datetime | int],
        columns: Mapping[str, Sequence[Amount]],
    ) -> Tape:
        """Return the tape of columns, each named in `COLUMNS`, one value a bar, oldest first.

        A float is taken as the shortest decimal that reads back to it. Instants are aware, or
        nanoseconds since 1970, UTC.

        Raises:
            InvalidBacktestError: there are fewer than two bars, or a column is missing or of
                another length.
            BadSeriesError: names the row and the column that is no bar.
        """
        for name in COLUMNS:
            if name not in columns:
                given = ", ".join(columns) or "nothing"
                msg = f"bars have the columns {', '.join(COLUMNS)}; there is no {name} in {given}"
                raise InvalidBacktestError(msg)
            if len(columns[name]) != len(at):
                msg = f"{name} has {len(columns[name])} rows, at has {len(at)}"
                raise InvalidBacktestError(msg)
        if len(at) < _SHORTEST:
            raise InvalidBacktestError(_too_short(len(at)))
        instants = _instants(at)
        _check_order(instants, timeframe)
        amounts = {name: _amounts(name, columns[name]) for name in COLUMNS}
        _check_prices(amounts)
        return Tape(symbol, timeframe, instants, amounts)

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def columns(self) -> tuple[list[int], *tuple[list[float], ...]]:
        """When each bar opened, in nanoseconds since 1970, and its amounts as nearest floats."""
        floats = ([float(value) for value in self.amounts[name]] for name in COLUMNS)
        return ([nanoseconds(at) for at in self.at], *floats)

    @cached_property
    def rows(self) -> list[Row]:
        """The bars as strategies see them."""
        return list(map(Row._make, zip(*self.columns, strict=True)))

    @cached_property
    def closes_at(self) -> list[datetime]:
        """When each bar is over."""
        lasts = self.timeframe.duration
        return [at + lasts for at in self.at]

    @cached_property
    def whole_closes(self) -> tuple[list[int], int]:
        """The closes as whole numbers of their smallest decimal place, and which place that is."""
        found = [whole(close) for close in self.amounts["close"]]
        places = max(of for _, of in found)
        return [number * 10 ** (places - of) for number, of in found], places

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything in it, as hexadecimal digits."""
        told = sha256(f"{self.symbol}|{self.timeframe.value}|{len(self)}|".encode())
        told.update(",".join(map(str, (row.at for row in self.rows))).encode())
        for name in COLUMNS:
            told.update(b"|" + ",".join(map(str, self.amounts[name])).encode())
        return told.hexdigest()

    @cached_property
    def holes(self) -> list[Hole]:
        """Where bars are missing. Nights and weekends of an exchange are no holes.

        Pairs trade around the clock. Shares do not: of them, a day is expected within a week of the
        one before, and shorter bars only within one day.
        """
        step = self.timeframe.duration
        around_the_clock = self.symbol.is_pair or self.timeframe is Timeframe.W1
        found = []
        for before, after in pairwise(self.at):
            gap = after - before
            if gap == step or (not around_the_clock and self._is_closed(before, after, step)):
                continue
            found.append(Hole(before, after))
        return found

    @staticmethod
    def _is_closed(before: datetime, after: datetime, step: timedelta) -> bool:
        if step >= timedelta(days=1):
            return after - before <= _CLOSED_FOR
        return after.date() != before.date() and after - before <= _CLOSED_FOR

    def bar(self, number: int) -> Bar:
        """Return a bar, made when it is asked for."""
        known = self._bars.get(number)
        if known is None:
            amounts = self.amounts
            known = self._bars[number] = Bar(
                symbol=self.symbol,
                timeframe=self.timeframe,
                at=self.at[number],
                open=trusted_price(amounts["open"][number]),
                high=trusted_price(amounts["high"][number]),
                low=trusted_price(amounts["low"][number]),
                close=trusted_price(amounts["close"][number]),
                volume=trusted_quantity(amounts["volume"][number]),
            )
        return known

    def bars(self) -> list[Bar]:
        """Return all of them."""
        return [self.bar(number) for number in range(len(self))]


def whole(amount: Decimal) -> tuple[int, int]:
    """Return an amount as a whole number, and how many of its digits are decimal places."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - amounts are finite
    places = max(0, -exponent)
    return int(amount.scaleb(places, EXACT)), places


def _too_short(count: int) -> str:
    return f"a backtest needs at least {_SHORTEST} bars, there are {count}"


def _instants(at: Sequence[datetime | int]) -> list[datetime]:
    found = []
    for row, given in enumerate(at):
        if isinstance(given, datetime):
            if given.utcoffset() is None:
                reason = f"{given.isoformat()} has no time zone; say which, best UTC"
                raise BadSeriesError(row, "at", reason)
            if given.utcoffset() != timedelta(0):
                reason = f"{given.isoformat()} is not in UTC; convert the whole column"
                raise BadSeriesError(row, "at", reason)
            found.append(given)
        else:
            found.append(_EPOCH + timedelta(microseconds=int(given) // 1000))
    return found


def _check_order(at: Sequence[datetime], timeframe: Timeframe) -> None:
    step = timeframe.duration
    for row, (before, after) in enumerate(pairwise(at), 1):
        if after - before >= step:
            continue
        if after == before:
            reason = f"{after.isoformat()} is there twice"
        elif after < before:
            reason = f"{after.isoformat()} comes after {before.isoformat()}; sort the bars"
        else:
            reason = (
                f"{after.isoformat()} is only {after - before} after the bar before: "
                f"are these bars of {timeframe.value}?"
            )
        raise BadSeriesError(row, "at", reason)


def _amounts(name: str, column: Iterable[Amount]) -> list[Decimal]:
    found: list[Decimal] = []
    known: dict[float | str, Decimal] = {}  # prices come again: one object each is enough
    for row, given in enumerate(column):
        if type(given) in _CACHED and given in known:
            found.append(known[given])  # type: ignore[index]  # a Decimal or int is not looked up
            continue
        try:
            # `float` covers numpy's float64; its own text would name the type.
            value = exact(Decimal(repr(float(given))) if isinstance(given, float) else given)
        except InvalidValueError as error:
            raise BadSeriesError(row, name, str(error)) from None
        if value < 0 or (name != "volume" and not value):
            reason = f"a {name} is {'never negative' if name == 'volume' else 'above zero'}"
            raise BadSeriesError(row, name, f"{reason}, not {value}")
        found.append(value)
        if isinstance(given, float | str):
            known[given] = value
    return found


def _check_prices(amounts: Mapping[str, Sequence[Decimal]]) -> None:
    columns = (amounts[name] for name in COLUMNS[:4])
    for row, (opened, high, low, close) in enumerate(zip(*columns, strict=True)):
        if high < opened or high < close or high < low:
            raise BadSeriesError(row, "high", f"{high} is below another price of the bar")
        if low > opened or low > close:
            raise BadSeriesError(row, "low", f"{low} is above another price of the bar")
