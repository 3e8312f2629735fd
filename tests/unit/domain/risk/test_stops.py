from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, a_bar, after
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.stops import (
    AdaptiveStop,
    BarHeld,
    Because,
    ExitCalled,
    StopEvent,
    StopMoved,
    StopPlan,
)
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, symbol

IBM = Instrument(symbol=symbol("IBM"), tick_size=Price("0.01"), lot_size=Quantity(1))
NEVER = StopPlan(trail_multiple=None, break_even_after_r=None)


def _placed(
    side: Side = Side.BUY,
    *,
    entry: str = "100",
    stop: str | None = None,
    plan: StopPlan = NEVER,
    instrument: Instrument = IBM,
) -> AdaptiveStop:
    stop = stop or ("95" if side is Side.BUY else "105")
    return AdaptiveStop.from_events(
        AdaptiveStop.place(
            instrument, side=side, entry=Price(entry), stop=Price(stop), plan=plan, at=NOON
        )
    )


def _bar(
    hour: int, low: str, high: str, *, open_: str | None = None, close: str | None = None
) -> Bar:
    return a_bar(
        symbol_code="IBM",
        at=NOON + timedelta(hours=hour),
        open=open_ or low,
        high=high,
        low=low,
        close=close or high,
    )


def _after_bars(stop: AdaptiveStop, *bars: Bar, atr: str | None = "1") -> AdaptiveStop:
    for bar in bars:
        stop = after(stop, stop.on_bar(bar, None if atr is None else Decimal(atr)))
    return stop


# --- being stopped out ------------------------------------------------------------------------


def test_a_long_is_out_when_the_low_reaches_the_stop() -> None:
    assert _placed().on_bar(_bar(0, "95.01", "99"), None)[0].at == NOON
    assert _placed().on_bar(_bar(0, "95", "99", open_="99"), None) == (
        ExitCalled(at=NOON, price=Price("95"), because=Because.STOP),
    )


def test_a_gap_beyond_the_stop_is_out_at_the_open() -> None:
    (called,) = _placed().on_bar(_bar(0, "90", "94", open_="93"), None)
    assert called == ExitCalled(at=NOON, price=Price("93"), because=Because.STOP)


def test_a_short_is_the_mirror_image() -> None:
    short = _placed(Side.SELL)
    assert isinstance(short.on_bar(_bar(0, "99", "104.99"), None)[0], BarHeld)
    (at_stop,) = short.on_bar(_bar(0, "101", "105"), None)
    assert at_stop == ExitCalled(at=NOON, price=Price("105"), because=Because.STOP)
    (at_open,) = short.on_bar(_bar(0, "106", "108", open_="107"), None)
    assert at_open == ExitCalled(at=NOON, price=Price("107"), because=Because.STOP)


def test_nothing_happens_after_the_exit() -> None:
    out = _after_bars(_placed(), _bar(0, "94", "99", open_="99"))
    assert out.exit is not None
    assert out.on_bar(_bar(1, "50", "200"), Decimal(1)) == ()


# --- trailing ---------------------------------------------------------------------------------

TRAIL = StopPlan(trail_multiple=Decimal(2), break_even_after_r=None)


def test_the_stop_follows_the_best_price_at_its_distance() -> None:
    stop = _after_bars(_placed(plan=TRAIL), _bar(0, "99", "104"), atr="1.5")
    assert (stop.stop, stop.best) == (Price("101"), Price("104"))


def test_the_stop_does_not_come_back_when_the_price_does_or_the_range_grows() -> None:
    stop = _after_bars(_placed(plan=TRAIL), _bar(0, "99", "104"), atr="1.5")
    stop = _after_bars(stop, _bar(1, "101.5", "102"), atr="9")
    assert stop.stop == Price("101")
    stop = _after_bars(stop, _bar(2, "101.5", "102"), atr="1")  # a calmer market tightens it
    assert stop.stop == Price("102")


