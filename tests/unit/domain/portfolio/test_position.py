from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import a_fill, a_portfolio, a_position, booked, later, reserved, trade
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.portfolio import Portfolio, free_change
from traderbot.domain.portfolio.position import Position
from traderbot.domain.shared.decimals import add, exact, negate, plain, subtract
from traderbot.domain.shared.values import Money, Quantity, symbol

AAPL = symbol("AAPL")


def _usd(amount: str) -> Money:
    return Money(amount, "USD")


# --- long -------------------------------------------------------------------------------------


def test_a_buy_opens_a_long_position_at_its_cost() -> None:
    position = a_position(("buy", "10", "100"))
    assert position.net == 10
    assert position.cost == _usd("1000")
    assert position.average_price == 100
    assert position.realised == _usd("0")
    assert position.collateral == _usd("0")


def test_buying_more_averages_the_price() -> None:
    position = a_position(("buy", "10", "100"), ("buy", "30", "120"))
    assert position.net == 40
    assert position.cost == _usd("4600")
    assert position.average_price == 115


def test_a_partial_sale_takes_its_share_of_the_cost() -> None:
    position = a_position(("buy", "10", "100"), ("sell", "4", "130"))
    assert position.net == 6
    assert position.cost == _usd("600")
    assert position.realised == _usd("120")
    assert position.average_price == 100


def test_a_sale_below_cost_realises_a_loss() -> None:
    position = a_position(("buy", "10", "100"), ("sell", "10", "99.99"))
    assert position.realised == _usd("-0.1")
    assert not position.is_open


def test_an_average_that_does_not_end_costs_nobody_anything() -> None:
    portfolio = trade(a_portfolio(), "buy", "1", "3.33")
    portfolio = trade(portfolio, "buy", "2", "3.335")
    costs, profits = [], []
    for price in ("3", "4", "5"):
        portfolio = trade(portfolio, "sell", "1", price)
        costs.append(str(portfolio.position_in(AAPL).cost))
        profits.append(str(portfolio.position_in(AAPL).realised))
    assert costs == ["6.666666666666666667 USD", "3.333333333333333333 USD", "0 USD"]
    assert profits[-1] == "2 USD"  # 3 + 4 + 5 came in, 10 went out
    assert profits[0] == "-0.333333333333333333 USD"


def test_three_units_for_ten_sold_one_by_one_leave_nothing() -> None:
    portfolio = trade(a_portfolio(cash="100 USD"), "buy", "1", "4")
    portfolio = trade(portfolio, "buy", "2", "3")
    for _ in range(3):
        portfolio = trade(portfolio, "sell", "1", "3.4")
    position = portfolio.position_in(AAPL)
    assert (str(position.cost), str(position.realised)) == ("0 USD", "0.2 USD")
    assert str(portfolio.cash_in(AAPL.quote).free) == "100.2 USD"


def test_the_average_price_is_what_was_paid_per_unit_at_18_places() -> None:
    long = a_position(("buy", "1", "4"), ("buy", "2", "3"))
    short = a_position(("sell", "1", "5"), ("sell", "2", "3"))
    assert long.average_price == Decimal("3.333333333333333333")
    assert short.average_price == Decimal("3.666666666666666667")


def test_what_cost_less_than_the_last_decimal_is_still_held() -> None:
    portfolio = trade(a_portfolio(), "buy", "0.1", "0.000000000000000001", at=later(1))
    portfolio = trade(portfolio, "buy", "0.1", "0.000000000000000001", at=later(2))
    position = portfolio.position_in(AAPL)
    assert position.cost == _usd("0")
    assert position.is_open
    assert position.average_price == 0
    assert (position.opened_at, position.closed_at) == (later(1), None)


# --- short ------------------------------------------------------------------------------------


def test_a_sale_from_flat_opens_a_short_position_with_a_negative_cost() -> None:
    position = a_position(("sell", "10", "100"))
    assert position.net == -10
    assert position.cost == _usd("-1000")
    assert position.average_price == 100
    assert position.realised == _usd("0")


def test_a_short_position_locks_what_it_brought_in_and_as_much_again() -> None:
    portfolio = trade(a_portfolio(cash="5000 USD"), "sell", "10", "100")
    cash = portfolio.cash_in(AAPL.quote)
    assert portfolio.position_in(AAPL).collateral == _usd("2000")
    assert (cash.free, cash.collateral, cash.total) == (_usd("4000"), _usd("2000"), _usd("6000"))


