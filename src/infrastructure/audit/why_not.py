"""Why a bot placed no order: its decision record of one bar, or why there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, cast

from traderbot.application.errors import NotFoundError
from traderbot.application.ports.audit import Decision, WhyNot
from traderbot.application.ports.recorded import Recorded
from traderbot.application.views import OrderView
from traderbot.domain.bots.events import BotDecided, BotStarted, BotStopped
from traderbot.domain.orders.order import Order
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import BotRunId, OrderId, UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader, StoredBody


def why_not(
    reader: LogReader,
    codec: EventCodec,
    bot_run_id: BotRunId,
    at: datetime,
    owner_id: UserId | None,
) -> WhyNot:
    """Return what was decided on the bar that `at` lies in: it opens then or before, closes after.

    Raises:
        NotFoundError: there is no such bot run, or it is not that owner's.
        CorruptHistoryError: its events cannot be read.
    """
    run = _BotHistory(reader, codec, bot_run_id, owner_id)
    before, found, after = run.around(at)
    if found is not None:
        decided = cast("BotDecided", found.recorded.event)
        order = None if decided.order_id is None else _order(reader, codec, decided.order_id)
        code, message = _of_decision(decided, order)
    else:
        order = None
        code, message = _of_silence(run, at, before, after)
    started = run.started
    return WhyNot(
        bot_run_id=bot_run_id,
        strategy=started.strategy,
        symbol=started.symbol.code,
        timeframe=started.timeframe.value,
        at=at,
        code=code,
        message=message,
        decision=_shown(found),
        order=order,
        before=_shown(before),
        after=_shown(after),
    )


class _Found(NamedTuple):
    recorded: Recorded
    log_index: int | None


class _BotHistory:
    """A bot run's stream. Decisions stand in it in the order of their bars, among other events."""

    def __init__(
        self, reader: LogReader, codec: EventCodec, id_: BotRunId, owner_id: UserId | None
    ) -> None:
        self._reader, self._codec = reader, codec
        self._stream = f"bot-{id_}"
        self._length = reader.version_of(self._stream)
        if not self._length:
            raise NotFoundError("bot run", id_)
        first, last = self._at(1).recorded.event, self._at(self._length).recorded.event
        if not isinstance(first, BotStarted):
            msg = f"bot run {id_} starts with {type(first).__name__}"
            raise CorruptHistoryError(msg)
        if owner_id not in (None, first.owner_id):
            raise NotFoundError("bot run", id_)
        self.started = first
        self.stopped = last if isinstance(last, BotStopped) else None

    def around(self, at: datetime) -> tuple[_Found | None, _Found | None, _Found | None]:
        """Return the decision before the bar at an instant, the one on it, and the one after it."""
        low, high = 2, self._length + 1  # where the first decision that is later stands
        while low < high:
            middle = (low + high) // 2
            found = self._decision_from(middle)
            if found is None or _decided(found).at > at:
                high = middle
            else:
                low = middle + 1
        before, next_ = self._decision_until(low - 1), self._decision_from(low)
        if next_ is None or _decided(next_).bar_at > at:
            return before, None, next_
        return before, next_, self._decision_from(next_.recorded.version + 1)

    def has_bar(self, at: datetime) -> bool:
        """Tell whether a bar of the run's series is stored that this instant lies in."""
        started = self.started
        found = self._reader.rows(
            "SELECT count(*) FROM bars b "
            "WHERE b.symbol = ? AND b.timeframe = ? AND b.at > ? AND b.at <= ?",
            started.symbol.code,
            started.timeframe.value,
            instant_text(at - started.timeframe.duration),
            instant_text(at),
        )
        return bool(found[0][0])

    def _decision_from(self, version: int) -> _Found | None:
        """Return the first decision at a version or later."""
        return self._first_decision(range(version, self._length + 1))

    def _decision_until(self, version: int) -> _Found | None:
        """Return the last decision at a version or earlier."""
        return self._first_decision(range(version, 1, -1))

    def _first_decision(self, versions: range) -> _Found | None:
        # Leases and pauses are few, and stand between decisions one or two at a time.
        for version in versions:
            found = self._at(version)
            if isinstance(found.recorded.event, BotDecided):
                return found
        return None

    def _at(self, version: int) -> _Found:
        it: StoredBody | None = self._reader.at_version(self._stream, version)
        if it is None:
            msg = f"{self._stream} has no v{version}"
            raise CorruptHistoryError(msg)
        recorded = self._codec.recorded(it.position, it.body, it.leaf_hash)
        return _Found(recorded, it.log_index)


def _decided(found: _Found) -> BotDecided:
    return cast("BotDecided", found.recorded.event)


def _of_decision(decided: BotDecided, order: OrderView | None) -> tuple[str, str]:
    if decided.blocking_code is not None:
        why = _MEANING.get(decided.blocking_code, "the risk gate refused the order")
        return decided.blocking_code, f"it said {decided.signal}, and {why}"
    status = "" if order is None else f", which is {order.status}"
    return "ORDERED", f"it said {decided.signal} and placed order {decided.order_id}{status}"


def _of_silence(
    run: _BotHistory, at: datetime, before: _Found | None, after: _Found | None
) -> tuple[str, str]:
    started, stopped = run.started, run.stopped
    if before is None and at < started.at:
        return "NOT_STARTED", f"the run began at {instant_text(started.at)}"
    if after is None and stopped is not None and at >= stopped.at:
        return "STOPPED", f"the run was stopped at {instant_text(stopped.at)}: {stopped.reason}"
    if not run.has_bar(at):
        series = f"{started.symbol} {started.timeframe.value}"
        return "NO_BAR", f"no bar of {series} is stored that this instant lies in"
    if after is not None:
        return "SKIPPED", "a bar is stored now, and the run decided on later bars, not on this one"
    if stopped is not None:
        return "STOPPED", f"the run was stopped at {instant_text(stopped.at)}: {stopped.reason}"
    why = "it crashed, was not running, or was not given the bar yet"
    return "NOT_RUNNING", f"a bar is stored, and the run has decided on nothing since: {why}"


_MEANING = {
    "NO_SIGNAL": "to hold is to place no order",
    "ALREADY_LONG": "it holds the symbol already",
    "NO_POSITION": "it holds nothing to sell",
    "ORDER_WORKING": "an earlier order is still working",
    "OWNER_INACTIVE": "its owner may not act any more",
    "BUDGET_BELOW_ONE_LOT": "its budget does not buy one lot",
    "BOT_PAUSED": "it is paused",
    "STALE_BAR": "nobody was there when the bar closed; it was too late for an order",
}


def _order(reader: LogReader, codec: EventCodec, id_: OrderId) -> OrderView:
    events: list[Any] = [codec.event_of(it.body) for it in reader.stream(f"order-{id_}")]
    return OrderView.of(Order.from_events(events))


def _shown(found: _Found | None) -> Decision | None:
    if found is None:
        return None
    it = found.recorded.event
    if not isinstance(it, BotDecided):
        return None
    return Decision(
        event=found.recorded.id,
        log_index=found.log_index,
        bar_at=it.bar_at,
        decided_at=it.at,
        close=str(it.close),
        signal=it.signal,
        confidence=it.confidence,
        reason=it.reason,
        indicators=it.indicators,
        rules=it.rules,
        sizing=it.sizing,
        quantity=None if it.quantity is None else plain(it.quantity.value),
        order_id=it.order_id,
        blocking_code=it.blocking_code,
    )
