from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    BOT_RUN_ID,
    NOON,
    ORDER_ID,
    USER_ID,
    a_check,
    a_fill,
    a_refusal,
    a_ticket,
    accepted,
    after,
    an_approval,
    an_order,
    approved,
    canceled,
    filled,
    later,
    placed,
    refused,
)
from traderbot.domain.orders.errors import OrderClosedError
from traderbot.domain.orders.events import (
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
)
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import FillId
from traderbot.domain.shared.values import Money, Price, Quantity

# --- placing ----------------------------------------------------------------------------------


def test_an_approved_wish_is_placed_and_approved() -> None:
    verdict = an_approval(reserved="1050 USD", closing="3", reference="100")
    assert Order.place(ORDER_ID, USER_ID, verdict, at=NOON, bot_run_id=BOT_RUN_ID) == (
        OrderPlaced(
            order_id=ORDER_ID,
            at=NOON,
            owner_id=USER_ID,
            ticket=verdict.ticket,
            bot_run_id=BOT_RUN_ID,
        ),
        OrderApproved(
            order_id=ORDER_ID,
            at=NOON,
            reserved=Money("1050", "USD"),
            closing=Quantity("3"),
            reference=Price("100"),
            checks=verdict.checks,
        ),
    )


def test_a_refused_wish_is_recorded_with_its_reasons() -> None:
    verdict = a_refusal()
    events = Order.place(ORDER_ID, USER_ID, verdict, at=NOON)
    assert events == (
        OrderPlaced(order_id=ORDER_ID, at=NOON, owner_id=USER_ID, ticket=verdict.ticket),
        OrderRefused(order_id=ORDER_ID, at=NOON, reasons=(a_check(),)),
    )
    order = Order.from_events(events)
    assert order.status is OrderStatus.REFUSED
    assert order.reasons == (a_check(),)
    assert order.reserved == Money("0", "USD")


def test_a_placed_order_has_nothing_set_aside_and_nothing_filled() -> None:
    order = Order.from_events([placed(symbol_code="BTC/USDT", quantity="0.5")])
    assert order.status is OrderStatus.PLACED
    assert order.remaining == Quantity("0.5")
    assert order.average_price is None
    assert order.reserved == order.paid == order.fees == Money("0", "USDT")


def test_an_approved_order_keeps_what_the_gate_set_aside() -> None:
    order = an_order(reserved="1050 USD", closing="3")
    assert order.status is OrderStatus.APPROVED
    assert order.reserved == Money("1050", "USD")
    assert order.closing == Quantity("3")


def test_an_order_remembers_when_it_was_placed_and_when_it_last_changed() -> None:
    order = Order.from_events([placed(at=NOON), approved(at=later(1)), canceled(at=later(2))])
    assert (order.placed_at, order.updated_at) == (NOON, later(2))


# --- accepting --------------------------------------------------------------------------------


def test_an_approved_order_can_be_accepted() -> None:
    order = an_order()
    events = order.accept("paper", "venue-1", at=NOON)
    assert events == (
        OrderAccepted(order_id=order.id, at=NOON, venue="paper", venue_order_id="venue-1"),
    )
    assert after(order, events).status is OrderStatus.ACCEPTED
    assert after(order, events).venue_order_id == "venue-1"


def test_hearing_twice_that_it_was_accepted_changes_nothing() -> None:
    order = after(an_order(), [accepted(venue_order_id="venue-1")])
    assert order.accept("paper", "venue-1", at=later(1)) == ()
    assert order.accept("paper", "venue-2", at=later(1)) == ()


def test_an_acceptance_that_arrives_after_the_first_fill_does_not_undo_it() -> None:
    order = after(an_order(quantity="10"), [filled(quantity="4")])
    late = after(order, order.accept("paper", "venue-1", at=later(1)))
    assert late.status is OrderStatus.PARTIALLY_FILLED
    assert late.venue_order_id == "venue-1"


def test_an_acceptance_that_arrives_after_a_cancel_does_not_reopen_the_order() -> None:
    order = after(an_order(), [canceled()])
    late = after(order, order.accept("paper", "venue-1", at=later(1)))
    assert late.status is OrderStatus.CANCELED


# --- filling ----------------------------------------------------------------------------------


def test_a_part_of_an_order_uses_its_share_of_the_reservation() -> None:
    order = an_order(quantity="10", reserved="1050 USD")
    fill = a_fill(quantity="4")
    assert order.record_fill(fill) == (
        OrderFilled(
            order_id=order.id,
            at=fill.at,
            fill=fill,
            reservation_used=Money("420", "USD"),
            closing_used=Quantity("0"),
        ),
    )


