"""A bot at work: bars come in, fills are recorded, the strategy speaks, decisions are recorded.

The steps on every closed bar, each a command of its own and each safe to repeat after a crash:
fill what was working, let the strategy see the bar, record the decision and perhaps an order,
hand an approved order to the venue.
"""

from __future__ import annotations

from typing import Protocol

from traderbot.application.commands.bots import DecideOnBar
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.application.observing import Observer
from traderbot.application.ports.bar_venue import BarVenue
from traderbot.application.ports.commands import CommandExecutor, IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import WorkingOrder
from traderbot.application.views import BotRunView, DecisionView
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.domain.strategies.strategy import BaseStrategy


class Submissions(Protocol):
    """Finds what the venue must know about an approved order."""

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return the order if the venue should have it."""
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

    def on_bar(self, bar: Bar) -> DecisionView:
        """Take in one closed bar and return what was decided on it."""
        self._record_fills(bar)
        seen = self._observer.look(bar)
        decision = self._executor.run(
            DecideOnBar(bot_run_id=BotRunId(self._run.bot_run_id), seen=seen),
            self._origin(IdempotencyKey(f"bot:{self._run.bot_run_id}", bar.at.isoformat())),
        )
        # Only now: a bar that could not be decided on is asked about again, with the same inputs.
        self._observer.keep(bar)
        if decision.order_id is not None and decision.blocking_code is None:
            self._submit(OrderId(decision.order_id), bar)
        return decision

    def _record_fills(self, bar: Bar) -> None:
        # The log knows what is working; others may have canceled meanwhile, here or elsewhere.
        for order_id in self._venue.working(bar.symbol):
            order = self._submissions.working_order(order_id)
            if order is None or order.cancel_requested:
                self._venue.forget(order_id)
            if order is not None and order.cancel_requested:
                self._executor.run(
                    RecordVenueAnswer(
                        order_id=order_id,
                        venue=self._venue.name,
                        call="cancel",
                        heard=Heard.CANCELED,
                        reason="asked by the owner",
                    ),
                    self._origin(),
                )
        for filled in self._venue.on_bar(bar):
            self._executor.run(
                RecordFill(order_id=filled.order_id, fill=filled.fill), self._origin()
            )
            self._venue.forget(filled.order_id)

    def _submit(self, order_id: OrderId, bar: Bar) -> None:
        order = self._submissions.working_order(order_id)
        if order is None:
            return
        venue_order_id = self._venue.submit(order)
        self._executor.run(
            RecordAcceptance(
                order_id=order_id,
                venue=self._venue.name,
                venue_order_id=venue_order_id,
                at=bar.closes_at,
            ),
            self._origin(),
        )

    def _origin(self, key: IdempotencyKey | None = None) -> Origin:
        return Origin(actor=self._actor, key=key)
