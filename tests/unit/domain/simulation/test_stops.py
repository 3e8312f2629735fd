from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.domain.simulation.floor import FREE, Floor, bar
from traderbot.domain.simulation.fill_model import FillModel, Slippage, SlippageKind


@pytest.mark.parametrize(
    ("wish", "prices", "expected"),
    [
        ("sell 10 stop 95", ("100", "105", "96", "97"), []),
        ("sell 10 stop 95", ("100", "105", "95", "97"), ["triggered at 95", "took 10 at 95"]),
        # It opened beyond the stop: nobody traded at 95.
        ("sell 10 stop 95", ("93", "105", "92", "97"), ["triggered at 93", "took 10 at 93"]),
        ("buy 10 stop 105", ("100", "105", "96", "97"), ["triggered at 105", "took 10 at 105"]),
        ("buy 10 stop 105", ("107", "108", "96", "97"), ["triggered at 107", "took 10 at 107"]),
        ("buy 10 stop 105", ("100", "104.99", "96", "97"), []),
    ],
)
def test_a_stop_trades_at_its_price_and_beyond_a_gap_at_the_open(
    wish: str, prices: tuple[str, str, str, str], expected: list[str]
) -> None:
    floor = Floor()
    floor.place(wish)
    assert floor.meet(bar(*prices)) == expected


def test_a_stop_slips_like_every_order_that_takes_any_price() -> None:
    slips = FillModel(
        maker_fee_bps=Decimal(0),
        taker_fee_bps=Decimal(0),
        slippage=Slippage(SlippageKind.BPS, Decimal(10)),
    )
    floor = Floor(slips)
    floor.place("sell 10 stop 95")
    assert floor.meet(bar("100", "105", "90", "97")) == ["triggered at 95", "took 10 at 94.9"]


@pytest.mark.parametrize(
    ("wish", "prices", "expected"),
    [
        # Reached inside the bar, and the stop price satisfies the limit.
        (
            "sell 10 stop 95 limit 94",
            ("100", "105", "90", "97"),
            ["triggered at 95", "took 10 at 95"],
        ),
        # The gap is beyond the limit, and the market never comes back to it.
        (
            "sell 10 stop 95 limit 94",
            ("92", "93", "90", "91"),
            ["triggered at 92", "rested"],
        ),
        # The gap is beyond the limit; what came after the open came back to it.
        (
            "sell 10 stop 95 limit 94",
            ("92", "96", "90", "91"),
            ["triggered at 92", "made 10 at 94"],
        ),
        # A limit above the stop: only the close is known to have come after the trigger.
        (
            "sell 10 stop 95 limit 98",
            ("100", "105", "90", "97"),
            ["triggered at 95", "rested"],
        ),
        (
            "sell 10 stop 95 limit 98",
            ("100", "105", "90", "99"),
            ["triggered at 95", "made 10 at 98"],
        ),
        (
            "buy 10 stop 105 limit 106",
            ("100", "107", "99", "104"),
            ["triggered at 105", "took 10 at 105"],
        ),
        ("buy 10 stop 105 limit 106", ("108", "109", "107", "108"), ["triggered at 108", "rested"]),
    ],
)
def test_a_stop_limit_order_never_trades_beyond_its_limit(
    wish: str, prices: tuple[str, str, str, str], expected: list[str]
) -> None:
    floor = Floor()
    floor.place(wish)
    assert floor.meet(bar(*prices)) == expected


def test_a_triggered_stop_limit_order_goes_on_as_a_limit_order() -> None:
    floor = Floor()
    floor.place("sell 10 stop 95 limit 94")
    floor.meet(bar("92", "93", "90", "91"))
    assert floor.meet(bar("91", "95", "90", "91", hour=1)) == ["made 10 at 94"]


def test_of_a_stop_and_a_target_in_one_bar_the_stop_happens() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 limit 110", number=1, reduce_only=True)
    floor.place("sell 10 stop 90", number=2, reduce_only=True)
    assert floor.meet(bar("100", "111", "89", "105")) == [
        "2 triggered at 90",
        "2 took 10 at 90",
        "canceled: there is nothing left to reduce",
    ]
    assert floor.known.position == 0