@given(
    limit=st.decimals("0.01", "1000", places=2),
    better=st.decimals("0", "5000", places=2),
    quantity=st.integers(1, 1000),
    fee_bps=st.integers(0, 1000),
)
@example(limit=Decimal(100), better=Decimal(50), quantity=10, fee_bps=10)
def test_a_short_sale_at_a_better_price_takes_no_more_than_was_set_aside(
    limit: Decimal, better: Decimal, quantity: int, fee_bps: int
) -> None:
    """Reserved is the limit's notional and its fee; the fill, and so its fee, may be far above."""
    fee_fraction = Decimal(fee_bps) / 10_000
    used = limit * quantity * (1 + fee_fraction)
    price = limit + better
    fee = min(price * quantity * fee_fraction, used)
    portfolio = a_portfolio(cash=f"{used} USD")
    event = booked(
        portfolio,
        side="sell",
        quantity=str(quantity),
        price=str(price),
        fee=f"{fee} USD",
        used=f"{used} USD",
    )
    assert free_change(event).amount >= 0
    assert event.collateral_change >= event.notional


def test_buying_back_below_the_sale_realises_a_profit_and_frees_its_collateral() -> None:
    portfolio = trade(a_portfolio(cash="5000 USD"), "sell", "10", "100")
    portfolio = trade(portfolio, "buy", "4", "90")
    position, cash = portfolio.position_in(AAPL), portfolio.cash_in(AAPL.quote)
    assert position.net == -6
    assert position.cost == _usd("-600")
    assert position.realised == _usd("40")
    assert position.collateral == cash.collateral == _usd("1200")
    assert cash.total == _usd("5640")


def test_buying_back_above_the_sale_realises_a_loss() -> None:
    position = a_position(("sell", "10", "100"), ("buy", "10", "100.5"))
    assert position.realised == _usd("-5")
    assert (position.cost, position.collateral) == (_usd("0"), _usd("0"))


# --- through zero -----------------------------------------------------------------------------


def test_a_sale_of_more_than_is_held_closes_and_opens_short() -> None:
    position = a_position(("buy", "10", "100"), ("sell", "15", "110"))
    assert position.net == -5
    assert position.realised == _usd("100")
    assert position.cost == _usd("-550")
    assert position.collateral == _usd("1100")
    assert position.average_price == 110


def test_a_buy_of_more_than_was_sold_closes_and_opens_long() -> None:
    position = a_position(("sell", "10", "100"), ("buy", "15", "90"))
    assert position.net == 5
    assert position.realised == _usd("100")
    assert position.cost == _usd("450")
    assert position.collateral == _usd("0")
    assert position.average_price == 90


def test_a_flip_names_how_much_of_it_closed() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    event = booked(portfolio, side="sell", quantity="15", price="110")
    assert event.closed == Quantity("10")
    assert booked(portfolio, side="buy", quantity="15", price="110").closed == Quantity("0")
    assert booked(portfolio, side="sell", quantity="4", price="110").closed == Quantity("4")


# --- times ------------------------------------------------------------------------------------


def test_a_position_knows_when_it_was_opened_and_closed() -> None:
    def times(portfolio: Portfolio) -> tuple[object, object]:
        position = portfolio.position_in(AAPL)
        return position.opened_at, position.closed_at

    portfolio = a_portfolio()
    assert times(portfolio) == (None, None)
    portfolio = trade(portfolio, "buy", "1", "1", at=later(1))
    assert times(portfolio) == (later(1), None)
    portfolio = trade(portfolio, "buy", "1", "1", at=later(2))
    assert times(portfolio) == (later(1), None)
    portfolio = trade(portfolio, "sell", "3", "1", at=later(3))  # turns short
    assert times(portfolio) == (later(3), None)
    portfolio = trade(portfolio, "buy", "2", "1", at=later(4))  # turns long
    assert times(portfolio) == (later(4), None)
    portfolio = trade(portfolio, "sell", "1", "1", at=later(5))
    assert times(portfolio) == (later(4), later(5))
    portfolio = trade(portfolio, "sell", "1", "1", at=later(6))
    assert times(portfolio) == (later(6), None)
    portfolio = trade(portfolio, "buy", "1", "1", at=later(7))
    assert times(portfolio) == (later(6), later(7))


# --- what can be closed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trades", "by_sale", "by_buy"),
    [
        ([], "0", "0"),
        ([("buy", "10", "1")], "10", "0"),
        ([("sell", "10", "1")], "0", "10"),
        ([("buy", "10", "1"), ("sell", "10", "1")], "0", "0"),
    ],
    ids=["flat", "long", "short", "closed"],
)
def test_only_the_other_side_closes(
    trades: list[tuple[str, str, str]], by_sale: str, by_buy: str
) -> None:
    position = a_position(*trades)
    assert position.closable(Side.SELL) == Quantity(by_sale)
    assert position.closable(Side.BUY) == Quantity(by_buy)


