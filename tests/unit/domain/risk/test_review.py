from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    NOON,
    ORDER_ID,
    USER_ID,
    a_portfolio,
    a_ticket,
    after,
    deposited,
    limits,
    reserved,
    trade,
    withdrawn,
)
from traderbot.domain.orders.events import OrderApproved, OrderCanceled
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Approved, Check, Refused, Ticket, Verdict
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.exposure import Exposure, Finding
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.policies import POLICIES
from traderbot.domain.risk.review import measure, review
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity

LAST = "0.000000000000000001"  # the last decimal there is
PLAIN = limits(market_order_cushion="0", fee_bps="0")
UNBOUNDED = limits(order_notional_max="99999999999999999999", order_notional_fraction="1")


def _usd(amount: str) -> Money:
    return Money(amount, "USD")


def _reviewed(
    ticket: Ticket,
    portfolio: Portfolio,
    reference: str = "100",
    *,
    within: Limits = UNBOUNDED,
) -> Verdict:
    return review(ticket, portfolio, Price(reference), within)


def _approved(verdict: Verdict) -> Approved:
    assert isinstance(verdict, Approved), verdict
    return verdict


def _refused(verdict: Verdict) -> dict[str, tuple[str, str]]:
    assert isinstance(verdict, Refused), verdict
    return {reason.code: (reason.limit, reason.value) for reason in verdict.reasons}


# --- sufficient funds -------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_that_may_cost_all_free_cash_passes(side: str) -> None:
    ticket = a_ticket(side=side, quantity="10", limit_price="100")
    verdict = _reviewed(ticket, a_portfolio(cash="1001 USD"))
    assert _approved(verdict).reserved == _usd("1001")  # 1000 and 10 basis points of it


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_that_may_cost_the_last_decimal_more_than_is_free_is_refused(side: str) -> None:
    ticket = a_ticket(side=side, quantity="10", limit_price="100")
    portfolio = a_portfolio(cash="1000.999999999999999999 USD")
    assert _refused(_reviewed(ticket, portfolio)) == {
        "INSUFFICIENT_FUNDS": ("1000.999999999999999999 USD", "1001 USD")
    }


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_sets_more_aside_because_its_price_may_move(side: str) -> None:
    ticket = a_ticket(side=side, quantity="10")
    enough = a_portfolio(cash="1051.05 USD")
    assert _approved(_reviewed(ticket, enough)).reserved == _usd("1051.05")
    short = a_portfolio(cash="1051.049999999999999999 USD")
    assert set(_refused(_reviewed(ticket, short))) == {"INSUFFICIENT_FUNDS"}


def test_what_is_set_aside_or_locked_is_not_free() -> None:
    ticket = a_ticket(quantity="1", limit_price="100")
    portfolio = after(a_portfolio(cash="200 USD"), [reserved("99.9 USD")])
    assert _approved(_reviewed(ticket, portfolio)).reserved == _usd("100.1")
    less = after(portfolio, [reserved(f"{LAST} USD")])
    assert set(_refused(_reviewed(ticket, less))) == {"INSUFFICIENT_FUNDS"}
    locked = trade(a_portfolio(cash="200 USD"), "sell", "1", "150", symbol_code="MSFT")
    assert set(_refused(_reviewed(ticket, locked))) == {"INSUFFICIENT_FUNDS"}


def test_cash_of_another_currency_pays_nothing() -> None:
    ticket = a_ticket(symbol_code="BTC/USDT", quantity="0.001", limit_price="50000")
    assert _refused(_reviewed(ticket, a_portfolio(cash="1000000 USD"), "50000")) == {
        "INSUFFICIENT_FUNDS": ("0 USDT", "50.05 USDT"),
        "ORDER_NOTIONAL_MAX": ("0 USDT", "50 USDT"),
    }


