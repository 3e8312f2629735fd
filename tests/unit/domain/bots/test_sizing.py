from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import (
    a_bot_run,
    a_portfolio,
    a_ticket,
    after,
    an_observation,
    deposited,
    limits,
    reserved,
    trade,
)
from traderbot.domain.bots.events import BotDecided
from traderbot.domain.bots.sizing import Sized, size
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.orders.ticket import Refused, Side
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.review import review
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.values import Price, Quantity, symbol

WIDE = limits(order_notional_max="99999999999999999999", order_notional_fraction="1")


def _sized(
    signal: str = "BUY",
    *,
    symbol_code: str = "AAPL",
    close: str = "105",
    allocation: str = "0.1",
    portfolio: Portfolio | None = None,
    within: Limits = WIDE,
) -> Sized:
    return size(
        signal,
        symbol(symbol_code),
        Price(close),
        Decimal(allocation),
        portfolio=a_portfolio() if portfolio is None else portfolio,
        limits=within,
    )


# --- buying -----------------------------------------------------------------------------------


def test_a_buy_uses_its_share_of_the_equity_in_whole_lots() -> None:
    sized = _sized("BUY", close="105", allocation="0.1", portfolio=a_portfolio(cash="10000 USD"))
    assert (sized.side, sized.quantity, sized.blocking_code) == (Side.BUY, Quantity("9"), None)


def test_a_coin_is_bought_in_hundred_millionths() -> None:
    portfolio = a_portfolio(cash="1000 USDT")
    sized = _sized("BUY", symbol_code="BTC/USDT", close="64000", portfolio=portfolio)
    assert sized.quantity == Quantity("0.0015625")
    sized = _sized("BUY", symbol_code="BTC/USDT", close="63000", portfolio=portfolio)
    assert sized.quantity == Quantity("0.0015873")


@pytest.mark.parametrize(("cash", "quantity"), [("1000", "1"), ("999.999999999999999999", None)])
def test_the_last_decimal_decides_between_one_lot_and_none(cash: str, quantity: str | None) -> None:
    sized = _sized("BUY", close="100", allocation="0.1", portfolio=a_portfolio(cash=f"{cash} USD"))
    assert sized.quantity == (None if quantity is None else Quantity(quantity))
    assert sized.blocking_code == ("BUDGET_BELOW_ONE_LOT" if quantity is None else None)


def test_the_arithmetic_of_a_buy_is_on_record() -> None:
    sized = _sized(
        "BUY", close="105", allocation="0.25", portfolio=a_portfolio(cash="10000.01 USD")
    )
    arithmetic = dict(sized.arithmetic)
    assert Decimal(arithmetic.pop("budget")) == Decimal("2500.0025")
    assert arithmetic == {
        "equity_at_cost": "10000.01",
        "share": "0.25",
        "close": "105",
        "quantity": "23",
    }


def test_equal_budgets_have_equal_texts_however_they_came_to_be() -> None:
    # A portfolio read back from the log holds 1000; one that lived through it may hold 1000.00.
    lived = after(a_portfolio(cash="999.75 USD"), [deposited("0.25 USD")])
    texts = [
        _sized("BUY", close="105", portfolio=each).arithmetic["budget"]
        for each in (lived, a_portfolio(cash="1000 USD"))
    ]
    assert texts == ["100", "100"]


def test_the_arithmetic_of_no_buy_is_on_record_too() -> None:
    sized = _sized("BUY", close="2000", portfolio=a_portfolio(cash="10000 USD"))
    assert sized.blocking_code == "BUDGET_BELOW_ONE_LOT"
    assert sized.arithmetic["quantity"] == "0"
    assert Decimal(sized.arithmetic["budget"]) == 1000


