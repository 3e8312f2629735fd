"""A bot that trades on paper over the same bars again and again: to be killed, and to be compared.

Run as a program, it goes on where the database stands and says the number of each bar it has done.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.builders import NOON
from traderbot.application.application import Application
from traderbot.application.bot_runner import BotRunner
from traderbot.application.commands.bots import StartBot
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.domain.strategies.strategy import (
    BaseStrategy,
    StrategyContext,
    StrategyResult,
    TickerData,
)

ORIGIN = Origin(actor=Actor("operator", "somebody", "test"))
AAPL = symbol("AAPL")
BARS = 40


@dataclass(frozen=True, slots=True)
class Cast:
    """Who trades."""

    owner: UserId
    portfolio: PortfolioId
    run: BotRunId


class Alternating(BaseStrategy):
    """Buys on every fourth bar and sells two bars later, as the volumes say."""

    window = 3

    def execute(self, ticker_data: TickerData, context: StrategyContext) -> StrategyResult:
        del context
        signal = {1000.0: "BUY", 1002.0: "SELL"}.get(ticker_data["volumes"][-1], "HOLD")
        return {"signal": signal, "confidence": 0.5, "reason": "as it was told"}  # type: ignore[typeddict-item]


def bars() -> list[Bar]:
    """Return hours in which the market wanders, always the same way."""
    made = []
    for hour in range(BARS):
        opened = Decimal(100) + Decimal((hour * 7) % 11) - 5
        made.append(
            Bar(
                symbol=AAPL,
                timeframe=Timeframe.H1,
                at=NOON + timedelta(hours=hour),
                open=Price(opened),
                high=Price(opened + 3),
                low=Price(opened - 3),
                close=Price(opened + (hour % 3) - 1),
                volume=Quantity(1000 + hour % 4),
            )
        )
    return made


def begin(bot: Traderbot) -> Cast:
    """Start a bot, and place orders by hand that wait for the market beside it."""
    run = bot.application.executor.run
    owner = bot.register_user("a@example.org", "correct horse battery staple")
    portfolio = bot.open_portfolio(owner, "paper", "100000 USD")
    started = run(
        StartBot(
            owner_id=UserId(owner.user_id),
            portfolio_id=PortfolioId(portfolio.portfolio_id),
            strategy="ALTERNATING",
            parameters={},
            symbol=AAPL,
            timeframe=Timeframe.H1,
            allocation=Decimal("0.05"),
        ),
        ORIGIN,
    )
    by_hand: list[dict[str, Any]] = [
        {"kind": OrderKind.LIMIT, "side": Side.BUY, "limit_price": Price(94)},
        {"kind": OrderKind.TRAILING_STOP, "side": Side.BUY, "trail": Price("4.5")},
        {"kind": OrderKind.LIMIT, "side": Side.BUY, "limit_price": Price(50)},
    ]
    for said in by_hand:
        ticket = Ticket(
            portfolio_id=PortfolioId(portfolio.portfolio_id),
            symbol=AAPL,
            quantity=Quantity(3),
            **said,
        )
        order = run(
            PlaceOrder(owner_id=UserId(owner.user_id), ticket=ticket, reference=Price(100)), ORIGIN
        )
        working = bot.application.views.working_order(OrderId(order.order_id))
        assert working is not None
        bot.application.venue.submit(working)
    return Cast(
        UserId(owner.user_id),
        PortfolioId(portfolio.portfolio_id),
        BotRunId(started.bot_run_id),
    )


def runner(application: Application, run: BotRunId, executor: CommandExecutor) -> BotRunner:
    """Return the runner of that run, as a start of the program makes it."""
    view = application.views.bot_run(None, run)
    assert view is not None
    return BotRunner(view, Alternating(), executor, application.venue, application.views)


def main(url: str, run: str) -> None:
    """Trade to the end."""
    with Traderbot.open(url) as bot:
        print("ready", flush=True)  # noqa: T201 - whoever kills it listens
        at_work = runner(bot.application, BotRunId(run), bot.application.executor)
        for number, bar in enumerate(bars()):
            at_work.on_bar(bar)
            print(number, flush=True)  # noqa: T201 - as above
    print("done", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main(*sys.argv[1:])