# --- order notional ---------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("limit_price", [None, "100"])
def test_an_order_of_exactly_the_fixed_amount_passes(side: str, limit_price: str | None) -> None:
    ticket = a_ticket(side=side, quantity="100", limit_price=limit_price)
    within = limits(order_notional_max="10000", order_notional_fraction="1")
    _approved(_reviewed(ticket, a_portfolio(), within=within))


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("limit_price", [None, "100"])
def test_the_last_decimal_above_the_fixed_amount_is_refused(
    side: str, limit_price: str | None
) -> None:
    ticket = a_ticket(side=side, quantity="100", limit_price=limit_price)
    within = limits(order_notional_max="9999.999999999999999999", order_notional_fraction="1")
    assert _refused(_reviewed(ticket, a_portfolio(), within=within)) == {
        "ORDER_NOTIONAL_MAX": ("9999.999999999999999999 USD", "10000 USD")
    }


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_of_exactly_the_share_of_equity_passes(side: str) -> None:
    ticket = a_ticket(side=side, quantity="10")
    within = limits(order_notional_max="10000", order_notional_fraction="0.1")
    _approved(_reviewed(ticket, a_portfolio(cash="10000 USD"), within=within))


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_last_decimal_above_the_share_of_equity_is_refused(side: str) -> None:
    ticket = a_ticket(side=side, quantity="10")
    within = limits(order_notional_max="10000", order_notional_fraction="0.1")
    portfolio = a_portfolio(cash="9999.99999999999999999 USD")  # a tenth has 18 places
    assert _refused(_reviewed(ticket, portfolio, within=within)) == {
        "ORDER_NOTIONAL_MAX": ("999.999999999999999999 USD", "1000 USD")
    }


@pytest.mark.parametrize(("quantity", "passes"), [("10", True), ("10." + "0" * 15 + "1", False)])
def test_the_last_decimal_of_the_quantity_decides_too(quantity: str, passes: bool) -> None:
    ticket = a_ticket(quantity=quantity)
    within = limits(order_notional_max="1000", order_notional_fraction="1")
    assert isinstance(_reviewed(ticket, a_portfolio(), within=within), Approved) is passes


def test_equity_counts_positions_at_cost_and_what_is_set_aside() -> None:
    portfolio = trade(a_portfolio(cash="10000 USD"), "buy", "50", "100", symbol_code="MSFT")
    portfolio = after(portfolio, [reserved("1000 USD")])
    within = limits(order_notional_max="10000", order_notional_fraction="0.1")
    _approved(_reviewed(a_ticket(quantity="10"), portfolio, within=within))
    poorer = after(portfolio, [withdrawn("0.00000000000000001 USD")])
    assert set(_refused(_reviewed(a_ticket(quantity="10"), poorer, within=within))) == {
        "ORDER_NOTIONAL_MAX"
    }


def test_a_portfolio_without_equity_opens_nothing() -> None:
    assert set(_refused(_reviewed(a_ticket(quantity=LAST), a_portfolio(cash="")))) == {
        "INSUFFICIENT_FUNDS",
        "ORDER_NOTIONAL_MAX",
    }


# --- closing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "side"), [("buy", "sell"), ("sell", "buy")], ids=["long", "short"]
)
@pytest.mark.parametrize("limit_price", [None, "100"])
def test_a_closing_order_needs_no_cash_and_is_not_bounded_by_the_notional(
    held: str, side: str, limit_price: str | None
) -> None:
    portfolio = trade(a_portfolio(cash="100000 USD"), held, "100", "100")
    free = portfolio.cash_in(_usd("0").currency).free
    portfolio = after(portfolio, portfolio.withdraw(free, at=NOON))
    tight = limits(order_notional_max="0", order_notional_fraction="0")
    verdict = _reviewed(
        a_ticket(side=side, quantity="100", limit_price=limit_price), portfolio, within=tight
    )
    assert _approved(verdict).reserved == _usd("0")
    assert _approved(verdict).closing == Quantity("100")


def test_a_closing_order_passes_even_when_cash_is_below_zero() -> None:
    portfolio = trade(a_portfolio(cash="500 USD"), "buy", "10", "100")
    assert portfolio.cash_in(_usd("0").currency).free == _usd("-500")
    _approved(_reviewed(a_ticket(side="sell", quantity="10"), portfolio))


@pytest.mark.parametrize(
    ("held", "side"), [("buy", "sell"), ("sell", "buy")], ids=["long", "short"]
)
def test_the_last_decimal_beyond_what_is_held_opens(held: str, side: str) -> None:
    portfolio = trade(a_portfolio(), held, "10", "1")
    ticket = a_ticket(side=side, quantity=f"10{LAST[1:]}", limit_price="1")
    verdict = _approved(review(ticket, portfolio, Price("1"), limits(fee_bps="0")))
    assert verdict.closing == Quantity("10")
    assert verdict.reserved == _usd(LAST)
    nothing_more = limits(order_notional_max="0", fee_bps="0")
    assert _refused(review(ticket, portfolio, Price("1"), nothing_more)) == {
        "ORDER_NOTIONAL_MAX": ("0 USD", f"{LAST} USD")
    }