def test_the_gates_ceilings_bound_the_budget() -> None:
    rich = a_portfolio(cash="1000000 USD")
    by_amount = _sized(
        "BUY", close="100", portfolio=rich, within=limits(order_notional_fraction="1")
    )
    assert by_amount.quantity == Quantity("100")
    by_share = _sized(
        "BUY",
        close="100",
        portfolio=rich,
        within=limits(order_notional_max="1000000", order_notional_fraction="0.01"),
    )
    assert by_share.quantity == Quantity("100")


@pytest.mark.parametrize("cash", ["", "100 EUR"])
def test_without_equity_in_the_quote_currency_nothing_is_bought(cash: str) -> None:
    assert _sized("BUY", portfolio=a_portfolio(cash=cash)).blocking_code == "BUDGET_BELOW_ONE_LOT"


def test_with_equity_below_zero_nothing_is_bought() -> None:
    portfolio = trade(a_portfolio(cash="10 USD"), "buy", "1", "100", fee="50 USD")
    portfolio = trade(portfolio, "sell", "1", "1")
    assert _sized("BUY", portfolio=portfolio).blocking_code == "BUDGET_BELOW_ONE_LOT"


def test_who_is_long_does_not_buy_more() -> None:
    portfolio = trade(a_portfolio(), "buy", "0.000000000000000001", "100")
    assert _sized("BUY", portfolio=portfolio) == Sized(blocking_code="ALREADY_LONG")


# --- selling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("held", ["7.5", "1", "0.000000000000000001"])
def test_a_sale_sells_all_that_is_held(held: str) -> None:
    portfolio = trade(a_portfolio(), "buy", held, "100")
    sized = _sized("SELL", portfolio=portfolio)
    assert (sized.side, sized.quantity) == (Side.SELL, Quantity(held))
    assert (sized.arithmetic["held"], sized.blocking_code) == (held, None)


def test_who_holds_nothing_sells_nothing() -> None:
    assert _sized("SELL").blocking_code == "NO_POSITION"


def test_who_is_short_does_not_sell_more() -> None:
    portfolio = trade(a_portfolio(), "sell", "5", "100")
    assert _sized("SELL", portfolio=portfolio).blocking_code == "NO_POSITION"


def test_a_position_in_another_symbol_is_not_sold() -> None:
    portfolio = trade(a_portfolio(), "buy", "5", "100", symbol_code="MSFT")
    assert _sized("SELL", portfolio=portfolio).blocking_code == "NO_POSITION"


@pytest.mark.parametrize("signal", ["HOLD", "buy", "sell", "", "STRONG BUY"])
def test_no_signal_is_no_order(signal: str) -> None:
    portfolio = trade(a_portfolio(), "buy", "5", "100")
    assert _sized(signal, portfolio=portfolio) == Sized(blocking_code="NO_SIGNAL")


# --- laws -------------------------------------------------------------------------------------


def _numbers(most: int, places: int) -> st.SearchStrategy[str]:
    return st.integers(1, most * 10**places).map(
        lambda units: plain(Decimal(units).scaleb(-places))
    )


_shares = st.one_of(_numbers(1, 18), _numbers(1, 2))
_cash = st.one_of(_numbers(10**7, 18), _numbers(10**5, 2))
_prices = st.one_of(_numbers(10**4, 8), _numbers(10**3, 2), _numbers(10, 12))
_trades = st.tuples(
    st.sampled_from(["buy", "sell"]),
    _numbers(100, 8),
    _numbers(100, 8),
)
_histories = st.lists(_trades, max_size=3)
_ceilings = st.builds(
    lambda most, share: limits(order_notional_max=most, order_notional_fraction=share),
    st.one_of(_numbers(10**5, 18), _numbers(10**4, 0)),
    _shares,
)
_codes = st.sampled_from(["AAPL", "BTC/USDT"])
_signals = st.sampled_from(["BUY", "SELL", "HOLD"])


def _portfolio(code: str, cash: str, history: list[tuple[str, str, str]]) -> Portfolio:
    portfolio = after(a_portfolio(cash=""), [deposited(f"{cash} {symbol(code).quote}")])
    for side, quantity, price in history:
        portfolio = trade(portfolio, side, quantity, price, symbol_code=code)
    return portfolio