def test_the_last_of_an_order_uses_all_that_is_still_set_aside() -> None:
    order = an_order(quantity="3", reserved="10 USD")
    used = []
    for name in ("a", "b", "c"):
        (event,) = order.record_fill(a_fill(fill_id=name, quantity="1"))
        assert isinstance(event, OrderFilled)
        used.append(str(event.reservation_used))
        order = order.apply(event)
    assert used == ["3.333333333333333333 USD", "3.333333333333333334 USD", used[0]]
    assert order.reserved == Money("0", "USD")
    assert order.status is OrderStatus.FILLED


def test_a_fill_closes_before_it_opens() -> None:
    order = an_order(side="sell", quantity="10", closing="5", reserved="525 USD")
    (first,) = order.record_fill(a_fill(fill_id="a", quantity="3"))
    assert isinstance(first, OrderFilled)
    assert first.closing_used == Quantity("3")
    (second,) = order.apply(first).record_fill(a_fill(fill_id="b", quantity="6"))
    assert isinstance(second, OrderFilled)
    assert second.closing_used == Quantity("2")


def test_a_fill_of_less_than_the_whole_leaves_the_order_open() -> None:
    order = after(an_order(quantity="10"), [filled(quantity="9.999999999999999999")])
    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert order.status.is_open
    assert order.remaining == Quantity("0.000000000000000001")


def test_a_fill_of_the_whole_ends_the_order() -> None:
    order = after(an_order(quantity="10"), [filled(quantity="10", used="1050 USD")])
    assert order.status is OrderStatus.FILLED
    assert not order.status.is_open
    assert order.remaining == Quantity("0")


def test_a_fill_heard_twice_changes_nothing() -> None:
    order = an_order(quantity="10")
    fill = a_fill(fill_id="once", quantity="4")
    once = after(order, order.record_fill(fill))
    assert once.record_fill(fill) == ()
    assert once.record_fill(replace(fill, quantity=Quantity("5"), at=later(1))) == ()


def test_the_last_fill_heard_twice_changes_nothing_either() -> None:
    order = an_order(quantity="10")
    fill = a_fill(quantity="10")
    assert after(order, order.record_fill(fill)).record_fill(fill) == ()


def test_a_fill_that_arrives_after_a_cancel_is_recorded() -> None:
    order = Order.from_events([placed(quantity="10"), approved(), canceled(released="1050 USD")])
    fill = a_fill(quantity="4")
    assert order.record_fill(fill) == (
        OrderFilled(
            order_id=order.id,
            at=fill.at,
            fill=fill,
            reservation_used=Money("0", "USD"),
            closing_used=Quantity("0"),
        ),
    )


def test_a_late_fill_does_not_bring_a_canceled_order_back() -> None:
    order = an_order(quantity="10")
    order = after(order, order.cancel("asked", at=later(1)))
    order = after(order, order.record_fill(a_fill(quantity="4", at=later(2))))
    assert order.status is OrderStatus.CANCELED
    assert order.filled == Quantity("4")
    assert order.cancel("asked again", at=later(3)) == ()


def test_late_fills_of_the_whole_fill_a_canceled_order() -> None:
    order = after(an_order(quantity="10"), [canceled(released="1050 USD"), filled(quantity="10")])
    assert order.status is OrderStatus.FILLED


def test_a_venue_that_trades_more_than_was_asked_is_believed() -> None:
    order = an_order(quantity="10", reserved="1050 USD", closing="0")
    (event,) = order.record_fill(a_fill(quantity="12"))
    assert isinstance(event, OrderFilled)
    assert event.reservation_used == Money("1050", "USD")
    order = order.apply(event)
    assert (order.status, order.filled, order.remaining) == (
        OrderStatus.FILLED,
        Quantity("12"),
        Quantity("0"),
    )


def test_a_fill_after_the_last_one_is_recorded_and_uses_nothing() -> None:
    order = after(an_order(quantity="10"), [filled(fill_id="a", used="1050 USD")])
    (event,) = order.record_fill(a_fill(fill_id="b", quantity="1"))
    assert isinstance(event, OrderFilled)
    assert event.reservation_used == Money("0", "USD")
    assert order.apply(event).filled == Quantity("11")


def test_the_average_price_is_what_was_paid_per_unit_at_18_places() -> None:
    order = after(
        an_order(quantity="3"),
        [
            filled(fill_id="a", quantity="1", price="100"),
            filled(fill_id="b", quantity="2", price="100.01"),
        ],
    )
    assert order.paid == Money("300.02", "USD")
    assert order.average_price == Decimal("100.006666666666666667")


def test_the_fees_of_all_fills_add_up() -> None:
    order = after(
        an_order(quantity="10"),
        [
            filled(fill_id="a", quantity="4", fee="0.40 USD"),
            filled(fill_id="b", quantity="6", fee="0.61 USD"),
        ],
    )
    assert order.fees == Money("1.01", "USD")