def test_a_bar_that_makes_a_high_and_falls_is_held_against_the_stop_before_it() -> None:
    events = _placed(plan=TRAIL).on_bar(_bar(0, "96", "110"), Decimal(1))
    assert [type(event) for event in events] == [BarHeld, StopMoved]
    assert isinstance(events[1], StopMoved)
    assert (events[1].was, events[1].stop) == (Price("95"), Price("108"))


def test_a_move_tells_its_arithmetic() -> None:
    moved = _placed(plan=TRAIL).on_bar(_bar(0, "99", "104"), Decimal("1.505"))[1]
    assert moved == StopMoved(
        at=NOON,
        stop=Price("100.99"),
        was=Price("95"),
        because=Because.TRAILING,
        arithmetic={"best": "104", "atr": "1.505", "trail_multiple": "2"},
    )


def test_a_range_wider_than_the_price_or_unknown_moves_nothing() -> None:
    stop = _placed(plan=TRAIL)
    assert len(stop.on_bar(_bar(0, "99", "104"), Decimal(60))) == 1
    assert len(stop.on_bar(_bar(0, "99", "104"), None)) == 1


# --- break-even -------------------------------------------------------------------------------

EVEN = StopPlan(trail_multiple=None, break_even_after_r=Decimal("1.5"))


def test_after_so_many_times_the_first_risk_the_stop_goes_to_the_entry() -> None:
    stop = _after_bars(_placed(plan=EVEN), _bar(0, "99", "107.49"))
    assert stop.stop == Price("95")
    stop = _after_bars(stop, _bar(1, "101", "107.5"))
    assert stop.stop == Price("100")
    short = _after_bars(_placed(Side.SELL, plan=EVEN), _bar(0, "92.5", "99"))
    assert short.stop == Price("100")


def test_a_cushion_covers_the_fees_too_and_is_rounded_into_the_profit() -> None:
    plan = StopPlan(
        trail_multiple=None, break_even_after_r=Decimal(1), break_even_cushion_bps=Decimal("20.5")
    )
    long = _after_bars(_placed(plan=plan), _bar(0, "99", "106"))
    short = _after_bars(_placed(Side.SELL, plan=plan), _bar(0, "94", "99"))
    assert (long.stop, short.stop) == (Price("100.21"), Price("99.79"))


def test_a_cushion_wider_than_the_gain_waits() -> None:
    plan = StopPlan(
        trail_multiple=None, break_even_after_r=Decimal(1), break_even_cushion_bps=Decimal(1000)
    )
    assert _after_bars(_placed(plan=plan), _bar(0, "99", "106")).stop == Price("95")
    assert _after_bars(_placed(plan=plan), _bar(0, "99", "110")).stop == Price("110")


def test_a_cushion_of_the_whole_price_waits_for_ever() -> None:
    plan = StopPlan(
        trail_multiple=None, break_even_after_r=Decimal(1), break_even_cushion_bps=Decimal(10_000)
    )
    assert _after_bars(_placed(Side.SELL, plan=plan), _bar(0, "1", "99")).stop == Price("105")


def test_the_nearer_of_two_wishes_wins() -> None:
    plan = StopPlan(trail_multiple=Decimal(3), break_even_after_r=Decimal(1))
    wide = _placed(plan=plan).on_bar(_bar(0, "99", "105"), Decimal(4))[1]
    tight = _placed(plan=plan).on_bar(_bar(0, "99", "105"), Decimal(1))[1]
    assert isinstance(wide, StopMoved)
    assert isinstance(tight, StopMoved)
    assert (wide.stop, wide.because) == (Price("100"), Because.BREAK_EVEN)
    assert (tight.stop, tight.because) == (Price("102"), Because.TRAILING)


# --- time -------------------------------------------------------------------------------------


