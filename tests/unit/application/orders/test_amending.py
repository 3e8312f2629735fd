"""Changing an order: what is set aside follows it, exactly, whatever else happens meanwhile."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import limits
from tests.unit.application.orders.trader import USD, VENUE, Trader, trading
from traderbot.application.commands.amend_order import AmendOrder
from traderbot.application.commands.users import RegisterUser
from traderbot.application.commands.venue_answers import BeginSubmission, Heard
from traderbot.application.errors import NotFoundError
from traderbot.application.views import OrderView
from traderbot.domain.orders.errors import (
    InvalidTicketError,
    OrderClosedError,
    OrderNotSubmittableError,
)
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.values import Quantity


def test_an_order_no_venue_has_is_changed_at_once(trader: Trader) -> None:
    order = trader.place(quantity="10", limit_price="100")
    made = trader.amend(order, quantity="4", limit_price="90")
    assert made.outcome == "amended"
    assert (made.order.quantity, made.order.limit_price, made.order.reserved) == ("4", "90", "360")
    assert trader.portfolio().cash_in(USD).reserved.amount == 360


def test_an_order_at_a_venue_is_changed_when_the_venue_has_done_it(trader: Trader) -> None:
    order = trader.working(quantity="10", limit_price="100")
    asked = trader.amend(order, quantity="15", limit_price="101")
    assert asked.outcome == "requested"
    assert (asked.order.quantity, asked.order.reserved) == ("10", "1515")
    done = trader.hear(order, Heard.AMENDED)
    assert (done.quantity, done.limit_price, done.reserved) == ("15", "101", "1515")


def test_what_the_venue_will_not_change_gives_back_what_was_set_aside_for_it(
    trader: Trader,
) -> None:
    order = trader.working(quantity="10", limit_price="100")
    trader.amend(order, quantity="15")
    after = trader.hear(order, Heard.AMEND_REFUSED)
    assert (after.quantity, after.reserved, after.status) == ("10", "1000", "accepted")


def test_a_smaller_order_frees_nothing_before_the_venue_has_made_it_smaller(
    trader: Trader,
) -> None:
    order = trader.working(quantity="10", limit_price="100")
    assert trader.amend(order, quantity="4").order.reserved == "1000"
    assert trader.hear(order, Heard.AMENDED).reserved == "400"


def test_the_gate_reviews_what_is_left_and_does_not_count_the_order_against_itself() -> None:
    with trading(cash="1000 USD") as trader:
        order = trader.working(quantity="10", limit_price="100")
        trader.fill(order, "4")
        assert trader.portfolio().cash_in(USD).free.amount == 0
        # 6 are left; 600 are set aside for them, and that is what the order may go on with.
        assert trader.amend(order, limit_price="99").outcome == "requested"
        trader.hear(order, Heard.AMENDED)
        assert trader.now(order).reserved == "594"
        refused = trader.amend(order, quantity="11")
        assert refused.outcome == "refused"
        (reason,) = refused.reasons
        assert (reason.code, reason.limit, reason.value) == (
            "INSUFFICIENT_FUNDS",
            "600 USD",
            "693 USD",
        )


def test_a_change_the_gate_refuses_is_recorded_and_changes_nothing() -> None:
    with trading(within=limits(fee_bps="0")) as trader:
        order = trader.place(quantity="10", limit_price="100")
        before, version = trader.portfolio(), order.version
        made = trader.amend(order, quantity="200")
        assert made.outcome == "refused"
        assert {reason.code for reason in made.reasons} == {"ORDER_NOTIONAL_MAX"}
        assert made.order.version == version + 1
        assert (made.order.quantity, made.order.reserved) == ("10", "1000")
        assert trader.portfolio() == before
        assert trader.order(order).amendment is None
        assert trader.amend(order, quantity="20").outcome == "amended"


def test_what_it_is_already_changes_nothing(trader: Trader) -> None:
    order = trader.working(quantity="10")
    assert trader.amend(order, quantity="10").outcome == "unchanged"
    trader.amend(order, quantity="12")
    asked_again = trader.amend(order, quantity="12")
    assert asked_again.outcome == "unchanged"
    assert asked_again.order == trader.now(order)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "say what to change"),
        ({"quantity": "4"}, "4 of it is filled"),
        ({"quantity": "0"}, "4 of it is filled"),
        ({"stop_price": "90"}, "a stop order has a stop price"),
    ],
)
def test_a_change_that_makes_no_order_is_refused_and_recorded_nowhere(
    change: dict[str, str], said: str, trader: Trader
) -> None:
    order = trader.working(quantity="10")
    before = trader.fill(order, "4")
    with pytest.raises(InvalidTicketError, match=said):
        trader.amend(order, **change)
    assert trader.now(order) == before


def test_an_order_on_its_way_to_somewhere_else_is_not_changed(trader: Trader) -> None:
    order = trader.working(quantity="10")
    trader.amend(order, quantity="12")
    with pytest.raises(OrderNotSubmittableError):
        trader.amend(order, quantity="13")
    trader.hear(order, Heard.AMENDED)
    trader.cancel(order)
    with pytest.raises(OrderNotSubmittableError):
        trader.amend(order, quantity="14")
    trader.hear(order, Heard.CANCELED)
    with pytest.raises(OrderClosedError):
        trader.amend(order, quantity="15")


def test_an_order_in_doubt_is_not_changed(trader: Trader) -> None:
    order = trader.place(quantity="10")
    intent = BeginSubmission(order_id=OrderId(order.order_id), venue=VENUE, account="main")
    trader.desk.run(intent)
    trader.hear(order, Heard.UNCLEAR)
    with pytest.raises(OrderNotSubmittableError):
        trader.amend(order, limit_price="99")


def test_an_answer_to_a_change_that_comes_after_the_last_fill_is_no_news(trader: Trader) -> None:
    order = trader.working(quantity="10")
    trader.amend(order, quantity="12")
    trader.fill(order, "10")
    assert trader.hear(order, Heard.AMEND_REFUSED).status == "filled"
    assert trader.portfolio().cash_in(USD).reserved.amount == 0


def test_nobody_changes_somebody_elses_order(trader: Trader) -> None:
    order = trader.place()
    eve = UserId(trader.desk.run(RegisterUser(email="eve@example.org", password_hash="x")).user_id)
    command = AmendOrder(owner_id=eve, order_id=OrderId(order.order_id), quantity=Quantity(1))
    with pytest.raises(NotFoundError):
        trader.desk.run(command)


def test_a_stop_the_market_has_reached_has_no_stop_price_to_change(trader: Trader) -> None:
    entry = trader.working(quantity="10", stop_loss="90")
    trader.fill(entry, "10")
    (stop,) = trader.exits_of(entry)
    trader.send(stop)
    assert trader.amend(stop, stop_price="95").outcome == "requested"
    trader.hear(stop, Heard.AMENDED)
    trader.hear(stop, Heard.TRIGGERED, price=trader.order(stop).ticket.stop_price)
    with pytest.raises(InvalidTicketError, match="has reached the stop price 95"):
        trader.amend(stop, stop_price="96")


# --- the law ----------------------------------------------------------------------------------

_QUANTITIES = st.integers(1, 30).map(str)
_PRICES = st.sampled_from(["50", "99.99", "100", "133.333333333333333333", "200"])
_STEPS = st.one_of(
    st.tuples(st.just("amend"), _QUANTITIES, _PRICES),
    st.tuples(st.just("fill"), _QUANTITIES, _PRICES),
    st.tuples(st.just("amended")),
    st.tuples(st.just("amend_refused")),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("cancel_refused")),
    st.tuples(st.just("canceled")),
    st.tuples(st.just("expired")),
)


def _overtakes(trader: Trader, order: OrderView, quantity: str) -> bool:
    """Whether a fill reaches what the order is about to be made as small as."""
    now = trader.order(order)
    return now.amendment is not None and now.amendment.quantity <= now.filled + Quantity(quantity)


def _do(trader: Trader, ours: OrderView, step: tuple[str, ...]) -> None:
    match step:
        case ("amend", quantity, price):
            trader.amend(ours, quantity=quantity, limit_price=price)
        case ("fill", quantity, price) if not _overtakes(trader, ours, quantity):
            trader.fill(ours, quantity, price=price)
        case ("fill", *_):
            pass
        case ("cancel",):
            trader.cancel(ours)
        case _:
            trader.hear(ours, Heard(step[0]))


def test_what_is_set_aside_is_never_made_nor_lost() -> None:
    with trading() as trader:

        @given(
            side=st.sampled_from(["buy", "sell"]),
            holds=st.integers(0, 20),
            at_venue=st.booleans(),
            steps=st.lists(_STEPS, max_size=12),
        )
        @settings(max_examples=150, deadline=None)
        def law(side: str, holds: int, at_venue: bool, steps: list[tuple[str, ...]]) -> None:
            _keeps_the_law(trader.afresh(), side, holds, steps, at_venue=at_venue)

        law()


def _keeps_the_law(
    trader: Trader, side: str, holds: int, steps: list[tuple[str, ...]], *, at_venue: bool
) -> None:
    if holds:
        trader.fill(trader.place(quantity=str(holds)), str(holds))
    order = trader.place(side=side, quantity="10", limit_price="100")
    if at_venue:
        trader.send(order)
    for step in steps:
        before = trader.portfolio()
        with suppress(DomainError):
            _do(trader, order, step)
        now, ours = trader.portfolio(), trader.order(order)
        assert now.cash_in(USD).reserved == ours.reserved
        assert trader.claimed() == trader.closing(order)
        if step[0] != "fill":
            assert now.cash_in(USD).total == before.cash_in(USD).total
    with suppress(DomainError):
        trader.cancel(order)
    trader.hear(order, Heard.AMENDED)
    trader.hear(order, Heard.CANCELED)
    assert not trader.order(order).status.is_open
    assert trader.portfolio().cash_in(USD).reserved.amount == 0
    assert trader.claimed() == 0
