"""Exits and changes with a real desk at the paper venue, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.builders import NOON
from traderbot.application.commands.amend_order import AmendmentView, AmendOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.views import OrderFilter
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.views import OrderView, PortfolioView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import Exits, OrderKind, Side, Ticket
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.infrastructure.repeatable import ReplayClock

AAPL = symbol("AAPL")
ORIGIN = Origin(actor=Actor("user", "somebody", "test"))
_EXITS = Exits(take_profit=Price(110), stop_loss=Price(90))


@dataclass(frozen=True, slots=True)
class Stage:
    """A program with one portfolio, and a desk that trades for it on paper."""

    bot: Traderbot
    clock: ReplayClock
    owner: UserId
    portfolio: PortfolioId
    venue: PaperVenue
    desk: TradingDesk

    def enter(self, **said: Any) -> OrderId:
        """Buy ten with exits, at the venue."""
        wish = {"side": Side.BUY, "kind": OrderKind.MARKET, "exits": _EXITS, **said}
        ticket = Ticket(portfolio_id=self.portfolio, symbol=AAPL, quantity=Quantity(10), **wish)
        command = PlaceOrder(owner_id=self.owner, ticket=ticket, reference=Price(100))
        order = self.bot.application.executor.run(command, ORIGIN)
        assert order.status == "approved", order.reasons
        self.desk.look()
        return OrderId(order.order_id)

    def amend(self, order: OrderView, **said: Any) -> AmendmentView:
        command = AmendOrder(owner_id=self.owner, order_id=OrderId(order.order_id), **said)
        return self.bot.application.executor.run(command, ORIGIN)

    def hour(self, number: int, *, high: str, low: str, volume: str = "100000") -> None:
        """Show the venue the bar of an hour; the desk hears of it, and does what is to be done."""
        bar = Bar(
            symbol=AAPL,
            timeframe=Timeframe.H1,
            at=NOON + timedelta(hours=number),
            open=Price(100),
            high=Price(high),
            low=Price(low),
            close=Price(100),
            volume=Quantity(volume),
        )
        self.clock.move_to(bar.closes_at)
        self.venue.on_bar(bar)
        for _ in range(3):
            self.desk.look()

    def orders(self) -> list[OrderView]:
        page = self.bot.application.views.orders(OrderFilter(portfolio_id=self.portfolio))
        return sorted(page.items, key=lambda it: it.order_id)

    def exits(self) -> dict[str, OrderView]:
        return {it.type: it for it in self.orders() if it.parent_id is not None}

    def books(self) -> PortfolioView:
        return self.bot.portfolio(self.portfolio)

    def held(self) -> str:
        (position,) = self.books().positions
        return position.quantity

    def assert_nothing_is_left(self) -> None:
        """Nothing held, set aside or working, and the log agrees with the rows."""
        (cash,) = self.books().balances
        assert (self.held(), cash.reserved, cash.collateral) == ("0", "0", "0")
        audit = self.bot.application.audit
        assert not audit.verify().findings
        assert not audit.diff().differences
        assert not self.bot.application.views.working_orders()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    clock = ReplayClock(NOON)
    with Traderbot.open(f"sqlite:///{tmp_path / 'exits.db'}", clock=clock) as bot:
        owner = bot.register_user("a@example.org", "correct horse battery staple")
        portfolio = bot.open_portfolio(owner, "paper", "100000 USD")
        application = bot.application
        shipped = application.venue
        assert isinstance(shipped, PaperVenue)
        # It trades a tenth of a bar's volume at most, so that orders can be filled in parts.
        model = replace(shipped.model, participation=Decimal("0.1"))
        venue = PaperVenue(WritingPaperDesk(application.executor), shipped.books, clock, model)
        desk = TradingDesk(
            application.executor,
            application.views,
            venue,
            clock,
            monotonic=lambda: (
                clock.now().timestamp()
            ),  # so that the desk is as patient as the clock
        )
        desk.look()
        with venue.follow(desk.hear):
            yield Stage(
                bot, clock, UserId(owner.user_id), PortfolioId(portfolio.portfolio_id), venue, desk
            )


def test_a_fills_exits_go_to_the_venue(stage: Stage) -> None:
    stage.enter()
    stage.hour(0, high="105", low="95")
    exits = stage.exits()
    assert {kind: it.status for kind, it in exits.items()} == {
        "stop": "accepted",
        "limit": "accepted",
    }
    assert stage.held() == "10"


@pytest.mark.parametrize(
    ("high", "low", "hit", "other"),
    [("115", "95", "limit", "stop"), ("105", "85", "stop", "limit")],
)
def test_one_exit_is_traded_and_the_other_one_ends(
    high: str, low: str, hit: str, other: str, stage: Stage
) -> None:
    stage.enter()
    stage.hour(0, high="105", low="95")
    stage.hour(1, high=high, low=low)
    exits = stage.exits()
    assert (exits[hit].status, exits[other].status) == ("filled", "canceled")
    stage.assert_nothing_is_left()


def test_exits_that_trade_in_parts_never_close_too_much(stage: Stage) -> None:
    stage.enter()
    stage.hour(0, high="105", low="95")
    for number in range(1, 4):
        stage.hour(number, high="115", low="95", volume="20")
    exits = stage.exits()
    assert 0 < Decimal(exits["limit"].filled) < 10
    assert exits["stop"].remaining == exits["limit"].remaining == stage.held()
    stage.hour(5, high="105", low="80")
    assert stage.exits()["limit"].status == "canceled"
    stage.assert_nothing_is_left()


def test_a_stop_is_moved_while_the_venue_has_it(stage: Stage) -> None:
    stage.enter()
    stage.hour(0, high="105", low="95")
    assert stage.amend(stage.exits()["stop"], stop_price=Price(97)).outcome == "requested"
    stage.desk.look()
    stage.desk.look()
    assert stage.exits()["stop"].stop_price == "97"
    stage.hour(1, high="105", low="96")
    assert stage.exits()["stop"].status == "filled"
    stage.assert_nothing_is_left()


def test_an_order_is_made_smaller_while_the_venue_has_it(stage: Stage) -> None:
    stage.enter(kind=OrderKind.LIMIT, limit_price=Price(90), exits=None)
    (order,) = stage.orders()
    asked = stage.amend(order, quantity=Quantity(4), limit_price=Price(96))
    assert asked.outcome == "requested"
    stage.desk.look()
    stage.desk.look()
    (order,) = stage.orders()
    assert (order.quantity, order.limit_price) == ("4", "96")
    stage.hour(0, high="105", low="95")
    (order,) = stage.orders()
    assert (order.status, stage.held()) == ("filled", "4")
    (cash,) = stage.books().balances
    assert cash.reserved == "0"
