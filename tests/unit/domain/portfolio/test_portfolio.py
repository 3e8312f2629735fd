from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import ROUND_UP, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    BOT_RUN_ID,
    NOON,
    ORDER_ID,
    PORTFOLIO_ID,
    USER_ID,
    a_portfolio,
    a_ticket,
    after,
    approved,
    booked,
    canceled,
    corrected,
    deposited,
    filled,
    later,
    opened,
    released,
    reserved,
    trade,
    withdrawn,
)
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.errors import InsufficientFundsError, InvalidTransferError
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    ExposureReleased,
    ExposureReserved,
    FillBooked,
    PortfolioEvent,
    PortfolioOpened,
)
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import FillId
from traderbot.domain.shared.values import Money, Price, Quantity, currency, symbol

USD = currency("USD")
AAPL = symbol("AAPL")


def _usd(amount: str) -> Money:
    return Money(amount, "USD")


# --- opening ----------------------------------------------------------------------------------


def test_a_portfolio_is_opened_empty() -> None:
    events = Portfolio.open(PORTFOLIO_ID, USER_ID, "savings", at=NOON)
    assert events == (
        PortfolioOpened(portfolio_id=PORTFOLIO_ID, at=NOON, owner_id=USER_ID, name="savings"),
    )
    portfolio = Portfolio.from_events(events)
    assert (dict(portfolio.cash), dict(portfolio.positions)) == ({}, {})
    assert portfolio.cash_in(USD).total == _usd("0")
    assert not portfolio.position_in(AAPL).is_open


@pytest.mark.parametrize("name", ["x", "x" * 64, "Käthe's 2nd", "株式"])
def test_a_portfolios_name_is_its_owners_words(name: str) -> None:
    (event,) = Portfolio.open(PORTFOLIO_ID, USER_ID, name, at=NOON)
    assert isinstance(event, PortfolioOpened)
    assert event.name == name


@pytest.mark.parametrize(
    "wrong",
    ["", " ", "   ", "x" * 65, "a\nb", "a\x00b", "\ud800", "\u202eevil", "a\tb"],
    ids=ascii,
)
def test_a_name_nobody_could_print_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValueError, match="printable"):
        Portfolio.open(PORTFOLIO_ID, USER_ID, wrong, at=NOON)


# --- transfers --------------------------------------------------------------------------------


def test_a_deposit_is_free_cash() -> None:
    portfolio = a_portfolio(cash="")
    events = portfolio.deposit(_usd("0.01"), at=later(1))
    assert events == (CashDeposited(portfolio_id=PORTFOLIO_ID, at=later(1), amount=_usd("0.01")),)
    cash = after(portfolio, events).cash_in(USD)
    assert (cash.free, cash.reserved, cash.collateral) == (_usd("0.01"), _usd("0"), _usd("0"))


def test_all_that_is_free_can_be_withdrawn() -> None:
    portfolio = a_portfolio(cash="100 USD")
    events = portfolio.withdraw(_usd("100"), at=later(1))
    assert events == (CashWithdrawn(portfolio_id=PORTFOLIO_ID, at=later(1), amount=_usd("100")),)
    assert after(portfolio, events).cash_in(USD).total == _usd("0")


@pytest.mark.parametrize("amount", ["0", "-0.000000000000000001", "-100"])
def test_nothing_or_less_is_no_transfer(amount: str) -> None:
    with pytest.raises(InvalidTransferError):
        a_portfolio().deposit(_usd(amount), at=NOON)
    with pytest.raises(InvalidTransferError):
        a_portfolio().withdraw(_usd(amount), at=NOON)


def test_an_account_takes_no_more_than_it_can_hold() -> None:
    portfolio = after(a_portfolio(cash="99999999999999999999 USD"), [reserved("7 USD")])
    most = _usd("0.999999999999999999")
    full = after(portfolio, portfolio.deposit(most, at=NOON))
    assert str(full.cash_in(USD).total) == "99999999999999999999.999999999999999999 USD"
    with pytest.raises(InvalidTransferError, match="can hold"):
        full.deposit(_usd("0.000000000000000001"), at=NOON)
    assert full.deposit(Money("1", "EUR"), at=NOON)