def test_a_position_held_long_enough_is_given_up_at_the_close() -> None:
    plan = StopPlan(trail_multiple=None, break_even_after_r=None, max_bars=2)
    stop = _after_bars(_placed(plan=plan), _bar(0, "99", "101"))
    assert stop.exit is None
    stop = _after_bars(stop, _bar(1, "99", "101", close="100.5"))
    assert stop.exit == ExitCalled(
        at=NOON + timedelta(hours=1), price=Price("100.5"), because=Because.TIME
    )
    assert stop.bars_held == 2


# --- what changes nothing, and what is refused ------------------------------------------------


def test_a_bar_told_before_or_older_than_the_position_changes_nothing() -> None:
    stop = _after_bars(_placed(), _bar(0, "99", "101"))
    assert stop.on_bar(_bar(0, "50", "101"), None) == ()
    assert _placed().on_bar(_bar(-1, "50", "101"), None) == ()


def test_another_symbols_bar_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="says nothing about"):
        _placed().on_bar(a_bar(symbol_code="AAPL"), None)


@pytest.mark.parametrize("atr", ["0", "-1", "NaN"])
def test_a_range_that_is_none_is_refused(atr: str) -> None:
    with pytest.raises(InvalidValueError):
        _placed().on_bar(_bar(0, "99", "101"), Decimal(atr))


@pytest.mark.parametrize(
    ("side", "stop", "said"),
    [
        (Side.BUY, "100", "below it"),
        (Side.BUY, "101", "below it"),
        (Side.SELL, "100", "above it"),
        (Side.SELL, "99", "above it"),
        (Side.BUY, "95.001", "multiple of 0.01"),
    ],
)
def test_a_stop_on_the_wrong_side_or_between_ticks_is_refused(
    side: Side, stop: str, said: str
) -> None:
    with pytest.raises(InvalidValueError, match=said):
        _placed(side, stop=stop)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="aware and in UTC"):
        AdaptiveStop.place(
            IBM,
            side=Side.BUY,
            entry=Price("2"),
            stop=Price("1"),
            at=datetime(2026, 1, 1),  # noqa: DTZ001 - what is refused
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"trail_multiple": Decimal(0)},
        {"break_even_after_r": Decimal(-1)},
        {"break_even_cushion_bps": Decimal(-1)},
        {"max_bars": 0},
    ],
)
def test_a_plan_out_of_bounds_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        StopPlan(**wrong)


def test_a_history_begins_once() -> None:
    placed = AdaptiveStop.place(IBM, side=Side.BUY, entry=Price("2"), stop=Price("1"), at=NOON)
    with pytest.raises(CorruptHistoryError, match="placed twice"):
        AdaptiveStop.from_events([*placed, *placed])
    with pytest.raises(CorruptHistoryError, match="starts with"):
        AdaptiveStop.from_events(_placed().on_bar(_bar(0, "99", "101"), None))


# --- laws -------------------------------------------------------------------------------------

_prices = st.integers(15_000, 25_000)  # cents, around 200
_bars = st.lists(st.tuples(_prices, _prices, _prices, _prices), max_size=25)
_ranges = st.lists(st.none() | st.integers(1, 3000), min_size=25, max_size=25)
_plans = st.builds(
    StopPlan,
    trail_multiple=st.none() | st.integers(1, 60).map(lambda n: Decimal(n) / 10),
    break_even_after_r=st.none() | st.integers(1, 40).map(lambda n: Decimal(n) / 10),
    break_even_cushion_bps=st.sampled_from([Decimal(0), Decimal("12.5"), Decimal(100)]),
    max_bars=st.none() | st.integers(1, 20),
)


def _made(hour: int, cents: Sequence[int], *, mirrored: bool = False) -> Bar:
    a, b, c, d = (Decimal(40_000 - it if mirrored else it) / 100 for it in cents)
    return a_bar(
        symbol_code="IBM",
        at=NOON + timedelta(hours=hour),
        open=str(a),
        high=str(max(a, b, c, d)),
        low=str(min(a, b, c, d)),
        close=str(d),
    )