def test_a_trailing_stop_follows_the_best_price_and_is_not_moved_back() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 trail 5")
    assert floor.meet(bar("100", "102", "99", "101")) == ["trails from 102, stop 97"]
    assert floor.meet(bar("101", "104", "100", "103", hour=1)) == ["trails from 104, stop 99"]
    assert floor.meet(bar("103", "103.5", "100", "101", hour=2)) == []
    assert floor.meet(bar("101", "102", "98", "100", hour=3)) == [
        "triggered at 99",
        "took 10 at 99",
    ]


def test_a_trailing_stop_to_buy_follows_down() -> None:
    floor = Floor()
    floor.place("buy 10 trail 5")
    assert floor.meet(bar("100", "101", "97", "98")) == ["trails from 97, stop 102"]
    assert floor.meet(bar("98", "102", "98", "100", hour=1)) == [
        "triggered at 102",
        "took 10 at 102",
    ]


def test_a_trailing_stop_gaps_like_any_other() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 trail 5")
    floor.meet(bar("100", "102", "99", "101"))
    assert floor.meet(bar("90", "95", "89", "91", hour=1)) == ["triggered at 90", "took 10 at 90"]


def test_when_the_bar_goes_both_ways_the_trailing_stop_is_hit_where_it_was() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 trail 5")
    floor.meet(bar("100", "102", "99", "101"))  # stop 97
    assert floor.meet(bar("101", "120", "95", "118", hour=1)) == [
        "triggered at 97",
        "took 10 at 97",
    ]


def test_in_doubt_the_market_turned_back_from_the_best_price() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 trail 5")
    floor.meet(bar("100", "102", "99", "101"))  # stop 97
    # From 110 the stop is 105; whether the low of 100 came before or after, nobody can say.
    assert floor.meet(bar("103", "110", "100", "108", hour=1)) == [
        "triggered at 105",
        "took 10 at 105",
    ]


def test_the_open_moves_a_trailing_stop_before_the_low_reaches_it() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 trail 5")
    floor.meet(bar("100", "102", "99", "101"))  # stop 97
    assert floor.meet(bar("110", "110", "104", "108", hour=1)) == [
        "triggered at 105",
        "took 10 at 105",
    ]


def test_a_trail_in_basis_points_lies_on_the_tick_farther_from_the_market() -> None:
    floor = Floor(FREE, held="10")
    floor.place("sell 10 trail 333bps")
    assert floor.meet(bar("101", "101", "100", "100")) == ["trails from 101, stop 97.63"]


def test_the_rest_of_a_triggered_stop_trades_in_the_next_bar_at_any_price() -> None:
    capped = FillModel(
        maker_fee_bps=Decimal(0),
        taker_fee_bps=Decimal(0),
        slippage=Slippage(SlippageKind.NONE),
        participation=Decimal("0.01"),
    )
    floor = Floor(capped)
    floor.place("sell 15 stop 95")
    assert floor.meet(bar("100", "105", "90", "97")) == ["triggered at 95", "took 10 at 95"]
    assert floor.meet(bar("99", "105", "97", "98", hour=1)) == ["took 5 at 99"]


def test_a_protective_stop_goes_when_there_is_nothing_to_protect() -> None:
    floor = Floor(held="10")
    floor.place("sell 10 stop 90", reduce_only=True)
    floor.place("sell 10", number=2)
    assert floor.meet(bar("100", "105", "95", "97")) == [
        "2 took 10 at 100",
        "canceled: there is nothing left to reduce",
    ]


def test_a_protective_stop_that_came_with_its_entry_waits_for_it() -> None:
    floor = Floor()
    floor.place("sell 10 stop 90", number=2, reduce_only=True)
    floor.place("buy 10 limit 98", number=1)
    assert floor.meet(bar("100", "105", "99", "101")) == ["rested"]
    assert floor.meet(bar("100", "105", "97", "101", hour=1)) == ["made 10 at 98"]
    assert floor.meet(bar("95", "96", "89", "91", hour=2)) == [
        "2 triggered at 90",
        "2 took 10 at 90",
    ]


def test_a_protective_stop_that_is_reached_with_nothing_to_protect_is_canceled() -> None:
    floor = Floor()
    floor.place("sell 10 stop 90", reduce_only=True)
    assert floor.meet(bar("95", "96", "89", "91")) == [
        "triggered at 90",
        "canceled: there is nothing left to reduce",
    ]
