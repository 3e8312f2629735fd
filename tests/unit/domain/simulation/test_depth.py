from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal

import pytest

from tests.builders import NOON
from tests.unit.domain.simulation.floor import FREE, Floor, bar, depth
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind
from traderbot.domain.simulation.market import Depth, quote


def test_a_buyer_takes_the_ask_and_a_seller_the_bid() -> None:
    floor = Floor()
    floor.place("buy 10")
    floor.place("sell 10", number=2)
    assert floor.meet(depth("99", "101")) == ["took 10 at 101", "2 took 10 at 99"]


def test_an_order_sweeps_the_levels_best_first_and_waits_for_the_rest() -> None:
    floor = Floor()
    floor.place("buy 10")
    assert floor.meet(depth("99x5", "100x3 101x4")) == ["took 3 at 100", "took 4 at 101"]
    assert floor.meet(depth("99x5", "102x9", second=1)) == ["took 3 at 102"]


def test_a_limit_stops_the_sweep() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100.5")
    assert floor.meet(depth("99x5", "100x3 101x4")) == ["took 3 at 100", "rested"]


def test_a_resting_order_makes_at_its_own_limit() -> None:
    floor = Floor()
    floor.place("buy 10 limit 98")
    assert floor.meet(depth("97", "99")) == ["rested"]
    assert floor.meet(depth("96", "97", second=1)) == ["made 10 at 98"]


def test_what_one_order_takes_is_gone_for_the_next() -> None:
    floor = Floor()
    floor.place("buy 4")
    floor.place("buy 4", number=2)
    assert floor.meet(depth("99", "100x5 101x9")) == [
        "took 4 at 100",
        "2 took 1 at 100",
        "2 took 3 at 101",
    ]


def test_a_share_of_each_level_can_be_the_most_there_is() -> None:
    half = FillModel(
        maker_fee_bps=Decimal(0),
        taker_fee_bps=Decimal(0),
        slippage=Slippage(SlippageKind.NONE),
        participation=Decimal("0.5"),
    )
    floor = Floor(half)
    floor.place("sell 4")
    assert floor.meet(depth("99x5 98x9", "100")) == ["took 2 at 99", "took 2 at 98"]


def test_only_a_quote_that_does_not_say_how_much_slips() -> None:
    slips = FillModel(
        maker_fee_bps=Decimal(0),
        taker_fee_bps=Decimal(0),
        slippage=Slippage(SlippageKind.BPS, Decimal(10)),
    )
    unsaid, said = Floor(slips), Floor(slips)
    for floor in (unsaid, said):
        floor.place("buy 10")
    assert unsaid.meet(depth("99", "100")) == ["took 10 at 100.1"]
    assert said.meet(depth("99x10", "100x10")) == ["took 10 at 100"]


def test_a_post_only_order_that_crosses_is_rejected_and_one_that_does_not_rests() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100", post_only=True)
    floor.place("buy 10 limit 99.99", number=2, post_only=True)
    assert floor.meet(depth("99", "100")) == ["rejected POST_ONLY", "2 rested"]


def test_immediate_orders_take_what_there_is_or_everything() -> None:
    floor = Floor()
    floor.place("buy 10 limit 100", number=1, good="ioc")
    assert floor.meet(depth("99", "100x4")) == [
        "took 4 at 100",
        "canceled: not all of it could be had at once",
    ]
    floor.place("buy 10 limit 101", number=2, good="fok")
    floor.place("buy 9 limit 101", number=3, good="fok")
    assert floor.meet(depth("99", "100x4 101x5 102x9", second=1)) == [
        "2 canceled: not all of it could be had at once",
        "3 took 4 at 100",
        "3 took 5 at 101",
    ]


def test_a_stop_to_sell_watches_the_bid_and_one_to_buy_the_ask() -> None:
    floor = Floor()
    floor.place("sell 10 stop 95")
    floor.place("buy 10 stop 105", number=2)
    assert floor.meet(depth("95.01", "104.99")) == []
    assert floor.meet(depth("94", "106", second=1)) == [
        "triggered at 94",
        "2 triggered at 106",
        "took 10 at 94",
        "2 took 10 at 106",
    ]


def test_a_trailing_stop_follows_the_bid() -> None:
    floor = Floor()
    floor.place("sell 10 trail 2")
    assert floor.meet(depth("100", "101")) == ["trails from 100, stop 98"]
    assert floor.meet(depth("103", "104", second=1)) == ["trails from 103, stop 101"]
    assert floor.meet(depth("101.5", "102", second=2)) == []
    assert floor.meet(depth("100.5", "102", second=3)) == ["triggered at 100.5", "took 10 at 100.5"]


def test_a_market_seen_before_means_nothing() -> None:
    floor = Floor()
    floor.place("buy 10")
    seen = depth("99", "100x4")
    assert floor.meet(seen) == ["took 4 at 100"]
    assert floor.meet(seen) == []
    assert floor.meet(depth("99", "100x4", sequence=2)) == ["took 4 at 100"]


def test_a_side_nobody_stands_on_fills_nothing() -> None:
    floor = Floor()
    floor.place("buy 10")
    floor.place("sell 5 stop 90", number=2)
    assert floor.meet(depth("", "")) == []


def test_a_quote_says_what_it_is() -> None:
    said = quote(symbol("AAPL"), NOON, bid=Price(99), ask=Price(100), ask_quantity=Quantity(4))
    assert said == Depth(
        symbol=symbol("AAPL"), at=NOON, bids=depth("99", "").bids, asks=depth("", "100x4").asks
    )


@pytest.mark.parametrize(
    ("bids", "asks", "said"),
    [
        ("99 100", "101", "not best first"),
        ("99", "101 100", "not best first"),
        ("101", "100", "crossed"),
    ],
)
def test_a_market_that_cannot_be_is_refused(bids: str, asks: str, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        depth(bids, asks)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=1))])
def test_a_market_is_seen_at_an_instant_of_utc(zone: timezone | None) -> None:
    at = NOON.replace(tzinfo=zone)
    with pytest.raises(InvalidValueError, match="aware UTC"):
        Depth(symbol=symbol("AAPL"), at=at, bids=(), asks=())


def test_a_sequence_starts_at_one() -> None:
    with pytest.raises(InvalidValueError, match="starts at 1"):
        depth("99", "100", sequence=0)


def test_a_quote_after_a_bar_is_newer_than_it() -> None:
    floor = Floor(FREE)
    floor.place("buy 10 limit 98")
    assert floor.meet(bar("100", "101", "99", "100")) == ["rested"]
    assert floor.meet(depth("96", "97", second=1800)) == []  # while the bar went on
    assert floor.meet(depth("96", "97", second=3600)) == ["made 10 at 98"]
