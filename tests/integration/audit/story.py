"""A small history in which everything happens once, told to a database by the program itself.

Clock and ids are fixed, so it is the same to the last byte wherever it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from tests.builders import NOON, a_fill, a_ticket, an_observation, limits
from traderbot.application.commands.bots import DecideOnBar, StartBot, StopBot
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio, Withdraw
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.commands.users import DeactivateUser, RegisterUser
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.views import OrderView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import Ticket
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, symbol
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What there is at the end, by name."""

    events: int
    alice: UserId
    bob: UserId
    portfolio: PortfolioId
    bobs_portfolio: PortfolioId
    bot_run: BotRunId
    bought: OrderId  # in two parts
    sold_short: OrderId
    canceled: OrderId  # after a part of it was filled
    refused: OrderId
    coins: OrderId  # with a fee in another currency than the price
    bots_order: OrderId
    bobs_order: OrderId  # still working
    begins: datetime
    ends: datetime

    @property
    def orders(self) -> tuple[OrderId, ...]:
        """Every order."""
        return (
            self.bought,
            self.sold_short,
            self.canceled,
            self.refused,
            self.coins,
            self.bots_order,
            self.bobs_order,
        )


class Teller:
    """Runs commands, a minute after one another."""

    def __init__(self, url: str, begins: datetime = NOON, seed: str = "a story") -> None:
        self.clock = ReplayClock(begins)
        self.bot = Traderbot.open(
            url, limits=limits(), clock=self.clock, ids=SeededIds(seed, self.clock)
        )

    def tell(self, command: Command[R], by: str = "library") -> R:
        self.clock.move_to(self.clock.now() + timedelta(minutes=1))
        actor = Actor("operator" if by == "library" else "user", by, "test")
        return self.bot.run(command, origin=Origin(actor=actor))

    def user(self, email: str) -> UserId:
        return UserId(self.tell(RegisterUser(email=email, password_hash="hash")).user_id)

    def portfolio(self, owner: UserId, cash: str) -> PortfolioId:
        command = OpenPortfolio(owner_id=owner, name="savings", cash=Money.parse(cash))
        return PortfolioId(self.tell(command, owner).portfolio_id)

    def place(self, owner: UserId, ticket: Ticket) -> OrderId:
        return OrderId(self.tell(PlaceOrder(owner_id=owner, ticket=ticket), owner).order_id)

    def accept(self, order: OrderId) -> None:
        venue_order_id = f"paper-{order[-6:]}"
        command = RecordAcceptance(
            order_id=order, venue="paper", venue_order_id=venue_order_id, at=self.clock.now()
        )
        self.tell(command, "venue")

    def fill(self, order: OrderId, quantity: str, price: str, fee: str = "1 USD") -> OrderView:
        at = self.clock.now()  # the venue's time: a minute before it is recorded
        fill = a_fill(fill_id=f"{at:%H%M}", quantity=quantity, price=price, fee=fee, at=at)
        return self.tell(RecordFill(order_id=order, fill=fill), "venue")


def tell(url: str) -> Story:
    """Tell the story to a database, and close it."""
    teller = Teller(url)
    with teller.bot:
        return _tell(teller)


def _tell(teller: Teller) -> Story:
    alice, bob = teller.user("alice@example.org"), teller.user("bob@example.org")
    mine = teller.portfolio(alice, "100000 USD")
    bobs = teller.portfolio(bob, "5000 USD")

    def ticket(portfolio: PortfolioId, side: str, quantity: str, price: str, code: str) -> Ticket:
        wish = a_ticket(side=side, quantity=quantity, limit_price=price, symbol_code=code)
        return _in(portfolio, wish)

    bought = teller.place(alice, ticket(mine, "buy", "10", "100", "AAPL"))
    teller.accept(bought)
    teller.fill(bought, "4", "99.5")
    bobs_order = teller.place(bob, ticket(bobs, "buy", "1", "90", "AAPL"))
    teller.fill(bought, "6", "100")
    sold_short = teller.place(alice, ticket(mine, "sell", "3", "50.25", "MSFT"))
    teller.fill(sold_short, "3", "50.3")
    canceled = teller.place(alice, ticket(mine, "sell", "10", "120", "AAPL"))
    teller.fill(canceled, "2", "120.01")
    teller.tell(CancelOrder(owner_id=alice, order_id=canceled), alice)
    refused = teller.place(alice, ticket(mine, "buy", "1000", "100", "AAPL"))
    deposit = Deposit(owner_id=alice, portfolio_id=mine, amount=Money.parse("60000 USDT"))
    teller.tell(deposit, alice)
    coins = teller.place(alice, ticket(mine, "buy", "0.05", "60000.5", "BTC/USDT"))
    teller.fill(coins, "0.05", "59999.123456789", "0.00005 BTC")
    run, bots_order = _trade_with_a_bot(teller, alice, mine)
    withdrawal = Withdraw(owner_id=alice, portfolio_id=mine, amount=Money.parse("0.01 USD"))
    teller.tell(withdrawal, alice)
    teller.tell(DeactivateUser(user_id=bob, reason="asked"))
    return Story(
        events=teller.bot.audit.cut().size,
        alice=alice,
        bob=bob,
        portfolio=mine,
        bobs_portfolio=bobs,
        bot_run=run,
        bought=bought,
        sold_short=sold_short,
        canceled=canceled,
        refused=refused,
        coins=coins,
        bots_order=bots_order,
        bobs_order=bobs_order,
        begins=NOON,
        ends=teller.clock.now(),
    )


def _trade_with_a_bot(
    teller: Teller, owner: UserId, portfolio: PortfolioId
) -> tuple[BotRunId, OrderId]:
    start = StartBot(
        owner_id=owner,
        portfolio_id=portfolio,
        strategy="rsi_cross",
        parameters={"period": "14"},
        symbol=symbol("GOOG"),
        timeframe=Timeframe.H1,
        allocation=Decimal("0.1"),
    )
    run = BotRunId(teller.tell(start, owner).bot_run_id)
    hour = timedelta(hours=1)
    orders = []
    for number, signal in enumerate(("HOLD", "BUY", "SELL")):
        seen = an_observation(bar_at=NOON + number * hour, close="105", signal=signal)
        decision = teller.tell(DecideOnBar(bot_run_id=run, seen=seen), run)
        orders += [decision.order_id] if decision.order_id else []
    (order,) = orders  # the sell signal finds the buy still working
    teller.fill(OrderId(order), "50", "105.5")
    teller.tell(StopBot(owner_id=owner, bot_run_id=run, reason="asked"), owner)
    return run, OrderId(order)


def _in(portfolio: PortfolioId, wish: Ticket) -> Ticket:
    return Ticket(
        portfolio_id=portfolio,
        symbol=wish.symbol,
        side=wish.side,
        quantity=wish.quantity,
        kind=wish.kind,
        limit_price=wish.limit_price or Price("1"),
    )
