"""A bot that lives in the past: stored bars, one after another, as fast as it is told to.

Its portfolio is its own while it runs: nothing of the present is traded in it, and the present
market is not shown to its orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from traderbot.application.bot_runner import BotRunner
from traderbot.application.bots.keeper import REPLAY
from traderbot.application.commands.bots import StopBot
from traderbot.application.errors import ApplicationError
from traderbot.application.ports.bar_venue import BarVenue
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.views import OrderFilter, Views
from traderbot.application.views import BotRunView
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import symbol
from traderbot.domain.strategies.registry import StrategyRegistry

_JUST_BEFORE: Final = timedelta(microseconds=1)
_PORTION: Final = 1000
_LOOKED_AT: Final = 200


class PortfolioInUseError(ApplicationError):
    """Something of the present trades in the portfolio; the past would get into its way."""

    code: ClassVar[str] = "PORTFOLIO_IN_USE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Replays stored bars to a run. Asked again after a crash, it goes on where it was."""

    executor: CommandExecutor
    views: Views
    bars: BarStore
    venue: Callable[[PortfolioId], BarVenue]  # the paper venue, as far as one portfolio goes

    def ensure_free(self, portfolio_id: PortfolioId) -> None:
        """Raise PortfolioInUseError if another bot or an open order is in the portfolio."""
        for run in self.views.active_bot_runs():
            if run.portfolio_id == portfolio_id and run.feed != REPLAY:
                msg = f"bot run {run.bot_run_id} trades in portfolio {portfolio_id}; "
                raise PortfolioInUseError(msg + "replay into a portfolio of its own")
        orders = self.views.orders(OrderFilter(portfolio_id=portfolio_id), limit=_LOOKED_AT)
        for order in orders.items:
            if order.bot_run_id is None and OrderStatus(order.status).is_open:
                msg = f"order {order.order_id} is open in portfolio {portfolio_id}; "
                raise PortfolioInUseError(msg + "replay into a portfolio of its own")

    def run(self, run: BotRunView, after_each: Callable[[int], None]) -> BotRunView:
        """Show the run every stored bar, stop it behind the last one, and return it.

        `after_each` hears how many bars were shown, after each of them, and may take its time.

        Raises:
            ExternalError: something is away; replay the run again.
        """
        strategy = StrategyRegistry.create(run.strategy, run.parameters)
        venue = self.venue(PortfolioId(run.portfolio_id))
        runner = BotRunner(run, strategy, self.executor, venue, self.views)
        count, last = 0, run.started_at
        for bar in self._bars(run):
            runner.on_bar(bar)
            count, last = count + 1, bar.closes_at
            after_each(count)
        stop = StopBot(
            owner_id=UserId(run.owner_id),
            bot_run_id=BotRunId(run.bot_run_id),
            reason="the last stored bar was replayed",
            at=last,
        )
        return self.executor.run(stop, Origin(actor=Actor("bot", run.bot_run_id, "replay")))

    def _bars(self, run: BotRunView) -> Iterator[Bar]:
        after: datetime | None = None
        if run.first_bar_at is not None:
            after = run.first_bar_at - _JUST_BEFORE
        while True:
            found = self.bars.following(
                symbol(run.symbol), Timeframe(run.timeframe), after, _PORTION
            )
            yield from found
            if len(found) < _PORTION:
                return
            after = found[-1].at
