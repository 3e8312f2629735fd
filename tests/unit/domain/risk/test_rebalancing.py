from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.rebalancing.answer import RebalancingPlan, WhyNot
from traderbot.domain.risk.rebalancing.plan import plan_rebalancing
from traderbot.domain.risk.rebalancing.question import Holding, RebalancingRules
from traderbot.domain.shared.errors import CurrencyMismatchError, InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, symbol

FREE = RebalancingRules(tolerance=Decimal(0), fee_bps=Decimal(0))


def _holding(
    code: str = "IBM",
    target: str = "0.5",
    *,
    held: str = "0",
    price: str = "100",
    lot: str = "1",
    sellable: str | None = None,
) -> Holding:
    return Holding(
        instrument=Instrument(symbol=symbol(code), tick_size=Price("0.01"), lot_size=Quantity(lot)),
        target=Decimal(target),
        reference=Price(price),
        held=Quantity(held),
        sellable=None if sellable is None else Quantity(sellable),
    )


def _plan(
    *holdings: Holding, cash: str = "10000 USD", rules: RebalancingRules = FREE
) -> RebalancingPlan:
    return plan_rebalancing(holdings, Money.parse(cash), rules)


def _orders(plan: RebalancingPlan) -> list[tuple[str, str, str]]:
    return [(it.side.value, str(it.quantity), it.symbol.code) for it in plan.orders]


def _why(plan: RebalancingPlan) -> dict[str, str]:
    return {it.symbol.code: it.why.value for it in plan.unreached}


# --- by example -------------------------------------------------------------------------------


def test_cash_becomes_the_weights_that_were_asked_for() -> None:
    plan = _plan(_holding("IBM", "0.5"), _holding("GOOG", "0.25", price="50"))
    assert _orders(plan) == [("buy", "50", "GOOG"), ("buy", "50", "IBM")]
    assert plan.cash == Money("2500", "USD")
    assert plan.weights == {symbol("GOOG"): Decimal("0.25"), symbol("IBM"): Decimal("0.5")}
    assert plan.unreached == ()


def test_sells_come_before_the_buys_they_pay_for() -> None:
    plan = _plan(_holding("AAPL", "1", held="0"), _holding("IBM", "0", held="100"), cash="0 USD")
    assert _orders(plan) == [("sell", "100", "IBM"), ("buy", "100", "AAPL")]
    assert plan.cash == Money("0", "USD")


def test_fees_are_paid_out_of_what_is_bought() -> None:
    rules = RebalancingRules(tolerance=Decimal(0), fee_bps=Decimal(100))
    plan = _plan(_holding("IBM", "1"), cash="1010 USD", rules=rules)
    assert _orders(plan) == [("buy", "10", "IBM")]
    assert (plan.fees, plan.cash) == (Money("10", "USD"), Money("0", "USD"))
    assert plan.equity_after == Money("1000", "USD")
    plan = _plan(_holding("IBM", "1"), cash="1009.999999999999999999 USD", rules=rules)
    assert _orders(plan) == [("buy", "9", "IBM")]


def test_a_position_within_its_tolerance_is_left_alone() -> None:
    rules = replace(FREE, tolerance=Decimal("0.05"))
    inside = _plan(_holding("IBM", "0.5", held="55"), cash="4500 USD", rules=rules)
    assert (inside.orders, inside.unreached) == ((), ())
    outside = _plan(_holding("IBM", "0.5", held="56"), cash="4400 USD", rules=rules)
    assert _orders(outside) == [("sell", "6", "IBM")]


def test_what_has_no_place_any_more_is_sold_whatever_the_tolerance() -> None:
    rules = replace(FREE, tolerance=Decimal("0.9"))
    plan = _plan(_holding("IBM", "0", held="1"), cash="1000000 USD", rules=rules)
    assert _orders(plan) == [("sell", "1", "IBM")]


