"""Two bots on real bars for a while, and everything else that can be recorded along the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from heapq import merge
from typing import Any

from traderbot.application.application import Application
from traderbot.application.bot_runner import BotRunner
from traderbot.application.commands.bots import (
    ChangeBotParameters,
    LeaseBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.corrections import CorrectCash
from traderbot.application.commands.market import RecordBars
from traderbot.application.commands.operations import DiscardParked, RecordEpoch
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import OpenPortfolio
from traderbot.application.commands.record_fill import RecordAcceptance
from traderbot.application.commands.users import RegisterUser
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import Acknowledged, WorkingOrder
from traderbot.application.ports.what_if import WhatIfAnswer
from traderbot.application.views import BotRunView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.bar_series import digest_of
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.order import PendingAmendment
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket, TimeInForce
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import USD, Money, Price, Quantity, symbol
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.brokers.paper_venue import Costs
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.market_data.sample_bars import sample_bars
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds
from traderbot.what_if.answer import answer
from traderbot.what_if.question import Terms, TermsChange, read_question

BARS = 400  # of each symbol
ORIGIN = Origin(actor=Actor("operator", "test", "test"))
IN_FORCE = Terms(limits=Limits(), costs=Costs())


@dataclass(frozen=True, slots=True)
class Traded:
    """A log, and the names of what is in it."""

    url: str
    portfolio: str
    runs: Mapping[str, str]  # by symbol


def ask(url: str, question: str = "{}", in_force: Terms = IN_FORCE) -> WhatIfAnswer:
    """Ask a log what would have happened."""
    engine = reader_engine(url)
    try:
        return answer(engine, SqlBarStore(engine), read_question(question), in_force)
    finally:
        engine.dispose()


def bars_of(code: str) -> list[Bar]:
    """Return the bars the bots trade on: both symbols begin on the same day."""
    first = sample_bars("GOOG")[0].at
    return [bar for bar in sample_bars(code) if bar.at >= first][:BARS]


def trade(
    url: str,
    *,
    parameters: Mapping[str, str] | None = None,
    terms: Terms = IN_FORCE,
    along_the_way: Callable[[int, Application, Traded, ReplayClock], None] | None = None,
) -> Traded:
    """Trade in an empty database. The same arguments make the same log, to the last byte."""
    series = {code: bars_of(code) for code in ("GOOG", "IBM")}
    clock = ReplayClock(series["GOOG"][0].at)
    ids = SeededIds("two bots", clock)
    with Traderbot.open(url, limits=terms.limits, costs=terms.costs, clock=clock, ids=ids) as bot:
        application = bot.application
        for bars in series.values():
            application.bars.add(bars)
        traded, runs = _begin(url, application, parameters or {"rsi_period": "14"})
        runners = {
            code: BotRunner(
                run,
                StrategyRegistry.create(run.strategy, run.parameters),
                application.executor,
                application.venue,
                application.views,
            )
            for code, run in runs.items()
        }
        closing = merge(*series.values(), key=lambda it: (it.at, it.symbol.code))
        for number, bar in enumerate(closing):
            clock.move_to(bar.closes_at)
            if along_the_way is not None:
                along_the_way(number, application, traded, clock)
            runners[bar.symbol.code].on_bar(bar)
        for run in runs.values():
            stop = StopBot(
                owner_id=UserId(run.owner_id), bot_run_id=BotRunId(run.bot_run_id), reason="done"
            )
            application.executor.run(stop, ORIGIN)
    return traded


def _begin(
    url: str, application: Application, parameters: Mapping[str, str]
) -> tuple[Traded, dict[str, BotRunView]]:
    run = application.executor.run
    owner = UserId(run(RegisterUser(email="a@example.org", password_hash="hash"), ORIGIN).user_id)
    opened = run(OpenPortfolio(owner_id=owner, name="bots", cash=Money("100000", "USD")), ORIGIN)
    runs = {
        code: run(
            StartBot(
                owner_id=owner,
                portfolio_id=PortfolioId(opened.portfolio_id),
                strategy="RSI_CROSS",
                parameters=parameters,
                symbol=symbol(code),
                timeframe=Timeframe.D1,
                allocation=Decimal("0.1"),
            ),
            ORIGIN,
        )
        for code in ("GOOG", "IBM")
    }
    ids = {code: each.bot_run_id for code, each in runs.items()}
    return Traded(url, opened.portfolio_id, ids), runs


class Diversions:
    """What an owner, an operator and a restart do between the bars, each once."""

    def __init__(self) -> None:
        self.by_hand: list[OrderId] = []
        self.refused: list[OrderId] = []
        self.canceled: list[OrderId] = []
        self.kinds: list[WorkingOrder] = []

    def __call__(
        self, number: int, application: Application, traded: Traded, clock: ReplayClock
    ) -> None:
        """Do what is to be done before the bar of that number."""
        run = application.executor.run
        portfolio_id = PortfolioId(traded.portfolio)
        view = application.views.portfolio(None, portfolio_id)
        assert view is not None
        owner = UserId(view.owner_id)

        def place(quantity: str, limit_price: str | None, code: str = "IBM") -> OrderId:
            ticket = Ticket(
                portfolio_id=portfolio_id,
                symbol=symbol(code),
                side=Side.BUY,
                quantity=Quantity(quantity),
                kind=OrderKind.LIMIT if limit_price else OrderKind.MARKET,
                limit_price=Price(limit_price) if limit_price else None,
            )
            return OrderId(run(PlaceOrder(owner_id=owner, ticket=ticket), ORIGIN).order_id)

        if number == 5:
            bars = bars_of("IBM")
            known = RecordBars(
                symbol=symbol("IBM"),
                timeframe=Timeframe.D1,
                first_at=bars[0].at,
                last_at=bars[-1].at,
                count=len(bars),
                digest=digest_of(bars),
                source="sample:IBM",
            )
            run(known, ORIGIN)
        if number == 10:
            self.by_hand.append(place("3", "95.5"))
            self.by_hand.append(place("2", None))
            for order_id in self.by_hand:  # as a restart does with everything that is open
                working = application.views.working_order(order_id)
                assert working is not None
                application.venue.submit(working)
        if number == 15:
            id_ = BotRunId(traded.runs["GOOG"])
            run(LeaseBot(bot_run_id=id_, holder="this process", known_fence=0), ORIGIN)
            run(PauseBot(owner_id=owner, bot_run_id=id_, reason="the news"), ORIGIN)
            run(ResumeBot(owner_id=owner, bot_run_id=id_, reason="it is over"), ORIGIN)
            other = {"rsi_period": "14", "oversold": "31"}
            change = ChangeBotParameters(
                owner_id=owner, bot_run_id=id_, parameters=other, reason="a trial"
            )
            run(change, ORIGIN)
        if number in (50, 52, 60):
            self._at_the_paper_venue(number, application, portfolio_id, owner)
        if number == 20:
            self.refused.append(place("100000", None, "GOOG"))
            self.refused.append(place("150", None, "GOOG"))
        if number == 30:
            self.canceled.append(place("1", "1"))
            run(CancelOrder(owner_id=owner, order_id=self.canceled[0]), ORIGIN)
        if number == 40:
            correction = CorrectCash(
                portfolio_id=portfolio_id, amount=Money("-1.5", "USD"), reason="booked twice"
            )
            run(correction, ORIGIN)
            self._operate(run)
        clock.move_to(clock.now() + timedelta(seconds=1))

    def _at_the_paper_venue(
        self, number: int, application: Application, portfolio_id: PortfolioId, owner: UserId
    ) -> None:
        """Let orders of all kinds meet the market, be changed and be asked back."""
        run, venue, views = application.executor.run, application.venue, application.views
        if number == 50:
            kinds: list[dict[str, Any]] = [
                {"limit_price": Price(1), "time_in_force": TimeInForce.DAY},
                {"limit_price": Price(1), "time_in_force": TimeInForce.FOK},
                {"limit_price": Price(1000), "post_only": True},
                {"limit_price": Price(2)},
                {"limit_price": Price(3)},
                {"kind": OrderKind.STOP, "stop_price": Price(1)},
                {"kind": OrderKind.TRAILING_STOP, "trail": Price(5)},
            ]
            for said in kinds:
                ticket = Ticket(
                    portfolio_id=portfolio_id,
                    symbol=symbol("IBM"),
                    side=Side.BUY,
                    quantity=Quantity(1),
                    **{"kind": OrderKind.LIMIT, **said},
                )
                placed = run(PlaceOrder(owner_id=owner, ticket=ticket), ORIGIN)
                working = views.working_order(OrderId(placed.order_id))
                assert working is not None
                answer = venue.submit(working)
                assert isinstance(answer, Acknowledged)
                self.kinds.append(working)
                accepted = RecordAcceptance(
                    order_id=working.order_id,
                    venue=venue.name,
                    venue_order_id=answer.order.venue_order_id,
                    at=application.clock.now(),
                )
                run(accepted, ORIGIN)
        nothing = Money.zero(USD)
        if number == 52:
            amendment = PendingAmendment(
                quantity=Quantity(1),
                limit_price=Price("2.5"),
                stop_price=None,
                reserved_more=nothing,
                reserved_spare=nothing,
                closing_more=Quantity(0),
                closing_spare=Quantity(0),
            )
            assert isinstance(
                venue.amend(replace(self.kinds[3], amendment=amendment)), Acknowledged
            )
        if number == 60:
            run(CancelOrder(owner_id=owner, order_id=self.kinds[4].order_id), ORIGIN)

    @staticmethod
    def _operate(run: Callable[..., Any]) -> None:
        epoch = RecordEpoch(
            epoch=2,
            origin="log/epoch-2",
            reason="restored",
            size=1,
            root="ab" * 32,
            published_size=2,
            published_root="cd" * 32,
        )
        run(epoch, ORIGIN)
        parked = DiscardParked(
            subscription="profit",
            log_index=1,
            event_id="0192f0c1-0000-7000-8000-0000000000e1",
            reason="of no use",
        )
        run(parked, ORIGIN)


def change(**values: Any) -> TermsChange:
    """Return terms to put in the place of others, amounts as text."""
    limits = {name: Decimal(value) for name, value in values.pop("limits", {}).items()}
    return TermsChange(limits=limits, **{name: Decimal(it) for name, it in values.items()})


def events_of(url: str) -> list[dict[str, Any]]:
    """Return the bodies of all events."""
    engine = reader_engine(url)
    with snapshot(engine) as reader:
        found = [json.loads(body) for rows in reader.bodies() for _, _, body in rows]
    engine.dispose()
    return found


def beginnings(url: str) -> list[int]:
    """Return the indices at which a command's events begin."""
    commands = [event["command_id"] for event in events_of(url)]
    return [
        index
        for index, command in enumerate(commands)
        if index == 0 or commands[index - 1] != command
    ]
