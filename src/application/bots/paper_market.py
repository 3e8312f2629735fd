"""Shows the paper venue the market: every closed bar that an order working there may trade in.

A bar shown twice trades once, and in any number of processes: the books remember how far they have
seen. After a restart the bars since the oldest working order are shown again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic as real_monotonic
from typing import Final, Protocol

from traderbot.application.commands.placing import PAPER
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.application.errors import ClosedError, ExternalError, NotFoundError
from traderbot.application.ports.bar_venue import BarNews, StopReached
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.venue import (
    Acknowledged,
    FindAnswer,
    VenueStatus,
    WorkingOrder,
)
from traderbot.application.ports.views import Views
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.ids import OrderId, PortfolioId
from traderbot.domain.shared.values import Symbol

_log = logging.getLogger(__name__)
_JUST_BEFORE: Final = timedelta(microseconds=1)
_PORTION: Final = 1000
_SOON: Final = 0.05
_MARKET: Final = Origin(actor=Actor("system", "paper-market", "feed"))


class Shown(Protocol):
    """A venue that trades against what it is shown."""

    def on_bar(self, bar: Bar, origin: Origin | None = None) -> Sequence[BarNews]:
        """Trade what the bar trades."""
        ...

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order."""
        ...

    def on_clock(self) -> Sequence[BarNews]:
        """Let end what was good until now."""
        ...


class PaperMarket:
    """Brings bars to the paper venue until it is closed. `look` is one round of it.

    `timeframes` says which series of a symbol the feed has, shortest first: the shortest is shown.
    `elsewhere` names portfolios whose books somebody else shows the market to: they live in
    another time.
    """

    def __init__(
        self,
        venue: Shown,
        executor: CommandExecutor,
        views: Views,
        feed: BarFeed,
        clock: Clock,
        *,
        timeframes: Callable[[Symbol], Sequence[Timeframe]],
        elsewhere: Callable[[], Collection[PortfolioId]] = tuple,
        pause: float = 0.5,
        patience: float = 5.0,
        monotonic: Callable[[], float] = real_monotonic,
    ) -> None:
        """Begin with nothing shown."""
        self._venue = venue
        self._executor = executor
        self._views = views
        self._feed = feed
        self._clock = clock
        self._timeframes = timeframes
        self._elsewhere = elsewhere
        self._pause = pause
        self._patience = patience
        self._monotonic = monotonic
        self._known: set[OrderId] = set()
        self._shown: dict[Symbol, datetime] = {}  # the open of the newest bar shown
        self._showing = Lock()  # bars are shown in the order of time, whoever shows them
        self._closing = Event()

    @contextmanager
    def running(self) -> Iterator[PaperMarket]:
        """Show bars in a thread of its own until the block ends."""
        looking = Thread(target=self._keep_looking, name="paper-market")
        looking.start()
        try:
            yield self
        finally:
            self._closing.set()
            looking.join()

    def look(self) -> None:
        """Show what closed since the last look to the orders that work.

        Raises:
            ExternalError: something is away; look again later.
        """
        with self._showing:
            orders = [it for it in self._orders() if it.status.is_with_venue]
            self._note(self._venue.on_clock() if orders else ())
            for symbol in sorted({it.ticket.symbol for it in orders}):
                if self._closing.is_set():
                    return
                self._show(symbol, [it for it in orders if it.ticket.symbol == symbol])
            self._known = {it.order_id for it in orders}

    def settle(self, portfolio_id: PortfolioId, bar: Bar) -> None:
        """Return when a portfolio's orders have met a bar and what came of it is booked.

        Whoever decides on a bar knows then what it has, as in a backtest. An order that cannot go
        out is not waited for longer than a few seconds.

        Raises:
            ExternalError: something is away; settle the bar again.
        """
        deadline = self._monotonic() + self._patience
        while not self._closing.is_set():
            orders = [
                it
                for it in self._orders()
                if (it.ticket.portfolio_id, it.ticket.symbol) == (portfolio_id, bar.symbol)
                and it.placed_at <= bar.at
            ]
            with self._showing:
                sent = [it for it in orders if it.status.is_with_venue]
                if sent:
                    self._show(bar.symbol, sent)
            if all(self._is_settled(it) for it in orders):
                return
            if self._monotonic() >= deadline:
                _log.warning("orders of portfolio %s are not settled yet", portfolio_id)
                return
            self._closing.wait(_SOON)

    def _is_settled(self, order: WorkingOrder) -> bool:
        """Whether our books say of an order what the venue's book says."""
        if order.status is OrderStatus.APPROVED or order.status.is_doubtful:
            return False
        found = self._venue.find(order)
        if not isinstance(found, Acknowledged):
            return False
        theirs = found.order
        return theirs.filled == order.filled and theirs.status is VenueStatus.WORKING

    def _orders(self) -> list[WorkingOrder]:
        elsewhere = set(self._elsewhere())
        return [
            it
            for it in self._views.working_orders()
            if (it.venue or PAPER) == PAPER and it.ticket.portfolio_id not in elsewhere
        ]

    def _show(self, symbol: Symbol, orders: Sequence[WorkingOrder]) -> None:
        after = self._after(symbol, orders)
        for timeframe in self._timeframes(symbol)[:1]:
            while True:
                try:
                    bars = self._feed.closed(
                        symbol, timeframe, after=after, until=self._clock.now(), limit=_PORTION
                    )
                except NotFoundError:
                    return
                for bar in bars:
                    self._note(self._venue.on_bar(bar, _MARKET))
                    after = self._shown[symbol] = bar.at
                if len(bars) < _PORTION:
                    return

    def _after(self, symbol: Symbol, orders: Sequence[WorkingOrder]) -> datetime:
        """Return the instant after which bars are to be shown: an order may be new here."""
        new = [it.placed_at for it in orders if it.order_id not in self._known]
        oldest = min(new) - _JUST_BEFORE if new else None
        shown = self._shown.get(symbol)
        if shown is None:
            return oldest or min(it.placed_at for it in orders) - _JUST_BEFORE
        return shown if oldest is None else min(shown, oldest)

    def _note(self, news: Sequence[BarNews]) -> None:
        """Record the stops that were reached; trades and ends are told to whoever follows."""
        for it in news:
            if isinstance(it, StopReached):
                reached = RecordVenueAnswer(
                    order_id=it.order_id,
                    venue=PAPER,
                    call="stream",
                    heard=Heard.TRIGGERED,
                    at=it.at,
                    price=it.price,
                )
                self._executor.run(reached, _MARKET)

    def _keep_looking(self) -> None:
        while not self._closing.is_set():
            try:
                self.look()
            except ClosedError:
                return
            except ExternalError as error:
                _log.warning("the paper venue is not shown the market now: %s", error)
            except Exception:  # noqa: BLE001 - it is told, and the next look begins afresh
                _log.exception("the paper venue could not be shown the market")
            self._closing.wait(self._pause)