def test_what_one_order_claims_no_other_can_close() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    portfolio = portfolio.apply(reserved("0 USD", closing="4"))
    assert portfolio.position_in(AAPL).closable(Side.SELL) == Quantity("6")
    portfolio = portfolio.apply(reserved("0 USD", closing="6"))
    assert portfolio.position_in(AAPL).closable(Side.SELL) == Quantity("0")


def test_nothing_is_closable_when_more_is_claimed_than_held() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    portfolio = portfolio.apply(reserved("0 USD", closing="6"))
    portfolio = trade(portfolio, "sell", "8", "100")  # a late fill of a canceled order
    assert portfolio.position_in(AAPL).closable(Side.SELL) == Quantity("0")


# --- fees -------------------------------------------------------------------------------------


def test_a_fee_is_no_part_of_the_cost() -> None:
    portfolio = trade(a_portfolio(cash="2000 USD"), "buy", "10", "100", fee="1.50 USD")
    position = portfolio.position_in(AAPL)
    assert (position.cost, position.fees) == (_usd("1000"), _usd("1.5"))
    assert portfolio.cash_in(AAPL.quote).free == _usd("998.5")


def test_a_fee_in_another_currency_is_paid_from_that_currency() -> None:
    portfolio = trade(a_portfolio(cash="2000 USD"), "buy", "10", "100", fee="0.01 BNB")
    assert portfolio.position_in(AAPL).fees == _usd("0")
    assert portfolio.cash_in(AAPL.quote).free == _usd("1000")
    assert str(portfolio.cash_in(Money("0", "BNB").currency).free) == "-0.01 BNB"


def test_a_position_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Position.flat(AAPL).net = Decimal(1)  # type: ignore[misc]


# --- laws -------------------------------------------------------------------------------------

_eight_places = st.integers(1, 10**8).map(lambda units: plain(exact(Decimal(units).scaleb(-8))))
_round_lots = st.integers(1, 3).map(str)
_trades = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.one_of(_eight_places, _round_lots),
        st.one_of(
            _eight_places,
            st.integers(1, 10**8).map(lambda units: plain(exact(Decimal(units).scaleb(-2)))),
        ),
        st.integers(-5, 50).map(lambda cents: f"{plain(exact(Decimal(cents).scaleb(-2)))} USD"),
    ),
    min_size=1,
    max_size=15,
)
Trades = list[tuple[str, str, str, str]]

THIRDS: Trades = [("buy", "3", "3.3333333", "0 USD")] + [("sell", "1", "4", "0 USD")] * 3
FLIPS: Trades = [
    ("buy", "3", "0.1", "0 USD"),
    ("sell", "2", "0.7", "0 USD"),
    ("sell", "3", "0.00000001", "0 USD"),
    ("buy", "1", "0.3", "0 USD"),
    ("buy", "2", "9.99999999", "0 USD"),
]


def _signed(side: str, quantity: str, price: str) -> Fraction:
    """Return what the trade does to cash, before fees."""
    notional = Fraction(quantity) * Fraction(price)
    return -notional if side == "buy" else notional


def _flattened(portfolio: Portfolio, trades: Trades) -> Trades:
    """Return the trades and, if they leave anything, one more that closes it."""
    net = portfolio.position_in(AAPL).net
    if not net:
        return trades
    side = "sell" if net > 0 else "buy"
    return [*trades, (side, plain(net.copy_abs()), "7.77777777", "0.01 USD")]


def _traded(trades: Trades) -> Portfolio:
    portfolio = a_portfolio()
    for side, quantity, price, fee in trades:
        portfolio = trade(portfolio, side, quantity, price, fee=fee)
    return portfolio


@given(_trades)
@example(THIRDS)
@example(FLIPS)
def test_over_a_life_the_profit_is_exactly_what_came_in_less_what_went_out(trades: Trades) -> None:
    trades = _flattened(_traded(trades), trades)
    portfolio = _traded(trades)
    position = portfolio.position_in(AAPL)
    came_in = sum((_signed(*trade[:3]) for trade in trades), Fraction(0))
    fees = sum((Fraction(fee.removesuffix(" USD")) for *_, fee in trades), Fraction(0))
    assert position.net == 0
    assert (str(position.cost), str(position.collateral)) == ("0 USD", "0 USD")
    assert Fraction(position.realised.amount) == came_in
    assert Fraction(position.fees.amount) == fees
    cash = portfolio.cash_in(AAPL.quote)
    assert str(cash.collateral) == "0 USD"
    assert Fraction(cash.free.amount) == 100_000 + came_in - fees


