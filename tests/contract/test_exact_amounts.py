"""Amounts of up to 38 digits go through every database and come back digit for digit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal, localcontext
from uuid import uuid4

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.builders import (
    a_portfolio,
    approved,
    booked,
    deposited,
    opened,
    placed,
)
from tests.stores import Desk, Store
from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.events import PortfolioEvent
from traderbot.domain.portfolio.ledger import postings
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.decimals import canonical, negate, plain
from traderbot.domain.shared.ids import FillId, OrderId, PortfolioId
from traderbot.domain.shared.values import Money, Price, Quantity

# Each example has ids of its own, so that they may share a database.
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def amounts(digits: int = 38) -> st.SearchStrategy[Decimal]:
    """Amounts above zero with that many digits, 18 of them after the point; short ones too."""
    whole = st.integers(1, 10**digits - 1)
    round_ = st.builds(
        lambda n, zeros: n * 10**zeros, st.integers(1, 99), st.integers(0, digits - 2)
    )
    return st.builds(lambda n: canonical(Decimal(n).scaleb(-18, Context(prec=80))), whole | round_)


def same_digits(text: str, amount: Decimal) -> bool:
    return text == plain(amount) and Decimal(text).as_tuple() == amount.as_tuple()


@many
@example(Decimal("99999999999999999999.999999999999999999"))
@example(Decimal("0.000000000000000001"))
@example(Decimal(10**19))
@given(amounts())
def test_money(desk: Desk, amount: Decimal) -> None:
    id_ = PortfolioId(str(uuid4()))
    events: list[PortfolioEvent] = [
        replace(opened(), portfolio_id=id_),
        replace(deposited(), portfolio_id=id_, amount=Money(amount, "USD")),
    ]
    with localcontext(Context(prec=3)):
        desk.do(lambda unit: unit.portfolios.record(id_, events))
        view = desk.views.portfolio(None, id_)
        assert view == PortfolioView.of(Portfolio.from_events(events))
        (balance,) = view.balances
        assert same_digits(balance.free, amount)
        assert same_digits(balance.total, amount)


@many
@given(amounts(), amounts(), amounts(), amounts())
def test_orders(
    desk: Desk, quantity: Decimal, price: Decimal, reserved: Decimal, closing: Decimal
) -> None:
    id_ = OrderId(str(uuid4()))
    wish = placed(quantity=plain(quantity), limit_price=plain(price), order_id=id_)
    verdict = replace(
        approved(order_id=id_, reference=plain(price), closing=plain(closing)),
        reserved=Money(reserved, "USD"),
    )
    with localcontext(Context(prec=3)):
        desk.do(lambda unit: unit.orders.record(id_, [wish, verdict]))
        view = desk.views.order(None, id_)
        assert view == OrderView.of(Order.from_events([wish, verdict]))
        assert same_digits(view.quantity, quantity)
        assert view.limit_price is not None
        assert same_digits(view.limit_price, price)
        assert same_digits(view.reserved, reserved)


@many
@given(
    st.tuples(amounts(36), amounts(36), amounts(36), amounts(36)), st.sampled_from(["buy", "sell"])
)
def test_positions_trades_and_the_ledger(
    store: Store, desk: Desk, drawn: tuple[Decimal, Decimal, Decimal, Decimal], side: str
) -> None:
    quantity, cost, fee, profit = drawn
    id_, order_id = PortfolioId(str(uuid4())), OrderId(str(uuid4()))
    fact = replace(
        booked(a_portfolio(), side=side),
        portfolio_id=id_,
        order_id=order_id,
        fill_id=FillId("fill"),
        quantity=Quantity(quantity),
        price=Price(cost),
        notional=Money(cost, "USD"),
        fee=Money(fee, "USD"),
        cost_change=Money(cost if side == "buy" else negate(cost), "USD"),
        realised=Money(negate(profit), "USD"),
        collateral_change=Money(profit, "USD"),
    )
    events: list[PortfolioEvent] = [replace(opened(), portfolio_id=id_), fact]
    with localcontext(Context(prec=3)):
        desk.do(lambda unit: unit.portfolios.record(id_, events))
        view = desk.views.portfolio(None, id_)
        assert view == PortfolioView.of(Portfolio.from_events(events))
        (held,) = view.positions
        assert same_digits(held.quantity.lstrip("-"), quantity)
        assert same_digits(held.cost.lstrip("-"), cost)
        assert same_digits(held.realised.lstrip("-"), profit)
        assert same_digits(held.fees, fee)
        (trade,) = desk.views.trades(None, id_).items
        assert same_digits(trade.notional, cost)
        assert same_digits(trade.price, cost)
        assert same_digits(trade.fee, fee)
        booked_lines = postings(fact)
        stored_lines = store.ledger(id_)
        assert [it[0] for it in stored_lines] == [it.account for it in booked_lines]
        for line, (_, amount, currency) in zip(booked_lines, stored_lines, strict=True):
            assert amount.as_tuple() == canonical(line.amount.amount).as_tuple()
            assert currency == line.amount.currency.code