def test_a_gap_of_less_than_a_lot_is_told_not_traded() -> None:
    plan = _plan(_holding("IBM", "0.5", price="600"), cash="1000 USD")
    assert (plan.orders, _why(plan)) == ((), {"IBM": "BELOW_ONE_LOT"})
    assert plan.unreached[0].gap == Money("500", "USD")


def test_an_order_that_is_not_worth_it_is_told_not_made() -> None:
    rules = replace(FREE, minimum_trade=Decimal(100))
    plan = _plan(_holding("IBM", "0.0099", price="1"), rules=rules)
    assert (plan.orders, _why(plan)) == ((), {"IBM": "MINIMUM_TRADE"})
    plan = _plan(_holding("IBM", "0.01", price="1"), rules=rules)
    assert _orders(plan) == [("buy", "100", "IBM")]


def test_the_limit_of_one_order_makes_a_first_step_of_several() -> None:
    rules = replace(FREE, order_notional_max=Decimal(2050))
    held = "0"
    cash = "10000 USD"
    steps = []
    while (plan := _plan(_holding("IBM", "0.5", held=held), cash=cash, rules=rules)).orders:
        steps.append((str(plan.orders[0].quantity), _why(plan)))
        held, cash = str(plan.quantities[symbol("IBM")]), str(plan.cash)
    assert steps == [("20", {"IBM": "ORDER_LIMIT"}), ("20", {"IBM": "ORDER_LIMIT"}), ("10", {})]


def test_what_working_orders_have_claimed_is_not_sold_again() -> None:
    plan = _plan(_holding("IBM", "0", held="10", sellable="4"))
    assert _orders(plan) == [("sell", "4", "IBM")]
    assert _why(plan) == {"IBM": "WORKING_ORDERS"}
    assert plan.unreached[0].gap == Money("-600", "USD")


def test_where_cash_is_short_every_buy_is_cut_alike() -> None:
    # GOOG is claimed by others, so nothing can be raised from it.
    plan = _plan(
        _holding("GOOG", "0", held="100", sellable="0"),
        _holding("AAPL", "0.5", price="10"),
        _holding("IBM", "0.5", price="10"),
        cash="1001 USD",
    )
    assert _orders(plan) == [("buy", "50", "AAPL"), ("buy", "50", "IBM")]
    assert _why(plan) == {"AAPL": "CASH", "GOOG": "WORKING_ORDERS", "IBM": "CASH"}


def test_a_buy_cut_below_the_smallest_trade_leaves_its_cash_to_the_others() -> None:
    rules = replace(FREE, minimum_trade=Decimal(600))
    plan = _plan(
        _holding("GOOG", "0", held="100", sellable="0"),
        _holding("AAPL", "0.4", price="10"),
        _holding("IBM", "0.5", price="10"),
        cash="1000 USD",
        rules=rules,
    )
    assert _orders(plan) == [("buy", "100", "IBM")]
    assert _why(plan)["AAPL"] == "CASH"


def test_cash_below_zero_is_paid_back_by_sales_only() -> None:
    plan = _plan(_holding("IBM", "1", held="100"), _holding("GOOG", "0"), cash="-1000 USD")
    assert _orders(plan) == [("sell", "10", "IBM")]
    assert plan.cash == Money("0", "USD")


def test_a_cushion_for_market_orders_holds_cash_back() -> None:
    rules = replace(FREE, market_order_cushion=Decimal("0.05"))
    plan = _plan(_holding("IBM", "1"), cash="1050 USD", rules=rules)
    assert _orders(plan) == [("buy", "10", "IBM")]
    plan = _plan(_holding("IBM", "1"), cash="1049.99 USD", rules=rules)
    assert _orders(plan) == [("buy", "9", "IBM")]


def test_rules_within_the_gates_limits_respect_all_of_them() -> None:
    equity = Money("50000", "USD")
    rules = RebalancingRules.within(Limits(), equity, tolerance=Decimal(0))
    assert rules.order_notional_max == 5000
    assert rules.market_order_cushion == Decimal("0.05")
    plan = _plan(_holding("IBM", "1"), cash="50000 USD", rules=rules)
    assert _orders(plan) == [("buy", "50", "IBM")]
    assert _why(plan) == {"IBM": "ORDER_LIMIT"}