def test_the_last_decimal_more_than_is_free_cannot_be_withdrawn() -> None:
    with pytest.raises(InsufficientFundsError, match=r"100 USD free") as refusal:
        a_portfolio(cash="100 USD").withdraw(_usd("100.000000000000000001"), at=NOON)
    assert refusal.value.code == "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize("amount", ["7", "-100", "-0.000000000000000001"])
def test_a_correction_moves_free_cash_and_says_why(amount: str) -> None:
    portfolio = a_portfolio(cash="100 USD")
    events = portfolio.correct(_usd(amount), " booked twice ", corrects="e1", at=later(1))
    assert events == (
        CashCorrected(
            portfolio_id=PORTFOLIO_ID,
            at=later(1),
            amount=_usd(amount),
            reason="booked twice",
            corrects="e1",
        ),
    )
    cash = after(portfolio, events).cash_in(USD)
    assert cash.free == _usd("100") + _usd(amount)
    assert (cash.reserved, cash.collateral) == (_usd("0"), _usd("0"))


def test_a_correction_takes_no_more_than_is_free() -> None:
    portfolio = after(a_portfolio(cash="1000 USD"), [reserved("400 USD")])
    assert portfolio.correct(_usd("-600"), "x", at=NOON)
    with pytest.raises(InsufficientFundsError, match="600 USD free: cancel orders"):
        portfolio.correct(_usd("-600.01"), "x", at=NOON)
    below = after(a_portfolio(cash=""), [corrected("-5 USD")])  # a history that has it all the same
    assert below.correct(_usd("5"), "x", at=NOON)
    with pytest.raises(InsufficientFundsError):
        below.correct(_usd("-0.01"), "x", at=NOON)


def test_a_correction_of_nothing_or_of_too_much_is_refused() -> None:
    with pytest.raises(InvalidTransferError, match="nothing"):
        a_portfolio().correct(_usd("0"), "x", at=NOON)
    with pytest.raises(InvalidTransferError, match="can hold"):
        a_portfolio(cash="99999999999999999999 USD").correct(_usd("1"), "x", at=NOON)


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "a\nb", "\ud800"], ids=ascii)
def test_a_correction_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(InvalidValueError, match="a reason is"):
        a_portfolio().correct(_usd("1"), reason, at=NOON)


def test_what_is_set_aside_cannot_be_withdrawn() -> None:
    portfolio = after(a_portfolio(cash="1000 USD"), [reserved("400 USD")])
    assert portfolio.withdraw(_usd("600"), at=NOON)
    with pytest.raises(InsufficientFundsError):
        portfolio.withdraw(_usd("600.01"), at=NOON)


def test_what_is_locked_as_collateral_cannot_be_withdrawn() -> None:
    portfolio = trade(a_portfolio(cash="1000 USD"), "sell", "1", "100")
    assert portfolio.cash_in(USD).total == _usd("1100")
    with pytest.raises(InsufficientFundsError):
        portfolio.withdraw(_usd("900.01"), at=NOON)


def test_another_currency_is_another_purse() -> None:
    portfolio = after(a_portfolio(cash="100 USD"), [deposited("5 BTC")])
    with pytest.raises(InsufficientFundsError, match="0 EUR free"):
        portfolio.withdraw(Money("1", "EUR"), at=NOON)
    portfolio = after(portfolio, portfolio.withdraw(Money("5", "BTC"), at=NOON))
    assert portfolio.cash_in(USD).free == _usd("100")
    assert portfolio.cash_in(currency("BTC")).free == Money("0", "BTC")


# --- reservations -----------------------------------------------------------------------------


def test_an_approved_order_sets_cash_aside_and_claims_what_it_closes() -> None:
    portfolio = trade(a_portfolio(cash="5000 USD"), "buy", "10", "100")
    events = portfolio.reserve(
        a_ticket(side="sell", quantity="15"),
        approved(reserved="525 USD", closing="10", at=later(1)),
    )
    assert events == (
        ExposureReserved(
            portfolio_id=PORTFOLIO_ID,
            at=later(1),
            order_id=ORDER_ID,
            symbol=AAPL,
            cash=_usd("525"),
            closing=Quantity("10"),
            side=Side.SELL,
        ),
    )
    portfolio = after(portfolio, events)
    cash = portfolio.cash_in(USD)
    assert (cash.free, cash.reserved, cash.total) == (_usd("3475"), _usd("525"), _usd("4000"))
    assert portfolio.position_in(AAPL).claimed == Quantity("10")


