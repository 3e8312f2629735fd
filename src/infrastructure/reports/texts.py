"""Numbers, instants and names as a reader wants them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape

from traderbot.infrastructure.compute.statistics.statistic import Statistic, Unit

UNDEFINED = "–"  # noqa: RUF001  # a dash, as tables have it
NARROW = "\u202f"  # a thin space that breaks no line
MINUS = "−"  # noqa: RUF001  # as wide as a plus
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86_400


def escaped(text: str) -> str:
    """Return the text, safe between tags and in quoted attributes."""
    return escape(text, quote=True)


def figure(one: Statistic, value: float | None, currency: str) -> str:
    """Return a statistic's value with its unit; a dash if it is not defined."""
    if value is None:
        return UNDEFINED
    match one.unit:
        case Unit.SHARE:
            return percent(value)
        case Unit.MONEY:
            return f"{money(value)} {currency}"
        case Unit.COUNT:
            return grouped(value, 0)
        case Unit.DAYS:
            return days(value)
        case Unit.RATIO | Unit.PER_YEAR:
            return grouped(value, 2)


def percent(value: float | None, places: int = 2, *, signed: bool = False) -> str:
    """Return a fraction as a percentage."""
    if value is None:
        return UNDEFINED
    return f"{grouped(value * 100, places, signed=signed)}{NARROW}%"


def money(value: float | None, *, signed: bool = False) -> str:
    """Return an amount or price: two places, or four significant digits below 1."""
    if value is None:
        return UNDEFINED
    if value and abs(value) < 1:
        return _proper(f"{value:{'+' if signed else ''}.4g}")
    return grouped(value, 2, signed=signed)


def grouped(value: float, places: int, *, signed: bool = False) -> str:
    """Return a number with thousands set apart; so small that it shows as 0, it has no sign."""
    if round(abs(value), places) == 0:
        value = 0.0
    if abs(value) >= 1e15:  # noqa: PLR2004  # no column is so wide
        return _proper(f"{value:.4g}")
    return _proper(f"{value:{'+' if signed and value else ''},.{places}f}")


def days(value: float) -> str:
    """Return a length of time in its natural unit."""
    if value and abs(value) < 1 / 24:
        return f"{grouped(value * 1440, 0)} min"
    if value and abs(value) < 2:  # noqa: PLR2004
        return f"{grouped(value * 24, 1)} h"
    return f"{grouped(value, 1 if value < 10 else 0)} d"  # noqa: PLR2004


def instant(at: int, *, to_the_day: bool = False) -> str:
    """Return nanoseconds since 1970 as a UTC date, with hour and minute unless told otherwise."""
    moment = _EPOCH + timedelta(microseconds=at // 1000)
    return moment.strftime("%Y-%m-%d" if to_the_day else "%Y-%m-%d %H:%M")


def daily(at: list[int]) -> bool:
    """Return whether all these instants are midnights, so that the hour says nothing."""
    return all(moment % (_DAY_SECONDS * 1_000_000_000) == 0 for moment in at)


def _proper(number: str) -> str:
    return number.replace("-", MINUS) if "e-" not in number else _mantissa(number)


def _mantissa(number: str) -> str:
    return f"{MINUS}{number[1:]}" if number.startswith("-") else number