@given(_codes, _cash, _prices, _shares, _ceilings)
@example("BTC/USDT", "0.333333333333333333", "0.333333333333", "1", limits())
@example("AAPL", "999.999999999999999995", "100", "0.1", limits())
@example("AAPL", "1000", "100", "0.1", limits())
def test_a_buy_that_was_sized_is_never_refused_for_its_notional(
    code: str, cash: str, close: str, allocation: str, within: Limits
) -> None:
    portfolio = _portfolio(code, cash, [])
    sized = _sized(
        "BUY",
        symbol_code=code,
        close=close,
        allocation=allocation,
        portfolio=portfolio,
        within=within,
    )
    if sized.quantity is None:
        return
    ticket = a_ticket(symbol_code=code, quantity=str(sized.quantity))
    verdict = review(ticket, portfolio, Price(close), within)
    if isinstance(verdict, Refused):
        assert "ORDER_NOTIONAL_MAX" not in {reason.code for reason in verdict.reasons}


@given(_codes, _cash, _prices, _shares, _ceilings)
def test_a_buy_is_the_largest_that_fits_the_budget(
    code: str, cash: str, close: str, allocation: str, within: Limits
) -> None:
    sized = _sized(
        "BUY",
        symbol_code=code,
        close=close,
        allocation=allocation,
        portfolio=_portfolio(code, cash, []),
        within=within,
    )
    budget = min(
        Fraction(cash) * min(Fraction(allocation), Fraction(within.order_notional_fraction)),
        Fraction(within.order_notional_max),
    )
    lot = Fraction(default_instrument(symbol(code)).lot_size.value)
    expected = budget / Fraction(close) // lot * lot
    assert Fraction((sized.quantity or Quantity(0)).value) == expected
    assert Fraction(sized.arithmetic["budget"]) == budget
    assert sized.arithmetic["quantity"] == str(sized.quantity or 0)


@given(
    signal=_signals,
    code=_codes,
    cash=_cash,
    history=_histories,
    close=_prices,
    allocation=_shares,
    within=_ceilings,
)
def test_every_signal_without_an_order_has_exactly_one_blocking_code(
    *,
    signal: str,
    code: str,
    cash: str,
    history: list[tuple[str, str, str]],
    close: str,
    allocation: str,
    within: Limits,
) -> None:
    sized = _sized(
        signal,
        symbol_code=code,
        close=close,
        allocation=allocation,
        portfolio=_portfolio(code, cash, history),
        within=within,
    )
    if sized.blocking_code is None:
        assert sized.side == {"BUY": Side.BUY, "SELL": Side.SELL}[signal]
        assert sized.quantity
    else:
        assert (sized.side, sized.quantity) == (None, None)
        (event,) = a_bot_run().decide(an_observation(signal=signal), sized)
        assert isinstance(event, BotDecided)
        assert (event.order_id, event.blocking_code) == (None, sized.blocking_code)


@given(
    signal=_signals,
    cash=_cash,
    history=_histories,
    close=_prices,
    allocation=_shares,
    within=_ceilings,
)
def test_no_size_depends_on_the_ambient_decimal_context(
    *,
    signal: str,
    cash: str,
    history: list[tuple[str, str, str]],
    close: str,
    allocation: str,
    within: Limits,
) -> None:
    def sized() -> Sized:
        return _sized(
            signal,
            symbol_code="BTC/USDT",
            close=close,
            allocation=allocation,
            portfolio=_portfolio("BTC/USDT", cash, history),
            within=within,
        )

    expected = sized()
    with localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = ROUND_UP
        assert sized() == expected


def test_what_another_order_is_closing_already_is_not_sold_again() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100").apply(reserved("0 USD", closing="10"))
    sized = _sized("SELL", portfolio=portfolio)
    assert (sized.quantity, sized.blocking_code) == (None, "ORDER_WORKING")