def test_a_canceled_order_frees_what_it_had_set_aside() -> None:
    before = trade(a_portfolio(cash="5000 USD"), "buy", "10", "100")
    portfolio = after(before, [reserved("525 USD", closing="10")])
    events = portfolio.release(
        a_ticket(side="sell", quantity="15"),
        canceled(released="525 USD", closing_released="10", at=later(1)),
    )
    assert events == (
        ExposureReleased(
            portfolio_id=PORTFOLIO_ID,
            at=later(1),
            order_id=ORDER_ID,
            symbol=AAPL,
            cash=_usd("525"),
            closing=Quantity("10"),
            side=Side.SELL,
        ),
    )
    portfolio = after(portfolio, events)
    assert portfolio.cash_in(USD) == before.cash_in(USD)
    assert portfolio.position_in(AAPL).claimed == Quantity("0")


def test_an_order_that_claims_nothing_makes_no_position() -> None:
    portfolio = after(a_portfolio(), [reserved("100 USD", closing="0")])
    assert dict(portfolio.positions) == {}


def test_thousands_of_canceled_orders_leave_a_portfolio_as_readable_as_before() -> None:
    before = portfolio = a_portfolio(cash="5000 USD")
    for _ in range(3_000):
        portfolio = after(portfolio, [reserved("10 USD"), released("10 USD")])
    assert portfolio.cash_in(USD) == before.cash_in(USD)
    assert portfolio.position_in(AAPL) == before.position_in(AAPL)


# --- fills ------------------------------------------------------------------------------------


def test_a_fill_is_booked_with_all_of_its_amounts() -> None:
    portfolio = after(a_portfolio(cash="5000 USD"), [reserved("1050 USD")])
    fact = filled(
        fill_id="f-7", quantity="4", price="100", fee="0.4 USD", used="420 USD", at=later(1)
    )
    events = portfolio.book(a_ticket(quantity="10"), fact, BOT_RUN_ID)
    assert events == (
        FillBooked(
            portfolio_id=PORTFOLIO_ID,
            at=later(1),
            order_id=ORDER_ID,
            fill_id=FillId("f-7"),
            symbol=AAPL,
            side=Side.BUY,
            quantity=Quantity("4"),
            price=Price("100"),
            notional=_usd("400"),
            fee=_usd("0.4"),
            closed=Quantity("0"),
            cost_change=_usd("400"),
            realised=_usd("0"),
            collateral_change=_usd("0"),
            reservation_used=_usd("420"),
            closing_used=Quantity("0"),
            bot_run_id=BOT_RUN_ID,
        ),
    )
    portfolio = after(portfolio, events)
    cash = portfolio.cash_in(USD)
    # 420 came back out of the reservation, 400.40 of it was spent.
    assert (cash.free, cash.reserved) == (_usd("3969.6"), _usd("630"))


def test_a_fill_of_a_closing_order_uses_its_claim() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    portfolio = after(portfolio, [reserved("0 USD", closing="10")])
    event = booked(portfolio, side="sell", quantity="4", closing_used="4")
    portfolio = portfolio.apply(event)
    assert portfolio.position_in(AAPL).claimed == Quantity("6")
    assert portfolio.position_in(AAPL).closable(Side.SELL) == Quantity("0")


def test_a_fill_is_a_fact_even_if_it_costs_more_than_there_is() -> None:
    portfolio = trade(a_portfolio(cash="100 USD"), "buy", "10", "100", fee="1 USD")
    assert portfolio.cash_in(USD).free == _usd("-901")
    assert portfolio.position_in(AAPL).net == 10


def test_positions_of_two_symbols_do_not_touch() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    portfolio = trade(portfolio, "sell", "1", "200", symbol_code="MSFT")
    assert portfolio.position_in(AAPL).net == 10
    assert portfolio.position_in(symbol("MSFT")).net == -1


