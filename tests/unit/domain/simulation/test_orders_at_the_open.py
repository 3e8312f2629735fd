from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON
from tests.unit.domain.simulation.floor import FREE, Floor, bar
from traderbot.domain.shared.values import Money
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind

PLAIN = bar("100", "105", "95", "102")


def model(**other: Any) -> FillModel:
    """Return a model that costs nothing but what a test names."""
    free: dict[str, Any] = {
        "maker_fee_bps": Decimal(0),
        "taker_fee_bps": Decimal(0),
        "slippage": Slippage(SlippageKind.NONE),
    }
    return FillModel(**{**free, **other})


def test_a_market_order_trades_at_the_open_of_the_next_bar() -> None:
    floor = Floor()
    assert floor.place("buy 10") == ["opened", "accepted"]
    assert floor.meet(PLAIN) == ["took 10 at 100"]


def test_no_order_trades_on_a_bar_that_opened_before_it_was_placed() -> None:
    floor = Floor()
    floor.place("buy 10")
    assert floor.meet(bar("100", "105", "95", "102", hour=-1)) == []


def test_an_order_sees_no_market_before_its_latency_has_passed() -> None:
    floor = Floor(model(latency=timedelta(seconds=1)))
    floor.place("buy 10")
    assert floor.meet(PLAIN) == []
    assert floor.meet(bar("101", "105", "95", "102", hour=1)) == ["took 10 at 101"]


@pytest.mark.parametrize(
    ("wish", "opened", "expected"),
    [
        ("buy 10", "100.01", "100.07"),  # 5 bps worse is 100.060005
        ("sell 10", "99.99", "99.94"),  # 5 bps worse is 99.940005
        ("buy 10", "100.00", "100.05"),  # on a tick exactly
    ],
)
def test_slippage_goes_against_the_order_and_on_to_the_next_tick(
    wish: str, opened: str, expected: str
) -> None:
    floor = Floor(model(slippage=Slippage(SlippageKind.BPS, Decimal(5))))
    floor.place(wish)
    assert floor.meet(bar(opened, "110", "90", "100")) == [f"took 10 at {expected}"]


def test_slippage_can_be_a_share_of_the_bars_range() -> None:
    floor = Floor(model(slippage=Slippage(SlippageKind.RANGE, Decimal("0.1"))))
    floor.place("sell 10")
    assert floor.meet(PLAIN) == ["took 10 at 99"]  # a tenth of 105 - 95


def test_slippage_can_grow_with_the_share_of_the_volume_that_is_traded() -> None:
    impact = model(slippage=Slippage(SlippageKind.VOLUME, Decimal("0.1")))
    small, large = Floor(impact), Floor(impact)
    small.place("buy 10")
    large.place("buy 500")
    assert small.meet(PLAIN) == ["took 10 at 100.01"]  # 0.1 * 0.01^2 * 100 = 0.001
    assert large.meet(PLAIN) == ["took 500 at 102.5"]  # 0.1 * 0.5^2 * 100


def test_whoever_takes_pays_half_the_spread_and_whoever_makes_does_not() -> None:
    wide = Floor(model(spread_bps=Decimal(100)))
    wide.place("buy 10")
    wide.place("sell 10 limit 101", number=2)
    assert wide.meet(PLAIN) == ["took 10 at 100.5", "2 made 10 at 101"]


def test_fees_are_a_share_of_the_notional_for_makers_and_takers_apart() -> None:
    floor = Floor(model(maker_fee_bps=Decimal(-1), taker_fee_bps=Decimal("7.5")))
    floor.place("buy 10")
    floor.place("sell 10 limit 105", number=2)
    floor.meet(bar("101.01", "105", "95", "102"))
    fees = [getattr(it, "fee", None) for it in floor.events]
    assert [it for it in fees if it] == [Money("0.757575", "USD"), Money("-0.105", "USD")]


@pytest.mark.parametrize(
    ("wish", "prices", "expected"),
    [
        ("buy 10 limit 100", ("105", "106", "99", "101"), ["made 10 at 100"]),  # on the way down
        ("buy 10 limit 100", ("98", "101", "97", "99"), ["took 10 at 98"]),  # better than asked
        ("buy 10 limit 100", ("101", "105", "100.01", "102"), ["rested"]),
        ("sell 10 limit 100", ("95", "101", "94", "96"), ["made 10 at 100"]),
        ("sell 10 limit 100", ("103", "104", "99", "101"), ["took 10 at 103"]),
        ("sell 10 limit 100", ("95", "99.99", "94", "96"), ["rested"]),
    ],
)
def test_a_limit_order_trades_at_its_limit_or_better(
    wish: str, prices: tuple[str, str, str, str], expected: list[str]
) -> None:
    floor = Floor()
    floor.place(wish)
    assert floor.meet(bar(*prices)) == expected


def test_an_order_that_has_rested_makes_even_when_the_market_opens_beyond_it() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100")
    assert floor.meet(bar("105", "106", "101", "102")) == ["rested"]
    assert floor.meet(bar("98", "99", "97", "98", hour=1)) == ["made 10 at 98"]


def test_where_others_stand_before_it_a_touch_is_not_enough() -> None:
    touched, through = Floor(model(through=True)), Floor(model(through=True))
    for floor in (touched, through):
        floor.place("buy 10 limit 100")
    assert touched.meet(bar("105", "106", "100", "101")) == ["rested"]
    assert through.meet(bar("105", "106", "99.99", "101")) == ["made 10 at 100"]