def test_adding_to_a_position_closes_nothing() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    assert _approved(_reviewed(a_ticket(quantity="5"), portfolio)).closing == Quantity("0")
    portfolio = trade(a_portfolio(), "sell", "10", "100")
    verdict = _reviewed(a_ticket(side="sell", quantity="5"), portfolio)
    assert _approved(verdict).closing == Quantity("0")


def test_a_position_in_another_symbol_closes_nothing() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100", symbol_code="MSFT")
    verdict = _reviewed(a_ticket(side="sell", quantity="5"), portfolio)
    assert _approved(verdict).closing == Quantity("0")


def _placed(portfolio: Portfolio, ticket: Ticket, within: Limits) -> tuple[Portfolio, Order]:
    """Return the portfolio after the order was reviewed, approved and reserved for."""
    verdict = _approved(_reviewed(ticket, portfolio, within=within))
    events = Order.place(ORDER_ID, USER_ID, verdict, at=NOON)
    (approval,) = (event for event in events if isinstance(event, OrderApproved))
    return after(portfolio, portfolio.reserve(ticket, approval)), Order.from_events(events)


@pytest.mark.parametrize(
    ("held", "side"), [("buy", "sell"), ("sell", "buy")], ids=["long", "short"]
)
def test_two_orders_cannot_both_close_one_position(held: str, side: str) -> None:
    portfolio = trade(a_portfolio(), held, "10", "100")
    nothing_new = limits(order_notional_max="0")
    ticket = a_ticket(side=side, quantity="10")
    portfolio, order = _placed(portfolio, ticket, nothing_new)
    assert order.closing == Quantity("10")
    assert _refused(_reviewed(ticket, portfolio, within=nothing_new)) == {
        "ORDER_NOTIONAL_MAX": ("0 USD", "1000 USD")
    }


def test_two_orders_can_close_one_half_each() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    nothing_new = limits(order_notional_max="0")
    portfolio, _ = _placed(portfolio, a_ticket(side="sell", quantity="5"), nothing_new)
    portfolio, second = _placed(portfolio, a_ticket(side="sell", quantity="5"), nothing_new)
    assert second.closing == Quantity("5")
    assert isinstance(
        _reviewed(a_ticket(side="sell", quantity=LAST), portfolio, within=nothing_new), Refused
    )


def test_a_canceled_order_gives_its_claim_back() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    nothing_new = limits(order_notional_max="0")
    ticket = a_ticket(side="sell", quantity="10")
    portfolio, order = _placed(portfolio, ticket, nothing_new)
    (event,) = order.cancel("asked", at=NOON)
    assert isinstance(event, OrderCanceled)
    portfolio = after(portfolio, portfolio.release(ticket, event))
    assert _approved(_reviewed(ticket, portfolio, within=nothing_new)).closing == Quantity("10")


def test_working_orders_cannot_spend_the_same_cash_twice() -> None:
    ticket = a_ticket(quantity="6", limit_price="100")
    portfolio, _ = _placed(a_portfolio(cash="1000 USD"), ticket, UNBOUNDED)
    assert _refused(_reviewed(ticket, portfolio)) == {
        "INSUFFICIENT_FUNDS": ("399.4 USD", "600.6 USD")
    }


# --- the gate ---------------------------------------------------------------------------------


def test_every_limit_that_is_broken_is_named_in_the_order_of_the_policies() -> None:
    verdict = _reviewed(a_ticket(quantity="100"), a_portfolio(cash="10 USD"), within=limits())
    assert isinstance(verdict, Refused)
    assert [reason.code for reason in verdict.reasons] == [
        "INSUFFICIENT_FUNDS",
        "ORDER_NOTIONAL_MAX",
    ]


def test_an_approval_says_what_it_was_measured_with() -> None:
    ticket = a_ticket(quantity="10")
    verdict = _reviewed(ticket, a_portfolio(cash="100000 USD"), "99.5", within=limits())
    assert verdict == Approved(
        ticket=ticket,
        reserved=_usd("1045.79475"),
        closing=Quantity("0"),
        reference=Price("99.5"),
        checks=(
            Check("INSUFFICIENT_FUNDS", "100000 USD", "1045.79475 USD"),
            Check("ORDER_NOTIONAL_MAX", "10000 USD", "995 USD"),
        ),
    )


