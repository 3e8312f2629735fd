from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.builders import a_bar
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.infrastructure.market_data.checks import Finding, FindingKind, check
from traderbot.infrastructure.market_data.sample_bars import sample_bars

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def days(*numbers: int, code: str = "AAPL", **values: str) -> list[Bar]:
    return [
        a_bar(symbol_code=code, timeframe=Timeframe.D1, at=MONDAY + timedelta(days=n), **values)
        for n in numbers
    ]


def hours(*numbers: int, code: str = "AAPL") -> list[Bar]:
    return [a_bar(symbol_code=code, at=MONDAY + timedelta(hours=n)) for n in numbers]


def closing(*closes: str) -> list[Bar]:
    return [
        a_bar(
            timeframe=Timeframe.D1,
            at=MONDAY + timedelta(days=n),
            open=close,
            high=close,
            low="0.01",
            close=close,
        )
        for n, close in enumerate(closes)
    ]


def kinds(bars: list[Bar]) -> list[str]:
    return [finding.kind.value for finding in check(bars)]


def test_no_bars_and_one_bar_are_not_odd() -> None:
    assert check([]) == []
    assert check(days(0)) == []


def test_a_share_does_not_trade_on_weekends() -> None:
    assert check(days(0, 1, 2, 3, 4, 7, 8, 9, 10, 11)) == []


def test_one_missing_weekday_of_a_share_is_taken_for_a_holiday() -> None:
    assert check(days(0, 1, 3, 4, 7)) == []
    assert check(days(0, 1, 2, 3, 4, 8, 9)) == []


def test_two_missing_weekdays_of_a_share_are_a_gap() -> None:
    assert check(days(0, 1, 2, 3, 9, 10)) == [
        Finding(
            kind=FindingKind.GAP,
            at=MONDAY + timedelta(days=3),
            message="3 bars missing before 2024-01-10",
        )
    ]


def test_a_missing_day_of_a_pair_that_always_trades_is_a_gap() -> None:
    bars = days(*range(7), *range(8, 14), code="BTC/USDT")
    assert [str(finding) for finding in check(bars)] == [
        "2024-01-07 gap: 1 bar missing before 2024-01-09"
    ]


def test_a_missing_weekend_of_a_pair_that_always_trades_is_a_gap() -> None:
    bars = days(*range(12), *range(14, 20), code="BTC/USDT")
    assert check(bars)[0].message == "2 bars missing before 2024-01-15"


def test_a_pair_that_never_trades_on_weekends_has_no_gap_there() -> None:
    assert check(days(0, 1, 2, 3, 4, 7, 8, 9, code="EUR/USD")) == []


def test_a_missing_hour_within_a_day_is_a_gap() -> None:
    assert [str(finding) for finding in check(hours(14, 15, 16, 18, 19))] == [
        "2024-01-01T16:00:00Z gap: 1 bar missing before 2024-01-01T18:00:00Z"
    ]


def test_the_night_of_a_share_is_no_gap() -> None:
    assert check(hours(14, 15, 16, 38, 39, 40)) == []


def test_the_night_of_a_pair_is_a_gap() -> None:
    assert kinds(hours(14, 15, 16, 38, 39, 40, code="BTC/USDT")) == ["gap"]


def test_the_closed_weekend_of_a_pair_is_no_gap() -> None:
    friday_evening, sunday_evening = 4 * 24 + 21, 6 * 24 + 22
    numbers = [*range(friday_evening - 5, friday_evening), *range(sunday_evening, 150)]
    numbers += range(max(numbers) + 1, max(numbers) + 5)
    assert check(hours(*numbers, code="EUR/USD")) == []


def test_missing_weeks_are_a_gap() -> None:
    bars = [a_bar(timeframe=Timeframe.W1, at=MONDAY + timedelta(weeks=n)) for n in (0, 1, 2, 5, 6)]
    assert check(bars)[0].message == "2 bars missing before 2024-02-05"


def test_the_night_before_a_closed_day_of_a_share_is_no_gap() -> None:
    assert check(hours(14, 15, 16, 62, 63)) == []


