"""Bars on their way into a backtest: what is wrong is named by row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import a_bar
from traderbot.application.backtesting.adjusting import Dividend, Split, adjusted
from traderbot.application.backtesting.spec import BacktestSpec, OnGap, Trader
from traderbot.application.backtesting.tape import COLUMNS, Tape
from traderbot.backtesting import (
    BadSeriesError,
    InvalidBacktestError,
    MissingBarsError,
    run,
    tape,
)
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol
from traderbot.strategies import RsiCrossStrategy

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=number) for number in range(4)]


def columns(**changed: Sequence[Any]) -> Mapping[str, Sequence[Any]]:
    """Return four bars of 10 dollars, with columns of one's own."""
    given: dict[str, Sequence[Any]] = {name: [10, 10, 10, 10] for name in COLUMNS}
    return {**given, **changed}


@pytest.mark.parametrize(
    ("changed", "row", "column", "reason"),
    [
        ({"close": [10, float("nan"), 10, 10]}, 1, "close", "not a finite number"),
        ({"high": [10, 10, -1, 10]}, 2, "high", "above zero"),
        ({"open": [10, 10, 10, 0]}, 3, "open", "above zero"),
        ({"volume": [1, -2, 1, 1]}, 1, "volume", "never negative"),
        ({"high": [10, 9, 10, 10]}, 1, "high", "below another price"),
        ({"low": [10, 10, 11, 10]}, 2, "high", "below another price"),
        ({"low": [10, 10, 10, 11], "high": [12, 12, 12, 12]}, 3, "low", "above another price"),
        ({"close": [10, "ten", 10, 10]}, 1, "close", "not a plain decimal"),
    ],
)
def test_a_value_that_is_no_price_is_named(
    changed: Mapping[str, Sequence[Any]], row: int, column: str, reason: str
) -> None:
    with pytest.raises(BadSeriesError, match=reason) as caught:
        tape("IBM", "1h", HOURS, columns(**changed))
    assert (caught.value.row, caught.value.column) == (row, column)


@pytest.mark.parametrize(
    ("at", "row", "reason"),
    [
        ([HOURS[0], HOURS[2], HOURS[1], HOURS[3]], 2, "sort the bars"),
        ([HOURS[0], HOURS[1], HOURS[1], HOURS[3]], 2, "there twice"),
        ([START + timedelta(minutes=15 * n) for n in range(4)], 1, "bars of 1h"),
        ([HOURS[0].replace(tzinfo=None), *HOURS[1:]], 0, "no time zone"),
        ([*HOURS[:3], HOURS[3].astimezone(timezone(timedelta(hours=1)))], 3, "not in UTC"),
    ],
    ids=["unsorted", "duplicate", "wrong timeframe", "naive", "mixed zones"],
)
def test_an_instant_out_of_its_place_is_named(
    at: Sequence[datetime], row: int, reason: str
) -> None:
    with pytest.raises(BadSeriesError, match=reason) as caught:
        tape("IBM", "1h", at, columns())
    assert (caught.value.row, caught.value.column) == (row, "at")


def test_too_few_bars_and_missing_columns_are_said() -> None:
    with pytest.raises(InvalidBacktestError, match="at least 2 bars"):
        tape("IBM", "1h", HOURS[:1], {name: [10] for name in COLUMNS})
    with pytest.raises(InvalidBacktestError, match="no volume in open, high, low, close"):
        tape("IBM", "1h", HOURS, {name: [10] * 4 for name in COLUMNS[:4]})
    with pytest.raises(InvalidBacktestError, match="close has 3 rows, at has 4"):
        tape("IBM", "1h", HOURS, columns(close=[10, 10, 10]))


def test_bars_of_two_symbols_are_no_series() -> None:
    first = a_bar()
    with pytest.raises(BadSeriesError, match="row 1, symbol"):
        Tape.of_bars([first, replace(first, symbol=symbol("MSFT"))])


def test_a_volume_of_zero_is_a_quiet_bar_and_no_error() -> None:
    assert tape("IBM", "1h", HOURS, columns(volume=[0] * 4)).bar(0).volume.value == 0


def test_a_float_is_the_shortest_decimal_that_reads_back_to_it() -> None:
    made = tape("IBM", "1h", HOURS, columns(high=[10.1] * 4))
    assert made.amounts["high"][0] == Decimal("10.1")
    assert made.rows[0].high == 10.1


def test_nanoseconds_are_instants_as_well() -> None:
    made = tape(
        "IBM",
        "1h",
        [1_704_067_200_000_000_000 + n * 3_600_000_000_000 for n in range(4)],
        columns(),
    )
    assert list(made.at) == HOURS


def test_a_hole_is_refused_or_told() -> None:
    made = tape(
        "BTC/USD",
        "1h",
        [*HOURS[:2], HOURS[2] + timedelta(hours=5), HOURS[3] + timedelta(hours=5)],
        columns(),
    )
    traders = (Trader(strategy=RsiCrossStrategy(), tape=made),)
    with pytest.raises(MissingBarsError, match="between 2024-01-01T01:00:00"):
        run(BacktestSpec(traders=traders, on_gap=OnGap.REFUSE))
    told = run(BacktestSpec(traders=traders))
    (hole,) = told.holes[symbol("BTC/USD")]
    assert (hole.after, hole.before) == (HOURS[1], HOURS[2] + timedelta(hours=5))
    assert told.summary()["holes"] == 1


def test_nights_and_weekends_of_shares_are_no_holes() -> None:
    friday = datetime(2024, 1, 5, tzinfo=UTC)
    days = [
        friday,
        friday + timedelta(days=3),
        friday + timedelta(days=4),
        friday + timedelta(days=13),
    ]
    made = tape("IBM", "1d", days, columns())
    assert [hole.after for hole in made.holes] == [days[2]]


def days(closes: Sequence[str], volume: str = "100") -> Tape:
    at = [START + timedelta(days=number) for number in range(len(closes))]
    values = {name: list(closes) for name in COLUMNS[:4]}
    return Tape.of_columns(
        symbol("IBM"), Timeframe.D1, at, {**values, "volume": [volume] * len(closes)}
    )


def test_a_split_changes_the_prices_before_it_and_nobodys_wealth() -> None:
    made = adjusted(
        days(["100", "102", "51", "52"]), splits=[Split(START + timedelta(days=2), Decimal(2))]
    )
    assert [str(it) for it in made.amounts["close"]] == ["50", "51", "51", "52"]
    assert [str(it) for it in made.amounts["volume"]] == ["200", "200", "100", "100"]


def test_a_dividend_leaves_the_returns_of_who_put_it_back_into_shares() -> None:
    made = adjusted(
        days(["100", "100", "98", "99"]),
        dividends=[Dividend(START + timedelta(days=2), Decimal(2))],
    )
    assert [str(it) for it in made.amounts["close"]] == ["98", "98", "98", "99"]


def test_a_dividend_before_a_split_is_of_the_old_shares() -> None:
    made = adjusted(
        days(["100", "98", "49"]),
        splits=[Split(START + timedelta(days=2), Decimal(2))],
        dividends=[Dividend(START + timedelta(days=1), Decimal(2))],
    )
    assert [str(it) for it in made.amounts["close"]] == ["49", "49", "49"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"splits": [Split(START, Decimal(0))]},
        {"dividends": [Dividend(START + timedelta(days=1), Decimal(100))]},
        {"splits": [Split(START.replace(tzinfo=None), Decimal(2))]},
    ],
    ids=["a ratio of zero", "all of the price", "no time zone"],
)
def test_what_cannot_have_been_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidBacktestError):
        adjusted(days(["100", "100"]), **wrong)