@given(_trades)
@example(FLIPS)
def test_at_every_moment_cash_has_changed_by_the_signed_notionals_less_the_fees(
    trades: Trades,
) -> None:
    portfolio, expected, net = a_portfolio(), Fraction(100_000), Fraction(0)
    for side, quantity, price, fee in trades:
        portfolio = trade(portfolio, side, quantity, price, fee=fee)
        expected += _signed(side, quantity, price) - Fraction(fee.removesuffix(" USD"))
        net += Fraction(quantity) if side == "buy" else -Fraction(quantity)
        position, cash = portfolio.position_in(AAPL), portfolio.cash_in(AAPL.quote)
        assert Fraction(cash.total.amount) == expected
        assert cash.free + cash.reserved + cash.collateral == cash.total
        assert cash.collateral == position.collateral
        assert position.net == net
        # Equity at cost moves by profit and fees only, never by opening or by locking.
        assert portfolio.equity_at_cost(AAPL.quote) == (
            _usd("100000") + position.realised - position.fees
        )


@given(_trades)
@example(THIRDS)
@example(FLIPS)
def test_cost_collateral_and_profit_are_those_of_average_cost_accounting(trades: Trades) -> None:
    """The slow twin: the same in fractions, which never round."""
    net = cost = realised = collateral = Fraction(0)
    portfolio = a_portfolio()
    for count, (side, quantity, price, fee) in enumerate(trades, start=1):
        portfolio = trade(portfolio, side, quantity, price, fee=fee)
        signed = Fraction(quantity) if side == "buy" else -Fraction(quantity)
        closed = min(abs(signed), abs(net)) if net * signed < 0 else Fraction(0)
        opened = abs(signed) - closed
        direction = 1 if signed > 0 else -1
        if closed:
            removed = cost * closed / abs(net)
            realised += -direction * closed * Fraction(price) - removed
            cost -= removed
            collateral -= collateral * closed / abs(net)
        cost += direction * opened * Fraction(price)
        if direction < 0:
            collateral += 2 * opened * Fraction(price)
        net += signed
        position = portfolio.position_in(AAPL)
        tolerance = Fraction(4 * count, 10**18)
        assert position.net == net
        assert abs(Fraction(position.cost.amount) - cost) <= tolerance
        assert abs(Fraction(position.realised.amount) - realised) <= tolerance
        assert abs(Fraction(position.collateral.amount) - collateral) <= tolerance


@given(_trades)
def test_cost_has_the_sign_of_the_position_and_only_a_short_one_locks_collateral(
    trades: Trades,
) -> None:
    portfolio = a_portfolio()
    for side, quantity, price, fee in trades:
        portfolio = trade(portfolio, side, quantity, price, fee=fee)
        position = portfolio.position_in(AAPL)
        if position.net > 0:
            assert position.cost.amount >= 0
            assert position.collateral.amount == 0
        elif position.net < 0:
            assert position.cost.amount <= 0
            assert position.collateral.amount >= 0
        else:
            assert position.cost.amount == 0
            assert position.collateral.amount == 0


@given(_trades, st.sampled_from([Side.BUY, Side.SELL]), _eight_places, _eight_places)
def test_no_position_depends_on_the_ambient_decimal_context(
    trades: Trades, side: Side, quantity: str, price: str
) -> None:
    fill = a_fill(quantity=quantity, price=price)
    expected = _traded(trades)
    position = expected.position_in(AAPL)
    outcomes = (
        position.change_by(side, fill, _usd("0")),
        position.average_price,
        position.closable(side),
        expected.equity_at_cost(AAPL.quote),
    )
    with localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = ROUND_UP
        again = _traded(trades).position_in(AAPL)
        repeated = (
            again.change_by(side, fill, _usd("0")),
            again.average_price,
            again.closable(side),
            _traded(trades).equity_at_cost(AAPL.quote),
        )
    assert again == position
    assert repeated == outcomes


@given(_trades)
def test_the_mirror_of_every_trade_mirrors_the_cost_and_the_profit(trades: Trades) -> None:
    mirrored: Trades = [
        ("sell" if side == "buy" else "buy", quantity, price, fee)
        for side, quantity, price, fee in trades
    ]
    position, mirror = (_traded(way).position_in(AAPL) for way in (trades, mirrored))
    assert add(position.net, mirror.net) == 0
    assert position.cost.amount == negate(mirror.cost.amount)
    assert subtract(position.realised.amount, negate(mirror.realised.amount)) == 0