def test_an_order_that_fees_make_too_small_is_left_out_and_the_rest_planned_anew() -> None:
    # GOOG looks 1000 short until the fees of IBM make the whole smaller.
    rules = RebalancingRules(
        tolerance=Decimal(0), fee_bps=Decimal(1000), minimum_trade=Decimal(500)
    )
    plan = _plan(
        _holding("IBM", "0.9", price="1"),
        _holding("GOOG", "0.1", price="1", held="9000"),
        cash="91000 USD",
        rules=rules,
    )
    assert _orders(plan) == [("buy", "82727", "IBM")]
    assert _why(plan)["GOOG"] == "MINIMUM_TRADE"


@pytest.mark.parametrize(
    ("price", "lot"),
    [("0.00000001", "0.000000000001"), ("0.000000014", "0.0000000001"), ("0.000000001", "1")],
)
def test_lots_worth_less_than_the_last_place_are_counted_all_the_same(price: str, lot: str) -> None:
    tiny = Instrument(symbol=symbol("IBM"), tick_size=Price("0.000000001"), lot_size=Quantity(lot))
    line = Holding(instrument=tiny, target=Decimal(1), reference=Price(price))
    rules = RebalancingRules(tolerance=Decimal(0))
    plan = plan_rebalancing([line], Money("1", "USD"), rules)
    assert 0 <= plan.cash.amount < Decimal("0.00000001")
    after = replace(line, held=plan.quantities[symbol("IBM")])
    assert plan_rebalancing([after], plan.cash, rules).orders == ()


def test_a_reference_between_two_ticks_is_put_on_the_nearest() -> None:
    plan = _plan(_holding("IBM", "1", price="100.007"), cash="100.01 USD")
    assert plan.orders[0].reference == Price("100.01")


def test_a_price_too_small_for_its_tick_is_refused_with_what_to_do() -> None:
    line = Holding(
        instrument=default_instrument(symbol("SHIB/USDT")),
        target=Decimal(1),
        reference=Price("0.00001234"),
    )
    with pytest.raises(InvalidValueError, match="tick size of its venue"):
        plan_rebalancing([line], Money("100", "USDT"), FREE)


@pytest.mark.parametrize(
    ("holdings", "cash", "said"),
    [
        ([_holding("IBM"), _holding("IBM")], "1 USD", "two lines"),
        ([_holding("IBM", "0.6"), _holding("GOOG", "0.5")], "1 USD", "add up to 1.1"),
        ([_holding("IBM")], "0 USD", "nothing to rebalance"),
        ([_holding("IBM", held="1")], "-100 USD", "nothing to rebalance"),
        ([], "0 USD", "nothing to rebalance"),
    ],
)
def test_what_makes_no_portfolio_is_refused(
    holdings: Sequence[Holding], cash: str, said: str
) -> None:
    with pytest.raises(InvalidValueError, match=said):
        plan_rebalancing(holdings, Money.parse(cash), FREE)


def test_currencies_are_never_mixed() -> None:
    with pytest.raises(CurrencyMismatchError, match="convert it first"):
        _plan(_holding("BTC/USDT", "0.5"), cash="100 USD")


@pytest.mark.parametrize(
    "wrong",
    [
        {"tolerance": Decimal(1)},
        {"tolerance": Decimal("-0.1")},
        {"fee_bps": Decimal("1000.1")},
        {"minimum_trade": Decimal("NaN")},
        {"order_notional_max": Decimal(-1)},
        {"market_order_cushion": 0.05},
    ],
)
def test_rules_out_of_bounds_are_refused(wrong: Mapping[str, Decimal]) -> None:
    with pytest.raises(InvalidValueError):
        RebalancingRules(**wrong)