def test_equity_at_cost_counts_one_currency_only() -> None:
    portfolio = after(a_portfolio(cash="10000 USD"), [deposited("5000 USDT")])
    portfolio = trade(portfolio, "buy", "10", "100", fee="1 USD")
    portfolio = trade(portfolio, "buy", "0.1", "20000", symbol_code="BTC/USDT", fee="3 USDT")
    assert portfolio.equity_at_cost(USD) == _usd("9999")
    assert portfolio.equity_at_cost(currency("USDT")) == Money("4997", "USDT")
    assert portfolio.equity_at_cost(currency("EUR")) == Money("0", "EUR")


def test_equity_at_cost_does_not_count_what_a_short_sale_brought_in() -> None:
    portfolio = trade(a_portfolio(cash="10000 USD"), "sell", "10", "100")
    assert portfolio.equity_at_cost(USD) == _usd("10000")


def test_equity_at_cost_counts_what_is_set_aside() -> None:
    portfolio = after(a_portfolio(cash="10000 USD"), [reserved("1050 USD")])
    assert portfolio.equity_at_cost(USD) == _usd("10000")


# --- histories --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [deposited(), withdrawn(), reserved(), released(), booked(a_portfolio())],
    ids=lambda event: type(event).__name__,
)
def test_a_history_that_does_not_start_with_an_opening_is_corrupt(first: PortfolioEvent) -> None:
    with pytest.raises(CorruptHistoryError, match=type(first).__name__):
        Portfolio.from_events([first])


def test_a_portfolio_cannot_be_opened_twice() -> None:
    with pytest.raises(CorruptHistoryError, match="opened twice"):
        a_portfolio().apply(opened())


def test_a_portfolio_cannot_be_changed_from_outside() -> None:
    portfolio = trade(a_portfolio(), "buy", "1", "1")
    cash: Any = portfolio.cash
    positions: Any = portfolio.positions
    with pytest.raises(FrozenInstanceError):
        portfolio.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        cash[USD] = portfolio.cash_in(currency("EUR"))
    with pytest.raises(TypeError):
        del positions[AAPL]


def test_the_next_state_leaves_the_one_before_as_it_was() -> None:
    before = trade(a_portfolio(cash="1000 USD"), "buy", "1", "100")
    trade(before, "sell", "1", "300")
    after(before, [deposited("5 USD"), reserved("7 USD", closing="1")])
    assert before == trade(a_portfolio(cash="1000 USD"), "buy", "1", "100")


_cents = st.integers(1, 10**9).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
_events = st.lists(
    st.one_of(
        _cents.map(lambda amount: deposited(f"{amount} USD")),
        _cents.map(lambda amount: withdrawn(f"{amount} USD")),
        _cents.map(lambda amount: reserved(f"{amount} USD", closing="0.1")),
        st.builds(
            lambda side, quantity, price: booked(
                a_portfolio(), side=side, quantity=quantity, price=price
            ),
            st.sampled_from(["buy", "sell"]),
            _cents,
            _cents,
        ),
    ),
    max_size=12,
)


@given(st.integers(0, 12), _events)
def test_a_history_folds_the_same_in_two_parts(cut: int, events: list[PortfolioEvent]) -> None:
    history = [opened(), deposited(), *events]
    cut = 1 + cut % len(history)
    whole = Portfolio.from_events(history)
    assert after(Portfolio.from_events(history[:cut]), history[cut:]) == whole
    assert whole.version == len(history)


@given(_events)
def test_a_portfolio_does_not_depend_on_the_ambient_decimal_context(
    events: list[PortfolioEvent],
) -> None:
    expected = after(a_portfolio(), events)
    with localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = ROUND_UP
        assert after(a_portfolio(), events) == expected
        assert after(a_portfolio(), events).cash_in(USD).total == expected.cash_in(USD).total


def test_an_account_holds_less_than_ten_to_the_twentieth() -> None:
    portfolio = a_portfolio(cash="9" * 20 + ".99 USD")
    with pytest.raises(InvalidTransferError, match="can hold"):
        portfolio.deposit(Money("0.01", "USD"), at=NOON)