def test_the_gate_asks_every_policy_even_after_a_no() -> None:
    asked = []

    def no(exposure: Exposure) -> Finding:
        asked.append("no")
        return Finding(Check("NO", "0", str(exposure.reserved)), passed=False)

    def yes(exposure: Exposure) -> Finding:
        asked.append("yes")
        return Finding(Check("YES", "0", str(exposure.reserved)), passed=True)

    verdict = review(a_ticket(), a_portfolio(), Price("100"), limits(), policies=(no, yes, no))
    assert asked == ["no", "yes", "no"]
    assert isinstance(verdict, Refused)
    assert [reason.code for reason in verdict.reasons] == ["NO", "NO"]


def test_an_approval_keeps_what_was_found_about_money_and_nothing_else() -> None:
    found = [found for policy in POLICIES if (found := policy(_exposure())) is not None]
    assert all(each.passed for each in found)
    assert [each.check.code for each in found] == ["ORDER_NOTIONAL_MAX", "INSUFFICIENT_FUNDS"]


def _exposure() -> Exposure:
    return measure(a_ticket(), a_portfolio(), Price("100"), limits())


def test_limits_that_are_floats_stop_everything() -> None:
    with pytest.raises(InvalidValueError, match="float"):
        review(
            a_ticket(),
            a_portfolio(),
            Price("100"),
            Limits(order_notional_max=0.1),  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    "name",
    ["order_notional_max", "order_notional_fraction", "market_order_cushion", "fee_bps"],
)
@pytest.mark.parametrize("wrong", ["-0.000000000000000001", "NaN", "Infinity", "1E+20", "1E-19"])
def test_a_limit_is_an_exact_number_and_never_negative(name: str, wrong: str) -> None:
    with pytest.raises(InvalidValueError):
        limits(**{name: wrong})


# --- laws -------------------------------------------------------------------------------------

_units = st.integers(1, 10**10).map(lambda units: plain(Decimal(units).scaleb(-6)))
_tickets = st.builds(
    lambda side, quantity, price: a_ticket(side=side, quantity=quantity, limit_price=price),
    st.sampled_from(["buy", "sell"]),
    _units,
    st.one_of(st.none(), _units),
)
_held = st.tuples(st.sampled_from(["buy", "sell"]), _units, _units)


@given(_tickets, _held, _units, _units)
def test_what_passes_fits_both_limits_and_what_is_refused_breaks_one(
    ticket: Ticket, held: tuple[str, str, str], cash: str, reference: str
) -> None:
    portfolio = trade(after(a_portfolio(), [deposited(f"{cash} USD")]), *held)
    verdict = review(ticket, portfolio, Price(reference), limits())
    free = Fraction(portfolio.cash_in(_usd("0").currency).free.amount)
    equity = Fraction(portfolio.equity_at_cost(_usd("0").currency).amount)
    net = Fraction(portfolio.position_in(ticket.symbol).net)
    against = max(net if ticket.side == "sell" else -net, Fraction(0))
    opening = max(Fraction(ticket.quantity.value) - against, Fraction(0)) * Fraction(reference)
    cushion = Fraction(0 if ticket.limit_price else 5, 100)
    worst = opening * (1 + cushion) * Fraction(1001, 1000)
    broken = set()
    if opening and worst > free:
        broken.add("INSUFFICIENT_FUNDS")
    if opening and opening > min(Fraction(10_000), equity / 10):
        broken.add("ORDER_NOTIONAL_MAX")
    if isinstance(verdict, Refused):
        assert {reason.code for reason in verdict.reasons} == broken
    else:
        assert broken == set()
        assert Fraction(verdict.reserved.amount) == worst
        assert Fraction(verdict.closing.value) == min(Fraction(ticket.quantity.value), against)


@given(_tickets, _held, _units)
def test_no_verdict_depends_on_the_ambient_decimal_context(
    ticket: Ticket, held: tuple[str, str, str], reference: str
) -> None:
    portfolio = trade(a_portfolio(), *held)
    expected = review(ticket, portfolio, Price(reference), limits())
    with localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = ROUND_UP
        assert review(ticket, portfolio, Price(reference), limits()) == expected