@pytest.mark.parametrize(
    ("target", "held", "sellable"), [("1.1", "0", None), ("-0.1", "0", None), ("0.5", "1", "2")]
)
def test_a_line_that_contradicts_itself_is_refused(
    target: str, held: str, sellable: str | None
) -> None:
    with pytest.raises(InvalidValueError):
        _holding("IBM", target, held=held, sellable=sellable)


def test_nothing_to_hold_is_a_plan_of_nothing() -> None:
    plan = _plan(cash="5 USD")
    assert (plan.orders, plan.cash) == ((), Money("5", "USD"))


# --- laws -------------------------------------------------------------------------------------

CODES = ("AAPL", "BRK.A", "GOOG", "IBM", "MSFT", "VTI")
LOTS = ("1", "0.1", "100", "0.00000001")


@st.composite
def _portfolios(draw: st.DrawFn, *, claimed: bool = False) -> tuple[tuple[Holding, ...], Money]:
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, unique=True))
    left = 100
    lines = []
    for code in codes:
        percent = draw(st.integers(0, left))
        left -= percent
        lot = Decimal(draw(st.sampled_from(LOTS)))
        held = draw(st.integers(0, 1000)) * lot if draw(st.booleans()) else Decimal(0)
        held += Decimal(draw(st.sampled_from(("0", "0.5", "3.25", "0.00000001"))))
        cents = draw(st.integers(100, 70_000_000))
        lines.append(
            _holding(
                code,
                str(Decimal(percent) / 100),
                held=format(held, "f"),
                price=str(Decimal(cents) / 100),
                lot=str(format(lot, "f")),
                sellable="0" if claimed and draw(st.booleans()) else None,
            )
        )
    cash = Decimal(draw(st.integers(0, 10**11))) / 1000
    assume(cash > 0 or any(line.held for line in lines))
    return tuple(lines), Money(cash, "USD")


_RULES = st.builds(
    RebalancingRules,
    tolerance=st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("0.05")]),
    minimum_trade=st.sampled_from([Decimal(0), Decimal(10), Decimal(5000)]),
    fee_bps=st.sampled_from([Decimal(0), Decimal("2.5"), Decimal(10), Decimal(1000)]),
)
_LIMITED = st.builds(
    replace,
    _RULES,
    order_notional_max=st.sampled_from([None, Decimal(1000), Decimal(100_000)]),
    market_order_cushion=st.sampled_from([Decimal(0), Decimal("0.05")]),
)


def _course(cash: Money, plan: RebalancingPlan, fee_bps: Decimal) -> list[Fraction]:
    """Return the cash after each order, filled one after the other in exact fractions."""
    course = [Fraction(cash.amount)]
    for order in plan.orders:
        notional = Fraction(order.reference.value) * Fraction(order.quantity.value)
        fee = notional * Fraction(fee_bps) / 10_000
        course.append(course[-1] - fee + notional * (-1 if order.side is Side.BUY else 1))
    return course


def _filled(holdings: Sequence[Holding], plan: RebalancingPlan) -> tuple[Holding, ...]:
    """Return the holdings after every order of the plan has filled."""
    after = []
    for line in holdings:
        held = plan.quantities[line.symbol]
        changed = held.value - line.held.value
        free = line.sellable
        sellable = None if free is None else Quantity(free.value + changed)
        after.append(replace(line, held=held, sellable=sellable))
    return tuple(after)


