from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import (
    NOON,
    USER_ID,
    a_fill,
    a_portfolio,
    a_ticket,
    after,
    booked,
    corrected,
    deposited,
    limits,
    opened,
    released,
    reserved,
    trade,
    withdrawn,
)
from traderbot.domain.orders.events import OrderApproved, OrderCanceled, OrderEvent, OrderFilled
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    FillBooked,
    PortfolioEvent,
)
from traderbot.domain.portfolio.ledger import (
    COLLATERAL,
    CORRECTIONS,
    DEPOSITS,
    FEES,
    FREE,
    PROFIT,
    RESERVED,
    Posting,
    imbalance,
    postings,
)
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.review import review
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Money, Price, Quantity, currency, symbol


def _entry(event: PortfolioEvent) -> dict[str, str]:
    return {posting.account: str(posting.amount) for posting in postings(event)}


def test_opening_a_portfolio_moves_nothing() -> None:
    assert postings(opened()) == ()


def test_a_deposit_goes_from_the_owner_to_free_cash() -> None:
    assert _entry(deposited("10 USD")) == {DEPOSITS: "-10 USD", FREE: "10 USD"}


def test_a_withdrawal_goes_from_free_cash_to_the_owner() -> None:
    assert _entry(withdrawn("10 USD")) == {FREE: "-10 USD", DEPOSITS: "10 USD"}


def test_a_reservation_goes_from_free_to_reserved_and_back() -> None:
    assert _entry(reserved("10 USD")) == {FREE: "-10 USD", RESERVED: "10 USD"}
    assert _entry(released("10 USD")) == {RESERVED: "-10 USD", FREE: "10 USD"}


def test_an_order_that_needs_no_cash_leaves_no_line() -> None:
    assert postings(reserved("0 USD", closing="5")) == ()


def test_a_purchase_turns_reserved_cash_into_a_position_and_a_fee() -> None:
    portfolio = after(a_portfolio(), [reserved("1050 USD")])
    event = booked(portfolio, quantity="10", price="100", fee="1 USD", used="1050 USD")
    assert _entry(event) == {
        FREE: "49 USD",
        RESERVED: "-1050 USD",
        "position:AAPL": "1000 USD",
        FEES: "1 USD",
    }


def test_a_sale_turns_a_position_into_cash_and_profit() -> None:
    portfolio = trade(a_portfolio(), "buy", "10", "100")
    event = booked(portfolio, side="sell", quantity="4", price="130", fee="1 USD")
    assert _entry(event) == {
        FREE: "519 USD",
        "position:AAPL": "-400 USD",
        PROFIT: "-120 USD",
        FEES: "1 USD",
    }


def test_a_correction_is_booked_against_an_account_of_its_own() -> None:
    assert _entry(corrected("7 USD")) == {CORRECTIONS: "-7 USD", FREE: "7 USD"}
    assert _entry(corrected("-7 USD")) == {CORRECTIONS: "7 USD", FREE: "-7 USD"}


def test_a_short_sale_locks_collateral() -> None:
    event = booked(a_portfolio(), side="sell", quantity="10", price="100")
    assert _entry(event) == {
        FREE: "-1000 USD",
        COLLATERAL: "2000 USD",
        "position:AAPL": "-1000 USD",
    }


def test_a_fee_in_another_currency_balances_in_that_currency() -> None:
    event = booked(a_portfolio(), quantity="10", price="100", fee="0.01 BNB")
    lines = postings(event)
    assert imbalance(lines) == {}
    assert Posting(FREE, Money("-0.01", "BNB")) in lines
    assert Posting(FEES, Money("0.01", "BNB")) in lines


def test_an_entry_that_does_not_balance_says_by_how_much() -> None:
    lines = [
        Posting(FREE, Money("10", "USD")),
        Posting(DEPOSITS, Money("-9.99", "USD")),
        Posting(FREE, Money("-0.01", "EUR")),
        Posting(FREE, Money("3", "BTC")),
        Posting(DEPOSITS, Money("-3", "BTC")),
    ]
    assert imbalance(lines) == {
        currency("USD"): Money("0.01", "USD"),
        currency("EUR"): Money("-0.01", "EUR"),
    }
    assert imbalance([]) == {}


# --- laws -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Transfer:
    """So many hundredths in, or out when below zero and as far as there is enough."""

    hundredths: int
    code: str


@dataclass(frozen=True)
class Correction:
    """So many hundredths to be put right, as far as there is enough."""

    hundredths: int
    code: str


@dataclass(frozen=True)
class Wish:
    """A new order, which the gate lets pass whatever it costs."""

    symbol_code: str
    side: str
    quantity: str
    price: str
    is_limit: bool


@dataclass(frozen=True)
class Trade:
    """The venue trades so many tenths of one of the orders: at 12, more than was asked."""

    order: int
    tenths: int
    price: str
    fee: str