def test_a_fee_in_another_currency_is_no_part_of_the_quote_currencys_fees() -> None:
    order = after(an_order(), [filled(quantity="4", fee="0.01 BNB")])
    assert order.fees == Money("0", "USD")


# --- canceling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "so_far",
    [[], [accepted()], [accepted(), filled(quantity="4", used="420 USD")]],
    ids=["approved", "accepted", "partially filled"],
)
def test_an_open_order_can_be_canceled_and_releases_what_is_left(
    so_far: list[OrderEvent],
) -> None:
    order = after(an_order(quantity="10", reserved="1050 USD", closing="2"), so_far)
    events = order.cancel("asked", at=later(1))
    assert events == (
        OrderCanceled(
            order_id=order.id,
            at=later(1),
            reason="asked",
            released=order.reserved,
            closing_released=order.closing,
        ),
    )
    after_it = after(order, events)
    assert after_it.status is OrderStatus.CANCELED
    assert after_it.reserved == Money("0", "USD")
    assert after_it.closing == Quantity("0")


def test_canceling_twice_changes_nothing() -> None:
    order = an_order()
    order = after(order, order.cancel("asked", at=NOON))
    assert order.cancel("asked again", at=later(1)) == ()


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ([placed()], "placed"),
        ([placed(), refused()], "refused"),
        ([placed(), approved(), filled(quantity="10", used="1050 USD")], "filled"),
        ([placed(), approved(), canceled(released="1050 USD"), filled(quantity="10")], "filled"),
    ],
    ids=["not yet approved", "refused", "filled", "filled after a cancel"],
)
def test_an_order_that_is_not_open_cannot_be_canceled(
    history: list[OrderEvent], status: str
) -> None:
    order = Order.from_events(history)
    with pytest.raises(OrderClosedError, match=status) as refusal:
        order.cancel("asked", at=NOON)
    assert (refusal.value.order_id, refusal.value.status) == (ORDER_ID, status)
    assert refusal.value.code == "ORDER_CLOSED"


@pytest.mark.parametrize("status", list(OrderStatus))
def test_an_order_is_open_while_the_venue_may_still_trade_it(status: OrderStatus) -> None:
    ended = {"placed", "refused", "filled", "canceled", "expired", "rejected"}
    assert status.is_open is (status not in ended)


# --- histories --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [approved(), refused(), accepted(), filled(), canceled()],
    ids=lambda event: type(event).__name__,
)
def test_a_history_that_does_not_start_with_a_placement_is_corrupt(first: OrderEvent) -> None:
    with pytest.raises(CorruptHistoryError, match=type(first).__name__):
        Order.from_events([first, placed()])


def test_an_order_cannot_be_placed_twice() -> None:
    with pytest.raises(CorruptHistoryError, match="placed twice"):
        Order.from_events([placed(), approved(), placed()])


def test_an_order_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        an_order().status = OrderStatus.FILLED  # type: ignore[misc]


# --- laws -------------------------------------------------------------------------------------

_units = st.integers(1, 10**8)
_fills = st.builds(
    lambda name, units, cents: a_fill(
        fill_id=f"fill-{name}",
        quantity=plain(Decimal(units).scaleb(-4)),
        price=plain(Decimal(cents).scaleb(-4)),
        fee=f"{plain(Decimal(cents % 7).scaleb(-2))} USD",
    ),
    st.integers(0, 9),  # few names, so that the venue repeats itself
    st.integers(1, 60_000),
    _units,
)
_news = st.lists(st.one_of(_fills, st.just("cancel"), st.just("accept")), max_size=12)
_orders = st.builds(
    lambda units, closing, cents: an_order(
        side="sell",
        quantity=plain(Decimal(units).scaleb(-4)),
        closing=plain(Decimal(min(units, closing)).scaleb(-4)),
        reserved=f"{plain(Decimal(cents).scaleb(-8))} USD",
    ),
    st.integers(1, 100_000),
    st.integers(0, 100_000),
    st.integers(0, 10**14),
)


def _live(order: Order, news: Sequence[Fill | str]) -> list[OrderEvent]:
    """Return every event that hearing the news one after another leads to."""
    history: list[OrderEvent] = []
    for item in news:
        events: tuple[OrderEvent, ...] = ()
        if isinstance(item, Fill):
            events = order.record_fill(item)
        elif item == "accept":
            events = order.accept("paper", "venue-1", at=NOON)
        elif order.status.is_open or order.status is OrderStatus.CANCELED:
            events = order.cancel("asked", at=NOON)
        history += events
        order = after(order, events)
    return history


