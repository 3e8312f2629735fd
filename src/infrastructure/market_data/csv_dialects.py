"""How others write bars: the columns and the times of TradingView, Yahoo, Binance and Alpaca.

A file's first line says who wrote it. Amounts are read from their text, whoever wrote it; only our
own form refuses exponents, and times that are not UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol

COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
_YEARS: Final = range(1800, 2200)  # another year is a slip of the pen
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEW_YORK: Final = ZoneInfo("America/New_York")
_DIGITS: Final = re.compile(r"[0-9]{9,16}", re.ASCII)
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_INSTANT: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<zone>Z|[+-][0-9:]+)?)?",
    re.ASCII,
)
# Of Binance's dumps, which have no header: https://github.com/binance/binance-public-data
_BINANCE: Final = (*COLUMNS, "close_time", "quote_volume", "count", "bought", "bought_quote", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way to write bars down."""

    name: str
    aliases: Mapping[str, str] = field(default_factory=dict)  # their column: ours
    instant: Callable[[str, Symbol, Timeframe], datetime]
    amount: Callable[[str], Decimal | str]  # what a Price or a Quantity is made of


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column stands, how many fields a row has, and who wrote them."""

    places: Mapping[str, int]
    width: int
    dialect: Dialect
    symbol: int | None = None  # the column that says whose bars they are
    has_header: bool = True

    def checked(self, fields: list[str], of: Symbol) -> list[str]:
        """Return the fields of a row, none or all. Raises InvalidValueError."""
        if fields and len(fields) != self.width:
            msg = f"{len(fields)} fields where the header has {self.width}"
            raise InvalidValueError(msg)
        if fields and self.symbol is not None and fields[self.symbol].upper() != of.code:
            msg = f"a bar of {fields[self.symbol]!r:.40} among those of {of}"
            raise InvalidValueError(msg)
        return fields


def columns_of(first: Sequence[str]) -> Columns:
    """Return what the first line of a file says. Raises InvalidValueError."""
    names = [name.casefold() for name in first]
    if not names:
        msg = f"empty; the first line names the columns: {','.join(COLUMNS)}"
        raise InvalidValueError(msg)
    if len(names) == len(_BINANCE) and all(_NUMBER.fullmatch(it) for it in names):
        places = {name: _BINANCE.index(name) for name in COLUMNS}
        return Columns(places, len(_BINANCE), BINANCE, has_header=False)
    dialect = _dialect_of(names)
    names = [dialect.aliases.get(name, name) for name in names]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        msg = f"the header has no {', '.join(missing)}; it is {','.join(names)!r:.200}"
        raise InvalidValueError(msg)
    repeated = [name for name in COLUMNS if names.count(name) > 1]
    if repeated:
        msg = f"the header has more than one {', '.join(repeated)} (date is timestamp)"
        raise InvalidValueError(msg)
    whose = names.index("symbol") if "symbol" in names else None
    return Columns({name: names.index(name) for name in COLUMNS}, len(names), dialect, whose)


def _dialect_of(names: Sequence[str]) -> Dialect:
    if "open_time" in names:
        return BINANCE
    if "trade_count" in names or "vwap" in names:
        return ALPACA
    if "adj close" in names or "datetime" in names:
        return YAHOO
    return TRADINGVIEW if "time" in names and "timestamp" not in names else OURS


# Times.


def _ours(text: str, of: Symbol, timeframe: Timeframe) -> datetime:
    del of
    match = _written(text, timeframe)
    if match["time"] is not None and match["zone"] not in {"Z", "+00:00"}:
        msg = f"not UTC: {text} (write it in UTC, with a Z at the end)"
        raise InvalidValueError(msg)
    return _checked(_read(match, text).replace(tzinfo=UTC), text)


def _local(text: str, of: Symbol, timeframe: Timeframe) -> datetime:
    """Read a time with any offset. The day of a share is the date that is written."""
    if _DIGITS.fullmatch(text) is not None:
        return _unix(text, of, timeframe)
    match = _written(text, timeframe)
    if match["time"] is None:
        return _checked(_read(match, text).replace(tzinfo=UTC), text)
    if match["zone"] is None:
        msg = f"no time zone: {text} (export it with one, or in UTC with a Z at the end)"
        raise InvalidValueError(msg)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"no such date or time: {text}"
        raise InvalidValueError(msg) from error
    if timeframe.duration >= _DAY and at.time() == at.time().min:
        return _checked(datetime(at.year, at.month, at.day, tzinfo=UTC), text)
    return _checked(_day_of(at.astimezone(UTC), of, timeframe), text)


def _unix(text: str, of: Symbol, timeframe: Timeframe) -> datetime:
    """Read a time in seconds, milliseconds or microseconds since 1970, by its number of digits."""
    if _DIGITS.fullmatch(text) is None:
        msg = f"not a time since 1970: {text!r:.60}"
        raise InvalidValueError(msg)
    unit = {13: timedelta(milliseconds=1), 16: timedelta(microseconds=1)}.get(len(text))
    if unit is None and len(text) > 10:  # noqa: PLR2004 - the digits of seconds until 2286
        msg = f"neither seconds nor milliseconds nor microseconds since 1970: {text}"
        raise InvalidValueError(msg)
    at = _EPOCH + int(text) * (unit or timedelta(seconds=1))
    return _checked(_day_of(at, of, timeframe), text)


def _day_of(at: datetime, of: Symbol, timeframe: Timeframe) -> datetime:
    """Return 00:00 UTC of the date of a share's day, which others call by its hour in New York."""
    if of.is_pair or timeframe.duration < _DAY or at.time() == at.time().min:
        return at
    local = at.astimezone(_NEW_YORK)
    return datetime(local.year, local.month, local.day, tzinfo=UTC)


def _written(text: str, timeframe: Timeframe) -> re.Match[str]:
    match = _INSTANT.fullmatch(text)
    if match is None:
        msg = f"not an ISO date or datetime: {text!r:.60}"
        raise InvalidValueError(msg)
    if match["time"] is None and timeframe.duration < _DAY:
        msg = f"{text} has no time of day, which {timeframe} bars need"
        raise InvalidValueError(msg)
    return match


def _read(match: re.Match[str], text: str) -> datetime:
    try:
        return datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}")
    except ValueError as error:
        msg = f"no such date or time: {text}"
        raise InvalidValueError(msg) from error


def _checked(at: datetime, text: str) -> datetime:
    if at.year not in _YEARS:
        msg = f"a year outside {_YEARS.start} to {_YEARS.stop - 1}: {text}"
        raise InvalidValueError(msg)
    return at


# Amounts.


def _plain(text: str) -> str:
    return text


def _scientific(text: str) -> Decimal:
    if _NUMBER.fullmatch(text) is None:
        msg = f"not a decimal number: {text!r:.60}"
        raise InvalidValueError(msg)
    return Decimal(text)


OURS: Final = Dialect(name="traderbot", aliases={"date": "timestamp"}, instant=_ours, amount=_plain)
TRADINGVIEW: Final = Dialect(
    name="TradingView", aliases={"time": "timestamp"}, instant=_local, amount=_scientific
)
YAHOO: Final = Dialect(
    name="Yahoo",
    aliases={"date": "timestamp", "datetime": "timestamp"},
    instant=_local,
    amount=_scientific,
)
BINANCE: Final = Dialect(
    name="Binance", aliases={"open_time": "timestamp"}, instant=_unix, amount=_scientific
)
ALPACA: Final = Dialect(name="Alpaca", aliases={}, instant=_local, amount=_scientific)
