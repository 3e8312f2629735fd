"""Market orders with a worst price: what it is, what it sets aside, what a venue is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, a_fill, a_portfolio, a_ticket, trade
from traderbot.domain.orders.errors import InvalidTicketError
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Approved, OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.risk.exposure import Circumstances, Quote, TradingRules
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.review import review
from traderbot.domain.shared.ids import OrderId, UserId
from traderbot.domain.shared.values import Price, Quantity, symbol

ROOMY = Limits(
    order_notional_max=Decimal(10**9),
    order_notional_fraction=Decimal(1),
    fee_bps=Decimal(0),
    market_order_collar=Decimal("0.05"),
)
RULES = TradingRules(tick_size=Price("0.05"), lot_size=Quantity(1))


def passed(
    ticket: Ticket, *, limits: Limits = ROOMY, around: Circumstances | None = None
) -> Approved:
    verdict = review(
        ticket, a_portfolio(), Price("100"), limits, around=around or Circumstances(at=NOON)
    )
    assert isinstance(verdict, Approved), verdict
    return verdict


@pytest.mark.parametrize(
    ("side", "quote", "worst"),
    [
        ("buy", "100", "105"),
        ("sell", "100", "95"),
        ("buy", "100.03", "105"),  # 105.0315: on the near side of the collar
        ("sell", "100.03", "95.05"),  # 95.0285
    ],
)
def test_a_market_order_gets_the_collar_around_the_quote_in_whole_ticks(
    side: str, quote: str, worst: str
) -> None:
    around = Circumstances(at=NOON, rules=RULES, quote=Quote(Price(quote), NOON))
    assert passed(a_ticket(side=side), around=around).ticket.protective_limit == Price(worst)


def test_without_a_quote_it_is_around_what_the_order_is_measured_with() -> None:
    assert passed(a_ticket()).ticket.protective_limit == Price("105")


def test_the_approval_says_where_and_why() -> None:
    checks = {it.code: it for it in passed(a_ticket()).checks}
    said = checks["PROTECTIVE_LIMIT"]
    assert (said.limit, said.value) == ("0.05 of 100", "105")


def test_around_a_quote_that_is_too_old_nothing_is_protected() -> None:
    limits = replace(ROOMY, reference_age_max=Decimal(10))
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    for age, worst in ((10, Price("95")), (11, None)):
        quote = Quote(Price("100"), NOON - timedelta(seconds=age))
        around = Circumstances(at=NOON, quote=quote)
        verdict = review(a_ticket(side="sell"), portfolio, Price("100"), limits, around=around)
        assert isinstance(verdict, Approved)
        assert verdict.ticket.protective_limit == worst


def test_without_the_limit_nothing_is_protected() -> None:
    assert passed(a_ticket(), limits=Limits()).ticket.protective_limit is None


def test_an_order_that_names_its_price_is_left_alone() -> None:
    limit = a_ticket(limit_price="100")
    stop = replace(a_ticket(), kind=OrderKind.STOP, stop_price=Price("100"))
    assert [passed(it).ticket for it in (limit, stop)] == [limit, stop]


def test_a_price_once_given_is_kept() -> None:
    ticket = replace(a_ticket(), protective_limit=Price("101"))
    assert passed(ticket).ticket == ticket


def test_what_it_sets_aside_is_enough_for_the_worst_and_no_more() -> None:
    assert str(passed(a_ticket(quantity="10")).reserved) == "1050 USD"
    tight = replace(ROOMY, market_order_collar=Decimal("0.01"))
    assert str(passed(a_ticket(quantity="10"), limits=tight).reserved) == "1010 USD"


@pytest.mark.parametrize(
    ("duration", "sent"),
    [
        (TimeInForce.GTC, TimeInForce.IOC),
        (TimeInForce.DAY, TimeInForce.IOC),
        (TimeInForce.FOK, TimeInForce.FOK),
    ],
)
def test_a_venue_is_sent_a_limit_order_that_never_rests(
    duration: TimeInForce, sent: TimeInForce
) -> None:
    ticket = passed(replace(a_ticket(), time_in_force=duration)).ticket
    out = ticket.as_sent
    assert (out.kind, out.limit_price, out.time_in_force) == (OrderKind.LIMIT, Price("105"), sent)
    assert (out.side, out.quantity, out.symbol) == (ticket.side, ticket.quantity, ticket.symbol)
    plain = a_ticket(limit_price="100")
    assert plain.as_sent is plain


def test_nobody_protects_a_limit_order() -> None:
    with pytest.raises(InvalidTicketError):
        replace(a_ticket(limit_price="100"), protective_limit=Price("105"))


@given(
    side=st.sampled_from(["buy", "sell"]),
    held=st.integers(-20, 20),
    quantity=st.integers(1, 30),
    better=st.decimals(0, 50, places=2),
    parts=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    fee_bps=st.integers(0, 50),
)
def test_a_limit_order_filled_at_its_limit_or_better_never_overdraws(  # noqa: PLR0917
    side: str, held: int, quantity: int, better: Decimal, parts: list[int], fee_bps: int
) -> None:
    portfolio = a_portfolio(cash="10000 USD")
    if held:
        portfolio = trade(portfolio, "buy" if held > 0 else "sell", str(abs(held)), "100")
    limits = replace(ROOMY, fee_bps=Decimal(fee_bps))
    ticket = a_ticket(side=side, quantity=str(quantity), limit_price="100")
    verdict = review(ticket, portfolio, Price("100"), limits, around=Circumstances(at=NOON))
    if not isinstance(verdict, Approved):
        return
    events = Order.place(
        OrderId("0192f0c1-0000-7000-8000-0000000000ff"), UserId("u"), verdict, at=NOON
    )
    order = Order.from_events(events)
    for event in portfolio.reserve(ticket, events[-1]):  # type: ignore[arg-type]
        portfolio = portfolio.apply(event)
    price = Decimal(100) - better if side == "buy" else Decimal(100) + better
    for number, part in enumerate([*parts, quantity]):
        size = min(Decimal(part), order.remaining.value)
        if not size:
            break
        fee = price * size * fee_bps / 10_000 if side == "buy" else Decimal(0)
        fill = a_fill(
            fill_id=f"f{number}", quantity=str(size), price=str(price), fee=f"{fee:f} USD"
        )
        (filled,) = order.record_fill(fill)
        order = order.apply(filled)
        for event in portfolio.book(ticket, filled):  # type: ignore[arg-type]
            portfolio = portfolio.apply(event)
        assert portfolio.cash_in(ticket.symbol.quote).free.amount >= 0
    assert portfolio.cash_in(ticket.symbol.quote).reserved == order.reserved
    assert Side(side) is ticket.side
    assert ticket.symbol == symbol("AAPL")
