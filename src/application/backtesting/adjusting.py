"""Prices of shares as if there had been no splits and dividends: what a backtest wants to see.

A split changes the price and nobody's wealth; without adjustment a strategy sees a crash. All bars
before it are divided by its ratio, and their volume is multiplied. A dividend is taken out of the
prices before it by the share of the last close that it was, as if it had been put back into the
shares on the day.

Source:
    CRSP, "Data Definitions and Coding Schemes Guide": factors to adjust prices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from traderbot.application.backtesting.errors import InvalidBacktestError
from traderbot.application.backtesting.tape import COLUMNS, Tape
from traderbot.domain.shared.decimals import EXACT, canonical, exact, plain

_ONE: Final = Decimal(1)
_PLACES: Final = Decimal(1).scaleb(-8)  # of an adjusted price; what is lost is far below a tick


@dataclass(frozen=True, slots=True)
class Split:
    """From `at` on there are `ratio` shares where there was one: 2 for two-for-one."""

    at: datetime
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class Dividend:
    """Who held a share before `at`, the ex-date, got so much for it, in the quote currency."""

    at: datetime
    amount: Decimal


def adjusted(
    tape: Tape, *, splits: Sequence[Split] = (), dividends: Sequence[Dividend] = ()
) -> Tape:
    """Return the series adjusted for splits, and then for dividends, back from the last bar.

    The amounts of dividends are those of their day, before later splits. What happened before the
    first bar, or after the last one opened, changes nothing.

    Raises:
        InvalidBacktestError: a ratio or an amount is not above zero, an instant has no time zone,
            or a dividend is as much as the share was worth.
    """
    _check(splits, dividends)
    count = len(tape)
    prices, volumes = [_ONE] * count, [_ONE] * count
    for split in splits:
        for number in range(_first(tape, split.at)):
            prices[number] = EXACT.divide(prices[number], split.ratio)
            volumes[number] = EXACT.multiply(volumes[number], split.ratio)
    for dividend in dividends:
        first = _first(tape, dividend.at)
        if not 0 < first < count:
            continue
        close = tape.amounts["close"][first - 1]
        if dividend.amount >= close:
            msg = f"a dividend of {plain(dividend.amount)} on a share of {plain(close)}"
            raise InvalidBacktestError(f"{msg}: is it per share, and before later splits?")
        factor = EXACT.subtract(_ONE, EXACT.divide(dividend.amount, close))
        for number in range(first):
            prices[number] = EXACT.multiply(prices[number], factor)
    return Tape(tape.symbol, tape.timeframe, tape.at, _scaled(tape, prices, volumes))


def _scaled(
    tape: Tape, prices: Sequence[Decimal], volumes: Sequence[Decimal]
) -> Mapping[str, Sequence[Decimal]]:
    found = {}
    for name in COLUMNS:
        factors = volumes if name == "volume" else prices
        found[name] = [
            value if factor == _ONE else _rounded(EXACT.multiply(value, factor))
            for value, factor in zip(tape.amounts[name], factors, strict=True)
        ]
    return found


def _rounded(value: Decimal) -> Decimal:
    rounded = value.quantize(_PLACES, ROUND_HALF_EVEN, EXACT)
    return canonical(rounded or _PLACES)


def _first(tape: Tape, at: datetime) -> int:
    """Return the number of the first bar that opens at or after an instant."""
    return next((number for number, opens in enumerate(tape.at) if opens >= at), len(tape))


def _check(splits: Sequence[Split], dividends: Sequence[Dividend]) -> None:
    given = [("split", it.at, it.ratio) for it in splits]
    given += [("dividend", it.at, it.amount) for it in dividends]
    for what, at, value in given:
        if exact(value) <= 0:
            raise InvalidBacktestError(f"a {what} of {value}: it is not above zero")
        if at.utcoffset() != timedelta(0):
            raise InvalidBacktestError(f"a {what} at {at.isoformat()}: that is no instant in UTC")
