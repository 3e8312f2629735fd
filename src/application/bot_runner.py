"""A bot at work: bars come in, fills are recorded, the strategy speaks, decisions are recorded.

The steps on every closed bar, each a command of its own and each safe to repeat after a crash:
fill what was working, let the strategy see the bar, record the decision and perhaps an order,
hand an approved order to the venue.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from traderbot.application.commands.bots import DecideOnBar
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.ports.commands import CommandExecutor, IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import Venue, WorkingOrder
from traderbot.application.views import BotRunView, DecisionView
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.strategies.strategy import BaseStrategy


class Submissions(Protocol):
    """Finds what the venue must know about an approved order."""

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return the order if the venue should have it."""
        ...


@dataclass(slots=True)
class _Window:
    """The bars a strategy may look at, as the floats it computes with, and never more of them."""

    bars: deque[Bar]

    def ticker_data(self) -> dict[str, Any]:
        """Return the document's form of market data, oldest bar first."""
        bars = self.bars
        return {
            "symbol": bars[-1].symbol.code,
            "opens": [float(bar.open.value) for bar in bars],
            "highs": [float(bar.high.value) for bar in bars],
            "lows": [float(bar.low.value) for bar in bars],
            "closes": [float(bar.close.value) for bar in bars],
            "volumes": [float(bar.volume.value) for bar in bars],
        }


class BotRunner:
    """Runs one bot run over bars, in the order they close."""

    def __init__(
        self,
        run: BotRunView,
        strategy: BaseStrategy,
        executor: CommandExecutor,
        venue: Venue,
        submissions: Submissions,
    ) -> None:
        """Begin before the first bar; for a run that has decided already, feed its bars again.

        Bars it has decided on are only looked at: the idempotency key gives the old decision back.
        """
        self._run = run
        self._strategy = strategy
        self._executor = executor
        self._venue = venue
        self._submissions = submissions
        self._window = _Window(deque(maxlen=strategy.window))
        self._digest = sha256(run.bot_run_id.encode()).digest()
        self._actor = Actor("bot", run.bot_run_id, "runner")

    def on_bar(self, bar: Bar) -> DecisionView:
        """Take in one closed bar and return what was decided on it."""
        self._record_fills(bar)
        window = _Window(deque([*self._window.bars, bar], maxlen=self._window.bars.maxlen))
        digest = sha256(self._digest + _bytes_of(bar)).digest()
        seen = self._observe(bar, window, digest)
        decision = self._executor.run(
            DecideOnBar(bot_run_id=BotRunId(self._run.bot_run_id), seen=seen),
            self._origin(IdempotencyKey(f"bot:{self._run.bot_run_id}", bar.at.isoformat())),
        )
        # Only now: a bar that could not be decided on is asked about again, with the same inputs.
        self._window, self._digest = window, digest
        if decision.order_id is not None and decision.blocking_code is None:
            self._submit(OrderId(decision.order_id), bar)
        return decision

    def _record_fills(self, bar: Bar) -> None:
        # The log knows what is working; others may have canceled meanwhile, here or elsewhere.
        for order_id in self._venue.working(bar.symbol):
            if self._submissions.working_order(order_id) is None:
                self._venue.forget(order_id)
        for filled in self._venue.on_bar(bar):
            self._executor.run(
                RecordFill(order_id=filled.order_id, fill=filled.fill), self._origin()
            )
            self._venue.forget(filled.order_id)

    def _observe(self, bar: Bar, window: _Window, digest: bytes) -> Observation:
        data: Any = window.ticker_data()
        context: Any = {
            "timeframe": self._run.timeframe,
            "user_id": self._run.owner_id,
            "bot_run_id": self._run.bot_run_id,
        }
        result = self._strategy.execute(data, context)
        explanation = self._strategy.explain(data)
        return Observation(
            bar_at=bar.at,
            closes_at=bar.closes_at,
            close=bar.close,
            input_digest=digest.hex(),
            signal=result["signal"],
            confidence=_text_of(result["confidence"]),
            reason=result["reason"],
            indicators={name: _text_of(value) for name, value in explanation.indicators.items()},
            rules=dict(explanation.rules),
        )

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


def _bytes_of(bar: Bar) -> bytes:
    fields = (bar.at.isoformat(), bar.open, bar.high, bar.low, bar.close, bar.volume)
    return "|".join(str(field) for field in fields).encode()


def _text_of(value: float) -> str:
    """Return the shortest text that reads back to the same float."""
    if not math.isfinite(value):
        msg = f"a strategy gave {value!r}: only finite numbers can be recorded"
        raise ValueError(msg)
    return repr(float(value))