def _course(
    side: Side,
    plan: StopPlan,
    bars: Sequence[Sequence[int]],
    ranges: Sequence[int | None],
    *,
    mirrored: bool = False,
) -> tuple[list[AdaptiveStop], list[StopEvent]]:
    stop = "190" if side is Side.BUY else "210"
    events = list(
        AdaptiveStop.place(IBM, side=side, entry=Price("200"), stop=Price(stop), plan=plan, at=NOON)
    )
    states = [AdaptiveStop.from_events(events)]
    for hour, cents in enumerate(bars):
        spread = ranges[hour]
        atr = None if spread is None else Decimal(spread) / 1000
        decided = states[-1].on_bar(_made(hour, cents, mirrored=mirrored), atr)
        events += decided
        states.append(after(states[-1], decided))
    return states, events


@given(side=st.sampled_from(Side), plan=_plans, bars=_bars, ranges=_ranges)
def test_a_stop_never_moves_against_the_position(
    side: Side, plan: StopPlan, bars: list[tuple[int, ...]], ranges: list[int | None]
) -> None:
    states, events = _course(side, plan, bars, ranges)
    stops = [state.stop for state in states]
    assert stops == sorted(stops, reverse=side is Side.SELL)
    for state in states:
        assert state.stop.value % Decimal("0.01") == 0
        ahead = state.best.value - state.stop.value
        assert (ahead if side is Side.BUY else -ahead) >= 0
    assert AdaptiveStop.from_events(events) == states[-1]
    for cut in range(1, len(events)):
        assert after(AdaptiveStop.from_events(events[:cut]), events[cut:]) == states[-1]


@given(plan=_plans, bars=_bars, ranges=_ranges)
def test_short_is_long_in_the_mirror(
    plan: StopPlan, bars: list[tuple[int, ...]], ranges: list[int | None]
) -> None:
    # Mirrored at 200: what is 1 above becomes 1 below.
    longs, _ = _course(Side.BUY, plan, bars, ranges)
    shorts, _ = _course(Side.SELL, plan, bars, ranges, mirrored=True)
    assert [400 - it.stop.value for it in longs] == [it.stop.value for it in shorts]
    for one, other in zip(longs, shorts, strict=True):
        assert (one.exit is None) is (other.exit is None)
        if one.exit and other.exit:
            assert one.exit.because is other.exit.because
            assert 400 - one.exit.price.value == other.exit.price.value


@given(side=st.sampled_from(Side), plan=_plans, bars=_bars, ranges=_ranges)
def test_an_exit_is_never_better_than_the_bar_and_a_survivor_never_touched_its_stop(
    side: Side, plan: StopPlan, bars: list[tuple[int, ...]], ranges: list[int | None]
) -> None:
    states, _ = _course(side, plan, bars, ranges)
    for hour, cents in enumerate(bars):
        before, now, bar = states[hour], states[hour + 1], _made(hour, cents)
        if before.exit is not None:
            break
        touched = bar.low <= before.stop if side is Side.BUY else bar.high >= before.stop
        stopped = now.exit is not None and now.exit.because is Because.STOP
        assert stopped is touched
        if now.exit is not None:
            assert bar.low <= now.exit.price <= bar.high


@given(side=st.sampled_from(Side), plan=_plans, bars=_bars, ranges=_ranges)
def test_the_ambient_decimal_context_changes_nothing(
    side: Side, plan: StopPlan, bars: list[tuple[int, ...]], ranges: list[int | None]
) -> None:
    expected = _course(side, plan, bars, ranges)[1]
    made = [_made(hour, cents) for hour, cents in enumerate(bars)]
    stop = AdaptiveStop.from_events(expected[:1])
    found = list(expected[:1])
    atrs = [None if spread is None else Decimal(spread) / 1000 for spread in ranges]
    with localcontext() as ambient:
        ambient.prec, ambient.rounding = 3, ROUND_UP
        for bar, atr in zip(made, atrs, strict=False):
            decided = stop.on_bar(bar, atr)
            found += decided
            stop = after(stop, decided)
    assert found == expected
