"""A bot at work: bars come in, fills are recorded, the strategy speaks, decisions are recorded.

The steps on every closed bar, each a command of its own and each safe to repeat after a crash:
let the venue trade what was working and record that, let the strategy see the bar, record the
decision and perhaps an order, hand an approved order to the venue. A runner that begins, or that
was interrupted, first asks the venue what became of the orders that are open here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from traderbot.application.commands.bots import DecideOnBar
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.application.errors import VenueUnavailableError
from traderbot.application.observing import Observer
from traderbot.application.ports.bar_venue import BarNews, BarVenue, StopReached
from traderbot.application.ports.commands import CommandExecutor, IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import (
    Acknowledged,
    Denied,
    NotSent,
    Unclear,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.application.trading.hearing import order_id_of
from traderbot.application.views import BotRunView, DecisionView
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import BotRunId, FillId, OrderId, UserId
from traderbot.domain.strategies.strategy import BaseStrategy

_ENDS = {
    VenueStatus.CANCELED: Heard.CANCELED,
    VenueStatus.EXPIRED: Heard.EXPIRED,
    VenueStatus.REJECTED: Heard.REJECTED,
}


class Submissions(Protocol):
    """Finds what the venue must know about an approved order."""

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return the order if the venue should have it."""
        ...

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return every order that a venue should have, oldest first."""
        ...


class BotRunner:
    """Runs one bot run over bars, in the order they close."""

    def __init__(
        self,
        run: BotRunView,
        strategy: BaseStrategy,
        executor: CommandExecutor,
        venue: BarVenue,
        submissions: Submissions,
    ) -> None:
        """Begin before the first bar; for a run that has decided already, feed its bars again.

        Bars it has decided on are only looked at: the idempotency key gives the old decision back.
        """
        self._run = run
        self._observer = Observer(
            BotRunId(run.bot_run_id), UserId(run.owner_id), run.timeframe, strategy
        )
        self._executor = executor
        self._venue = venue
        self._submissions = submissions
        self._actor = Actor("bot", run.bot_run_id, "runner")
        self._behind = True
        self._decided: tuple[datetime, DecisionView] | None = None

    def on_bar(self, bar: Bar) -> DecisionView:
        """Take in one closed bar and return what was decided on it.

        Raises:
            ExternalError: something is away; bring the same bar again.
        """
        self._meet(bar)
        if self._decided is None or self._decided[0] != bar.at:
            self._decided = bar.at, self._decide(bar)
        decision = self._decided[1]
        if decision.order_id is not None and decision.blocking_code is None:
            self._submit(OrderId(decision.order_id), bar)
        return decision

    def _decide(self, bar: Bar) -> DecisionView:
        seen = self._observer.look(bar)
        decision = self._executor.run(
            DecideOnBar(bot_run_id=BotRunId(self._run.bot_run_id), seen=seen),
            self._origin(IdempotencyKey(f"bot:{self._run.bot_run_id}", bar.at.isoformat())),
        )
        # Only now: a bar that could not be decided on is asked about again, with the same inputs.
        self._observer.keep(bar)
        return decision

    def _meet(self, bar: Bar) -> None:
        """Let the venue trade the bar, and record all that came of it."""
        if self._behind:
            self._catch_up(bar)
        self._behind = True  # until everything the venue says of this bar is recorded
        self._ask_back(bar)
        for news in self._venue.on_bar(bar, self._origin()):
            self._record(news)
        self._behind = False

    def _catch_up(self, bar: Bar) -> None:
        """Find what the venue did, and nobody recorded: whoever should have was interrupted."""
        for order in self._submissions.working_orders():
            if order.ticket.symbol == bar.symbol and order.venue in (None, self._venue.name):
                found = self._venue.find(order)
                if isinstance(found, Acknowledged):
                    self._take(order, found.order)

    def _ask_back(self, bar: Bar) -> None:
        # The log knows what is working; others may have canceled meanwhile, here or elsewhere.
        for order_id in self._venue.working(bar.symbol):
            order = self._submissions.working_order(order_id)
            if order is None:
                self._venue.forget(order_id, bar.symbol)
            elif order.cancel_requested:
                answer = self._venue.cancel(order)
                if isinstance(answer, Acknowledged):
                    self._take(order, answer.order)

    def _take(self, order: WorkingOrder, theirs: VenueOrder) -> None:
        """Record how an order stands there: what it traded first, and then that it ended."""
        if theirs.filled > order.filled:
            for trade in self._venue.trades(theirs.symbol):
                if trade.client_order_id == theirs.client_order_id:
                    self._record(trade)
        if theirs.status in _ENDS:
            self._record(theirs)

    def _record(self, news: BarNews) -> None:
        match news:
            case VenueTrade():
                self._fill(news)
            case VenueOrder():
                self._end(news)
            case StopReached():
                self._answer(
                    RecordVenueAnswer(
                        order_id=news.order_id,
                        venue=self._venue.name,
                        call="stream",
                        heard=Heard.TRIGGERED,
                        at=news.at,
                        price=news.price,
                    )
                )

    def _fill(self, trade: VenueTrade) -> None:
        order_id = order_id_of(trade.client_order_id)
        if order_id is None:
            return
        venue = self._venue
        fill = Fill(
            id=FillId(f"{venue.name}:{venue.account}:{trade.trade_id}"),
            at=trade.at,
            quantity=trade.quantity,
            price=trade.price,
            fee=trade.fee,
        )
        self._executor.run(
            RecordFill(
                order_id=order_id,
                fill=fill,
                venue=venue.name,
                venue_order_id=trade.venue_order_id,
            ),
            self._origin(),
        )

    def _end(self, order: VenueOrder) -> None:
        order_id, heard = order_id_of(order.client_order_id), _ENDS.get(order.status)
        if order_id is not None and heard is not None:
            self._answer(
                RecordVenueAnswer(
                    order_id=order_id,
                    venue=self._venue.name,
                    call="stream",
                    heard=heard,
                    at=order.at,
                    reason=order.reason or f"{order.status.value} by the venue",
                    code="VENUE_REJECTED",
                )
            )

    def _answer(self, said: RecordVenueAnswer) -> None:
        self._executor.run(said, self._origin())

    def _submit(self, order_id: OrderId, bar: Bar) -> None:
        order = self._submissions.working_order(order_id)
        if order is None:
            return
        answer = self._venue.submit(order)
        match answer:
            case Acknowledged(order=theirs):
                self._executor.run(
                    RecordAcceptance(
                        order_id=order_id,
                        venue=self._venue.name,
                        venue_order_id=theirs.venue_order_id,
                        at=bar.closes_at,
                    ),
                    self._origin(),
                )
            case Denied(code=code, reason=reason, raw=raw):
                self._answer(
                    RecordVenueAnswer(
                        order_id=order_id,
                        venue=self._venue.name,
                        call="submit",
                        heard=Heard.REJECTED,
                        at=bar.closes_at,
                        raw=raw,
                        reason=reason,
                        code=code,
                    )
                )
            case NotSent(reason=why) | Unclear(cause=why):
                # The same bar again asks the venue again, which knows what it has.
                msg = f"order {order_id} may be at {self._venue.name} or not: {why}"
                raise VenueUnavailableError(msg)

    def _origin(self, key: IdempotencyKey | None = None) -> Origin:
        return Origin(actor=self._actor, key=key)