@dataclass(frozen=True)
class Cancel:
    """One of the orders is canceled, if it still can be."""

    order: int


Step = Transfer | Correction | Wish | Trade | Cancel

_prices = st.integers(1, 10**8).map(lambda units: plain(Decimal(units).scaleb(-6)))
_quantities = st.integers(1, 10**7).map(lambda units: plain(Decimal(units).scaleb(-6)))
_codes = st.sampled_from(["USD", "USDT"])
_fees = st.tuples(st.integers(-20, 500), st.sampled_from(["USD", "USDT", "BNB"])).map(
    lambda fee: f"{plain(Decimal(fee[0]).scaleb(-4))} {fee[1]}"
)
_steps = st.lists(
    st.one_of(
        st.builds(Transfer, st.integers(-(10**7), 10**7), _codes),
        st.builds(Correction, st.integers(-(10**7), 10**7), _codes),
        st.builds(
            Wish,
            st.sampled_from(["AAPL", "BTC/USDT"]),
            st.sampled_from(["buy", "sell"]),
            _quantities,
            _prices,
            st.booleans(),
        ),
        st.builds(Trade, st.integers(0, 9), st.integers(1, 12), _prices, _fees),
        st.builds(Trade, st.integers(0, 9), st.just(10), _prices, _fees),
        st.builds(Cancel, st.integers(0, 9)),
    ),
    min_size=1,
    max_size=20,
)


@dataclass
class Desk:
    """A portfolio and its orders, driven as the program drives them."""

    portfolio: Portfolio = field(default_factory=lambda: a_portfolio(cash=""))
    orders: list[Order] = field(default_factory=list)
    fills: int = 0

    def take(self, step: Step) -> tuple[PortfolioEvent, ...]:
        """Return what the step leads to, and stand after it."""
        events = self._decide(step)
        self.portfolio = after(self.portfolio, events)
        return events

    def _decide(self, step: Step) -> tuple[PortfolioEvent, ...]:
        match step:
            case Transfer():
                return self._transfer(step)
            case Correction():
                return self._correct(step)
            case Wish():
                return self._place(step)
            case Trade() if self.orders:
                return self._fill(step)
            case Cancel() if self.orders:
                return self._cancel(step.order % len(self.orders))
            case _:
                return ()

    def _transfer(self, step: Transfer) -> tuple[PortfolioEvent, ...]:
        if step.hundredths > 0:
            amount = Money(Decimal(step.hundredths).scaleb(-2), step.code)
            return self.portfolio.deposit(amount, at=NOON)
        asked = Money(Decimal(-step.hundredths).scaleb(-2), step.code)
        amount = min(asked, self.portfolio.cash_in(asked.currency).free)
        return self.portfolio.withdraw(amount, at=NOON) if amount > Money(0, step.code) else ()

    def _correct(self, step: Correction) -> tuple[PortfolioEvent, ...]:
        asked = Money(Decimal(step.hundredths).scaleb(-2), step.code)
        amount = max(asked, -self.portfolio.cash_in(asked.currency).free)
        return self.portfolio.correct(amount, "law", at=NOON) if amount == asked and amount else ()

    def _place(self, step: Wish) -> tuple[PortfolioEvent, ...]:
        ticket = a_ticket(
            side=step.side,
            quantity=step.quantity,
            symbol_code=step.symbol_code,
            limit_price=step.price if step.is_limit else None,
        )
        verdict = review(ticket, self.portfolio, Price(step.price), limits(), policies=())
        name = OrderId(f"0192f0c1-0000-7000-8000-{len(self.orders):012d}")
        events = Order.place(name, USER_ID, verdict, at=NOON)
        self.orders.append(Order.from_events(events))
        (approval,) = (event for event in events if isinstance(event, OrderApproved))
        return self.portfolio.reserve(ticket, approval)

    def _fill(self, step: Trade) -> tuple[PortfolioEvent, ...]:
        number = step.order % len(self.orders)
        order = self.orders[number]
        tenths = Decimal(step.tenths).scaleb(-1)
        quantity = Quantity(order.ticket.quantity.value * tenths)
        fill = a_fill(
            fill_id=f"fill-{self.fills}",
            quantity=str(order.remaining or quantity) if step.tenths == 10 else str(quantity),
            price=step.price,
            fee=step.fee,
        )
        self.fills += 1
        (event,) = self._heard(number, order.record_fill(fill))
        assert isinstance(event, OrderFilled)
        return self.portfolio.book(order.ticket, event)

    def _cancel(self, number: int) -> tuple[PortfolioEvent, ...]:
        order = self.orders[number]
        if order.status is OrderStatus.FILLED:
            return ()
        released_by: tuple[PortfolioEvent, ...] = ()
        for event in self._heard(number, order.cancel("asked", at=NOON)):
            assert isinstance(event, OrderCanceled)
            released_by += self.portfolio.release(order.ticket, event)
        return released_by

    def _heard(self, number: int, events: tuple[OrderEvent, ...]) -> tuple[OrderEvent, ...]:
        self.orders[number] = after(self.orders[number], events)
        return events


