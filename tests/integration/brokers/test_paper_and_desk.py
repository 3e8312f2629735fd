"""The trading desk at the paper venue: a venue like any other, that cannot be told from one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.builders import NOON
from tests.integration.brokers.paper_trading import AAPL, ORIGIN, bars, begin, runner
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.views import OrderView, PortfolioView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.shared.ids import OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import USD, Price, Quantity
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.infrastructure.repeatable import ReplayClock


@dataclass(frozen=True, slots=True)
class Stage:
    """A program, a portfolio in it, and the desk that trades on paper for it."""

    bot: Traderbot
    clock: ReplayClock
    owner: UserId
    portfolio: PortfolioId
    desk: TradingDesk

    @property
    def venue(self) -> PaperVenue:
        found = self.bot.application.venue
        assert isinstance(found, PaperVenue)
        return found

    def place(self, **said: Any) -> OrderId:
        ticket = Ticket(
            portfolio_id=self.portfolio,
            symbol=AAPL,
            **{"side": Side.BUY, "kind": OrderKind.MARKET, "quantity": Quantity(5), **said},
        )
        command = PlaceOrder(owner_id=self.owner, ticket=ticket, reference=Price(100))
        return OrderId(self.bot.application.executor.run(command, ORIGIN).order_id)

    def order(self, order_id: OrderId) -> OrderView:
        found = self.bot.application.views.order(None, order_id)
        assert found is not None
        return found

    def books(self) -> PortfolioView:
        return self.bot.portfolio(self.portfolio)

    def events(self) -> int:
        return self.bot.application.audit.verify().events

    def hour(self, number: int, *, high: str = "105", low: str = "95") -> None:
        """Show the venue the bar of an hour, and let the desk hear of it."""
        bar = Bar(
            symbol=AAPL,
            timeframe=Timeframe.H1,
            at=NOON + timedelta(hours=number),
            open=Price(100),
            high=Price(high),
            low=Price(low),
            close=Price(100),
            volume=Quantity(1000),
        )
        self.clock.move_to(bar.closes_at)
        self.venue.on_bar(bar)
        self.desk.look()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    clock = ReplayClock(NOON)
    with Traderbot.open(f"sqlite:///{tmp_path / 'paper.db'}", clock=clock) as bot:
        owner = bot.register_user("a@example.org", "correct horse battery staple")
        portfolio = bot.open_portfolio(owner, "paper", "100000 USD")
        application = bot.application
        desk = TradingDesk(application.executor, application.views, application.venue, clock)
        desk.look()
        with application.venue.follow(desk.hear):
            yield Stage(
                bot,
                clock,
                UserId(owner.user_id),
                PortfolioId(portfolio.portfolio_id),
                desk,
            )


def test_an_order_goes_out_is_traded_and_is_booked(stage: Stage) -> None:
    order_id = stage.place()
    stage.desk.look()
    assert stage.order(order_id).status == "accepted"
    stage.hour(0)
    order = stage.order(order_id)
    assert (order.status, order.average_price) == ("filled", "100.05")
    (cash,) = stage.books().balances
    assert Decimal(100_000) + stage.venue.balances()[USD] == Decimal(cash.total)


def test_a_second_comparison_of_the_books_records_nothing(stage: Stage) -> None:
    stage.place()
    stage.place(kind=OrderKind.LIMIT, limit_price=Price(90))
    stage.desk.look()
    stage.hour(0)
    found = stage.desk.reconcile()
    before = stage.events()
    again = stage.desk.reconcile()
    assert (found.complete, found.alarms, again.alarms) == (True, 0, 0)
    assert stage.events() == before


def test_what_was_traded_while_nobody_listened_is_found(stage: Stage) -> None:
    order_id = stage.place()
    stage.desk.look()
    application = stage.bot.application
    deaf = PaperVenue(
        WritingPaperDesk(application.executor), stage.venue.books, stage.clock, stage.venue.model
    )
    stage.clock.move_to(NOON + timedelta(hours=1))
    assert deaf.on_bar(replace(bars()[0], volume=Quantity(5)))
    assert stage.order(order_id).status == "accepted"
    restarted = TradingDesk(application.executor, application.views, deaf, stage.clock)
    restarted.look()
    assert stage.order(order_id).status == "filled"


def test_an_order_is_asked_back_and_ends_where_the_venue_says(stage: Stage) -> None:
    order_id = stage.place(kind=OrderKind.LIMIT, limit_price=Price(90))
    stage.desk.look()
    stage.bot.run(CancelOrder(owner_id=stage.owner, order_id=order_id))
    assert stage.order(order_id).status == "pending_cancel"
    stage.desk.look()
    assert stage.order(order_id).status == "canceled"
    assert stage.venue.open_orders() == []


def test_orders_that_end_by_themselves_end_in_the_books_too(stage: Stage) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "rejected": {"kind": OrderKind.LIMIT, "limit_price": Price(101), "post_only": True},
        "canceled": {
            "kind": OrderKind.LIMIT,
            "limit_price": Price(90),
            "time_in_force": TimeInForce.IOC,
        },
        "expired": {
            "kind": OrderKind.LIMIT,
            "limit_price": Price(91),
            "time_in_force": TimeInForce.DAY,
        },
    }
    ids = {status: stage.place(**said) for status, said in kinds.items()}
    stage.desk.look()
    stage.hour(0)
    stage.hour(12)
    assert {status: stage.order(id_).status for status, id_ in ids.items()} == {
        status: status for status in kinds
    }
    (cash,) = stage.books().balances
    assert cash.reserved == "0"


def test_a_bots_runner_and_the_desk_book_each_trade_once_together(tmp_path: Path) -> None:
    clock = ReplayClock(NOON)
    with Traderbot.open(f"sqlite:///{tmp_path / 'both.db'}", clock=clock) as bot:
        application, cast = bot.application, begin(bot)
        desk = TradingDesk(application.executor, application.views, application.venue, clock)
        at_work = runner(application, cast.run, application.executor)
        with application.venue.follow(desk.hear):
            for bar in bars():
                desk.look()
                at_work.on_bar(bar)
                clock.move_to(bar.closes_at)
            desk.look()
        desk.reconcile()
        booked = application.views.trades(None, cast.portfolio, limit=200).items
        traded = application.venue.trades(AAPL)
        assert len(booked) == len(traded) > 20
        portfolio = bot.portfolio(cast.portfolio)
        (cash,) = portfolio.balances
        assert Decimal(100_000) + application.venue.balances()[USD] == Decimal(cash.total)
        assert not application.audit.verify().findings
        assert not application.audit.diff().differences