def test_a_series_of_another_timeframe_is_named() -> None:
    bars = [
        a_bar(timeframe=Timeframe.M1, at=MONDAY + timedelta(days=n)) for n in (0, 1, 2, 3, 4, 7)
    ]
    assert [str(finding) for finding in check(bars)] == [
        "2024-01-01 spacing: most bars are 1 day, 0:00:00 apart, which is not 1m"
    ]


def test_bars_without_trade_are_counted_as_runs() -> None:
    bars = [*days(0), *days(1, 2, volume="0"), *days(3), *days(4, volume="0")]
    assert [str(finding) for finding in check(bars)] == [
        "2024-01-02 zero_volume: nothing was traded in 2 bars until 2024-01-03",
        "2024-01-05 zero_volume: nothing was traded in 1 bar",
    ]


def test_a_price_that_halves_overnight_may_be_a_split() -> None:
    assert [str(finding) for finding in check(closing("100", "49.5"))] == [
        "2024-01-02 jump: opens at 49.5 after a close of 100 (-50.5 %); possibly a split"
    ]


def test_a_reverse_split_is_a_jump_too() -> None:
    assert "+900.0 %" in check(closing("1", "10"))[0].message


def test_a_quarter_is_no_jump_and_more_is() -> None:
    assert check(closing("100", "75")) == []
    assert check(closing("100", "125")) == []
    assert kinds(closing("100", "74.99")) == ["jump"]
    assert kinds(closing("100", "125.01")) == ["jump"]


def test_five_bars_without_movement_are_a_flat_run() -> None:
    still = {"open": "100", "high": "100", "low": "100", "close": "100"}
    assert check(days(0, 1, 2, 3, **still)) == []
    bars = [*days(0, 1, 2, 3, 4, **still), *days(7)]
    assert [str(finding) for finding in check(bars)] == [
        "2024-01-01 flat_run: the price stays at 100 for 5 bars until 2024-01-05"
    ]


def test_bars_still_at_different_prices_are_no_flat_run() -> None:
    prices = ["100", "101", "100", "101", "100", "101"]
    bars = [
        bar
        for n, price in zip((0, 1, 2, 3, 4, 7), prices, strict=True)
        for bar in days(n, open=price, high=price, low=price, close=price)
    ]
    assert check(bars) == []


def test_the_samples_have_only_the_gaps_in_which_the_exchange_was_closed() -> None:
    google = [
        "2006-12-29 gap: 2 bars missing before 2007-01-03",
        "2012-10-26 gap: 2 bars missing before 2012-10-31",
    ]
    ibm = ["2001-09-10 gap: 4 bars missing before 2001-09-17", *google]
    assert [str(finding) for finding in check(sample_bars("GOOG"))] == google
    assert [str(finding) for finding in check(sample_bars("IBM"))] == ibm


def test_days_that_open_at_two_hours_are_of_a_local_time() -> None:
    bars = [
        a_bar(timeframe=Timeframe.D1, at=MONDAY + timedelta(days=n, hours=5 - (n > 1)))
        for n in range(4)
    ]
    assert "mixed_zones" in kinds(bars)
    found = next(it for it in check(bars) if it.kind is FindingKind.MIXED_ZONES)
    assert found.message == "bars open at 2 hours of the day: 04:00, 05:00"


def test_a_price_twice_that_of_both_neighbours_is_a_spike() -> None:
    bars = days(0, 1, 2)
    bars[1] = a_bar(timeframe=Timeframe.D1, at=bars[1].at, high="230")
    (found,) = check(bars)
    assert (found.kind, found.row, found.column) == (FindingKind.SPIKE, 2, "high")
    assert found.message == "high 230 between bars from 90 to 110"


def test_every_finding_has_its_row_its_column_and_what_to_do() -> None:
    far = {"open": "180", "high": "210", "low": "170", "close": "190", "volume": "0"}
    bars = [*days(0, 1, 2, 3, 9), *days(10, **far)]
    found = check(bars)
    assert [(it.kind.value, it.row, it.column) for it in found] == [
        ("gap", 4, "at"),
        ("zero_volume", 6, "volume"),
        ("jump", 6, "open"),
    ]
    assert all(it.advice for it in found)
    assert all(Finding(kind=kind, at=MONDAY, message="").advice for kind in FindingKind)