def test_a_post_only_order_that_would_trade_at_once_is_rejected() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100", post_only=True)
    assert floor.meet(bar("99", "106", "95", "101")) == ["rejected POST_ONLY"]


def test_a_post_only_order_that_rested_before_trades_like_any_other() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100", post_only=True)
    assert floor.meet(bar("105", "106", "101", "101")) == ["rested"]
    assert floor.meet(bar("99", "106", "95", "101", hour=1)) == ["made 10 at 99"]


def test_a_cap_lets_an_order_trade_over_several_bars() -> None:
    floor = Floor(model(participation=Decimal("0.1")))
    floor.place("buy 250")
    said = [floor.meet(bar("100", "105", "95", "102", "1000", hour=hour)) for hour in range(3)]
    assert said == [["took 100 at 100"], ["took 100 at 100"], ["took 50 at 100"]]


def test_orders_share_the_cap_and_shares_are_whole() -> None:
    floor = Floor(model(participation=Decimal("0.01")))
    floor.place("buy 8")
    floor.place("buy 8", number=2)
    assert floor.meet(bar("100", "105", "95", "102", "1299")) == [
        "took 8 at 100",
        "2 took 4 at 100",
    ]


def test_immediate_or_cancel_takes_what_there_is_at_the_open_and_no_more() -> None:
    floor = Floor(model(participation=Decimal("0.1")))
    floor.place("buy 250", good="ioc")
    assert floor.meet(PLAIN) == [
        "took 100 at 100",
        "canceled: not all of it could be had at once",
    ]


def test_immediate_or_cancel_does_not_wait_for_the_low_of_the_bar() -> None:
    floor = Floor()
    floor.place("buy 10 limit 99", good="ioc")
    assert floor.meet(PLAIN) == ["canceled: not all of it could be had at once"]


def test_fill_or_kill_is_all_or_nothing() -> None:
    capped = model(participation=Decimal("0.1"))
    much, little = Floor(capped), Floor(capped)
    much.place("buy 101", good="fok")
    little.place("buy 100", good="fok")
    assert much.meet(PLAIN) == ["canceled: not all of it could be had at once"]
    assert little.meet(PLAIN) == ["took 100 at 100"]


def test_a_day_order_is_over_at_midnight_utc() -> None:
    floor = Floor()
    floor.place("buy 10 limit 50", good="day")
    assert floor.meet(bar("100", "105", "95", "102", hour=10)) == ["rested"]
    assert floor.meet(bar("100", "105", "95", "102", hour=11)) == ["expired at 00:00"]


def test_an_order_good_till_an_instant_inside_a_bar_trades_at_its_open_only() -> None:
    ends = NOON + timedelta(minutes=30)
    at_the_open, later = Floor(), Floor()
    at_the_open.place("buy 10 limit 100", good="gtd", expires_at=ends)
    later.place("buy 10 limit 99", good="gtd", expires_at=ends)
    assert at_the_open.meet(PLAIN) == ["took 10 at 100"]
    assert later.meet(PLAIN) == ["rested", "expired at 12:30"]


def test_an_order_whose_time_is_over_before_it_comes_in_is_rejected() -> None:
    floor = Floor(model(latency=timedelta(minutes=1)))
    ends = NOON + timedelta(seconds=30)
    said = floor.place("buy 10 limit 99", good="gtd", expires_at=ends)
    assert said == ["opened", "rejected EXPIRED"]


def test_an_order_that_only_reduces_never_opens_a_position() -> None:
    flat, long_ = Floor(), Floor(held="4")
    for floor in (flat, long_):
        floor.place("sell 10", reduce_only=True)
    assert flat.meet(PLAIN) == ["canceled: there is nothing left to reduce"]
    assert long_.meet(PLAIN) == ["took 4 at 100", "canceled: there is nothing left to reduce"]
    assert long_.known.position == 0


def test_at_one_price_whoever_came_first_trades_first() -> None:
    floor = Floor(model(participation=Decimal("0.01")))
    for number in (3, 1, 2):
        floor.place("buy 4 limit 100", number=number)
    assert floor.meet(bar("105", "106", "99", "101", "1000")) == [
        "3 made 4 at 100",
        "made 4 at 100",
        "2 made 2 at 100",
        "2 rested",
    ]


def test_a_better_price_goes_before_an_earlier_time() -> None:
    floor = Floor(model(participation=Decimal("0.01")))
    floor.place("buy 8 limit 99", number=1)
    floor.place("buy 8 limit 100", number=2)
    assert floor.meet(bar("105", "106", "98", "101", "1000")) == [
        "2 made 8 at 100",
        "made 2 at 99",
        "rested",
    ]


def test_a_bar_of_another_symbol_means_nothing() -> None:
    floor = Floor()
    floor.place("buy 10", symbol_code="MSFT")
    assert floor.meet(PLAIN) == []


def test_every_trade_names_the_model_it_was_made_with() -> None:
    floor = Floor(FillModel())
    floor.place("buy 1")
    floor.meet(PLAIN)
    assert getattr(floor.events[-1], "model", "") == "maker 10 taker 10 bps, slippage bps 5"
    assert FREE.name == "maker 0 taker 0 bps"
    everything = model(
        spread_bps=Decimal(2),
        participation=Decimal("0.1"),
        latency=timedelta(milliseconds=5),
        through=True,
    )
    assert everything.name == (
        "maker 0 taker 0 bps, spread 2 bps, participation 0.1, latency 0:00:00.005000, through"
    )