@given(portfolio=_portfolios(claimed=True), rules=_LIMITED)
@settings(max_examples=300)
def test_no_plan_spends_more_than_there_is(
    portfolio: tuple[tuple[Holding, ...], Money], rules: RebalancingRules
) -> None:
    holdings, cash = portfolio
    plan = plan_rebalancing(holdings, cash, rules)
    course = _course(cash, plan, rules.fee_bps)
    rounding = Fraction(2 * len(plan.orders), 10**18)
    assert plan.cash.amount >= 0
    assert all(at_each_step >= -rounding for at_each_step in course)
    assert abs(Fraction(plan.cash.amount) - course[-1]) <= rounding
    assert plan.equity_after == plan.equity_before - plan.fees
    for order in plan.orders:
        line = next(line for line in holdings if line.symbol == order.symbol)
        assert order.quantity.value % line.instrument.lot_size.value == 0
        assert order.reference.value % line.instrument.tick_size.value == 0
        assert order.notional.amount >= rules.minimum_trade
        if rules.order_notional_max is not None:
            assert order.notional.amount <= rules.order_notional_max
        if order.side is Side.SELL:
            assert order.quantity <= (line.held if line.sellable is None else line.sellable)
    assert [it.side for it in plan.orders] == sorted((it.side for it in plan.orders), reverse=True)
    assert len({it.symbol for it in plan.orders}) == len(plan.orders)


@given(portfolio=_portfolios(), rules=_RULES)
@settings(max_examples=300)
def test_whatever_no_rule_forbids_is_within_its_tolerance_or_a_lot(
    portfolio: tuple[tuple[Holding, ...], Money], rules: RebalancingRules
) -> None:
    holdings, cash = portfolio
    plan = plan_rebalancing(holdings, cash, rules)
    why = {it.symbol: it.why for it in plan.unreached}
    equity = Fraction(plan.equity_after.amount)
    fee = 1 + Fraction(rules.fee_bps) / 10_000
    for line in holdings:
        price = Fraction(line.reference.value)
        gap = Fraction(line.target) * equity - price * Fraction(plan.quantities[line.symbol].value)
        lot = Fraction(line.instrument.lot_size.value) * price
        match why.get(line.symbol):
            case None:
                assert abs(gap) <= Fraction(rules.tolerance) * equity
            case WhyNot.BELOW_ONE_LOT:
                assert abs(gap) < lot + Fraction(1, 10**17)
            case WhyNot.CASH:  # not one more lot, or no order worth making, can be paid
                smallest = max(lot, Fraction(rules.minimum_trade))
                others = [it for it in plan.unreached if it.why is WhyNot.CASH]
                room = smallest * fee * len(others) if rules.minimum_trade else lot * fee
                assert Fraction(plan.cash.amount) <= room
                assert gap > 0
            case WhyNot.MINIMUM_TRADE:
                assert abs(gap) < Fraction(rules.minimum_trade) + lot
            case other:
                pytest.fail(f"{line.symbol}: {other}")


@given(portfolio=_portfolios(claimed=True), rules=_RULES)
@settings(max_examples=300)
def test_a_plan_made_after_its_orders_filled_is_empty(
    portfolio: tuple[tuple[Holding, ...], Money], rules: RebalancingRules
) -> None:
    holdings, cash = portfolio
    plan = plan_rebalancing(holdings, cash, rules)
    again = plan_rebalancing(_filled(holdings, plan), plan.cash, rules)
    assert again.orders == ()
    assert again.unreached == plan.unreached


@given(
    portfolio=_portfolios(claimed=True), rules=_LIMITED, chance=st.randoms(use_true_random=False)
)
def test_the_order_of_the_lines_does_not_matter(
    portfolio: tuple[tuple[Holding, ...], Money], rules: RebalancingRules, chance: object
) -> None:
    holdings, cash = portfolio
    shuffled = list(holdings)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan_rebalancing(shuffled, cash, rules) == plan_rebalancing(holdings, cash, rules)


@given(portfolio=_portfolios(), rules=_LIMITED)
@settings(max_examples=30)
def test_the_ambient_decimal_context_changes_nothing(
    portfolio: tuple[tuple[Holding, ...], Money], rules: RebalancingRules
) -> None:
    holdings, cash = portfolio
    plan = plan_rebalancing(holdings, cash, rules)
    with localcontext() as context:
        context.prec, context.rounding = 3, ROUND_UP
        assert plan_rebalancing(holdings, cash, rules) == plan