@given(_orders, _news)
def test_what_is_set_aside_is_given_back_exactly_once(order: Order, news: list[Fill | str]) -> None:
    cash, claim = Fraction(order.reserved.amount), Fraction(order.closing.value)
    for event in _live(order, news):
        if isinstance(event, OrderFilled):
            cash -= Fraction(event.reservation_used.amount)
            claim -= Fraction(event.closing_used.value)
        if isinstance(event, OrderCanceled):
            cash -= Fraction(event.released.amount)
            claim -= Fraction(event.closing_released.value)
        order = order.apply(event)
        assert order.reserved.amount == cash >= 0
        assert order.closing.value == claim >= 0
        assert claim <= Fraction(order.remaining.value) or order.status is OrderStatus.CANCELED
    if not order.status.is_open:
        assert cash == 0
        assert claim == 0


@given(_orders, _news)
def test_what_is_filled_and_paid_is_the_sum_of_the_fills_the_venue_named(
    order: Order, news: list[Fill | str]
) -> None:
    asked = Fraction(order.ticket.quantity.value)
    known: dict[FillId, Fill] = {}
    for item in news:
        if isinstance(item, Fill):
            known.setdefault(item.id, item)
    order = after(order, _live(order, news))
    filled_sum = sum((Fraction(fill.quantity.value) for fill in known.values()), Fraction(0))
    paid = sum(
        (Fraction(fill.quantity.value) * Fraction(fill.price.value) for fill in known.values()),
        Fraction(0),
    )
    assert order.fill_ids == frozenset(known)
    assert order.filled.value == filled_sum
    assert order.paid.amount == paid
    assert order.fees.amount == sum(Fraction(fill.fee.amount) for fill in known.values())
    assert order.remaining.value == max(asked - filled_sum, Fraction(0))
    if order.average_price is None:
        assert not known
    else:
        assert abs(Fraction(order.average_price) - paid / filled_sum) <= Fraction(1, 2 * 10**18)


@given(_orders, _news)
def test_hearing_everything_a_second_time_changes_nothing(
    order: Order, news: list[Fill | str]
) -> None:
    fills = [item for item in news if isinstance(item, Fill)]
    order = after(order, _live(order, news))
    assert _live(order, fills) == []


@given(st.integers(0, 20), _news)
def test_a_history_folds_the_same_in_two_parts(cut: int, news: list[Fill | str]) -> None:
    opening: list[OrderEvent] = [placed(quantity="5"), approved()]
    history = [*opening, *_live(Order.from_events(opening), news)]
    cut = 1 + cut % len(history)
    whole = Order.from_events(history)
    assert after(Order.from_events(history[:cut]), history[cut:]) == whole
    assert whole.version == len(history)


@given(_orders, _news)
def test_an_order_does_not_depend_on_the_ambient_decimal_context(
    order: Order, news: list[Fill | str]
) -> None:
    history = _live(order, news)
    expected = after(order, history)
    with localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = ROUND_UP
        assert _live(order, news) == history
        assert after(order, history) == expected
        average, remaining = after(order, history).average_price, after(order, history).remaining
    assert (average, remaining) == (expected.average_price, expected.remaining)


def test_a_ticket_travels_unchanged_from_the_wish_to_the_order() -> None:
    ticket = a_ticket(side="sell", quantity="0.12345678", limit_price="64000.01")
    events = Order.place(ORDER_ID, USER_ID, an_approval(ticket=ticket), at=NOON)
    assert Order.from_events(events).ticket == ticket


def test_a_partial_fill_does_not_reopen_a_refused_order() -> None:
    order = Order.from_events([placed(quantity="10"), refused()])
    assert after(order, order.record_fill(a_fill(quantity="4"))).status is OrderStatus.REFUSED


def test_what_was_set_aside_for_opening_is_not_given_back_by_what_closes() -> None:
    order = an_order(side="sell", quantity="10", closing="5", reserved="500 USD")
    (closes,) = order.record_fill(a_fill(quantity="5"))
    assert isinstance(closes, OrderFilled)
    assert closes.reservation_used == Money("0", "USD")
    (opens,) = after(order, [closes]).record_fill(a_fill(fill_id="second", quantity="2"))
    assert isinstance(opens, OrderFilled)
    assert opens.reservation_used == Money("200", "USD")


def test_a_history_that_releases_more_than_is_held_is_corrupt() -> None:
    history: list[OrderEvent] = [
        placed(quantity="10"),
        approved(),
        canceled(closing_released="1"),
    ]
    with pytest.raises(CorruptHistoryError):
        Order.from_events(history)


def test_a_fill_of_nothing_is_no_fill() -> None:
    with pytest.raises(InvalidValueError, match="nothing"):
        a_fill(quantity="0")