Books = dict[tuple[str, str], Fraction]


def _books(lines: Iterable[tuple[str, Money]]) -> Books:
    """Return the sum of each account in each currency, leaving out those that hold nothing."""
    sums: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for account, money in lines:
        sums[account, money.currency.code] += Fraction(money.amount)
    return {key: held for key, held in sums.items() if held}


def _as_the_ledger_says(history: Sequence[PortfolioEvent]) -> Books:
    return _books((line.account, line.amount) for event in history for line in postings(event))


def _as_the_portfolio_says(portfolio: Portfolio, history: Sequence[PortfolioEvent]) -> Books:
    lines: list[tuple[str, Money]] = []
    for cash in portfolio.cash.values():
        lines += [(FREE, cash.free), (RESERVED, cash.reserved), (COLLATERAL, cash.collateral)]
    for held in portfolio.positions.values():
        lines += [(f"position:{held.symbol}", held.cost), (PROFIT, -held.realised)]
    # Neither is kept in the portfolio: one is between it and its owner, one is gone.
    for event in history:
        match event:
            case CashDeposited(amount=amount):
                lines.append((DEPOSITS, -amount))
            case CashWithdrawn(amount=amount):
                lines.append((DEPOSITS, amount))
            case CashCorrected(amount=amount):
                lines.append((CORRECTIONS, -amount))
            case FillBooked(fee=fee):
                lines.append((FEES, fee))
            case _:
                pass
    return _books(lines)


@given(_steps)
def test_every_entry_balances_in_every_currency(steps: list[Step]) -> None:
    desk = Desk()
    for step in steps:
        for event in desk.take(step):
            lines = postings(event)
            assert imbalance(lines) == {}
            assert all(line.amount for line in lines)


@given(_steps)
def test_after_every_event_the_ledger_says_what_the_portfolio_says(steps: list[Step]) -> None:
    desk, history = Desk(), list[PortfolioEvent]()
    for step in steps:
        history += desk.take(step)
        assert _as_the_ledger_says(history) == _as_the_portfolio_says(desk.portfolio, history)
    assert after(a_portfolio(cash=""), history) == desk.portfolio


@given(_steps)
def test_after_every_event_free_reserved_and_collateral_are_all_there_is(
    steps: list[Step],
) -> None:
    desk, came_in = Desk(), defaultdict[str, Fraction](Fraction)
    for step in steps:
        for event in desk.take(step):
            for money in _flow(event):
                came_in[money.currency.code] += Fraction(money.amount)
        for code, cash in desk.portfolio.cash.items():
            assert cash.free + cash.reserved + cash.collateral == cash.total
            assert Fraction(cash.total.amount) == came_in[code.code]


def _flow(event: PortfolioEvent) -> tuple[Money, ...]:
    """Return what came into the portfolio's cash, or left it when below zero."""
    match event:
        case CashDeposited(amount=amount) | CashCorrected(amount=amount):
            return (amount,)
        case CashWithdrawn(amount=amount):
            return (-amount,)
        case FillBooked(notional=notional, fee=fee, side=side):
            return (-notional if side is Side.BUY else notional, -fee)
        case _:
            return ()


@given(_steps)
def test_what_a_portfolio_has_set_aside_is_what_its_orders_have_set_aside(
    steps: list[Step],
) -> None:
    desk = Desk()
    for step in [*steps, *(Cancel(number) for number in range(len(steps)))]:
        desk.take(step)
        for code, cash in desk.portfolio.cash.items():
            theirs = (order.reserved for order in desk.orders)
            assert cash.reserved == sum(
                (money for money in theirs if money.currency == code), start=Money.zero(code)
            )
        for name in (symbol("AAPL"), symbol("BTC/USDT")):
            theirs_too = (order.closing for order in desk.orders if order.ticket.symbol == name)
            assert desk.portfolio.position_in(name).claimed == sum(theirs_too, start=Quantity(0))
    # All is canceled or filled now: nothing may stay behind.
    assert all(not cash.reserved for cash in desk.portfolio.cash.values())
    assert all(not held.claimed for held in desk.portfolio.positions.values())


@settings(max_examples=50)
@given(_steps)
def test_no_entry_depends_on_the_ambient_decimal_context(steps: list[Step]) -> None:
    desk, history = Desk(), list[PortfolioEvent]()
    for step in steps:
        history += desk.take(step)
    expected = [postings(event) for event in history]
    with localcontext() as ambient:
        ambient.prec = 5
        ambient.rounding = ROUND_UP
        assert [postings(event) for event in history] == expected
        assert all(imbalance(lines) == {} for lines in expected)
        assert after(a_portfolio(cash=""), history) == desk.portfolio
