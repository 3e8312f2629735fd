"""One bot at work in this process: it takes in every bar that closed, and decides once on each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from traderbot.application.bots.hand import Hand, NoAnswerError
from traderbot.application.bots.pace import BotPace
from traderbot.application.commands.bots import DecideOnBar, StopBot
from traderbot.application.errors import ExternalError
from traderbot.application.observing import Observer
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import CommandExecutor, IdempotencyKey, Origin
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.recorded import Actor
from traderbot.application.views import BotRunView
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.bots.errors import (
    BarAlreadyDecidedError,
    BotLeasedElsewhereError,
    BotStoppedError,
)
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import symbol
from traderbot.domain.strategies.strategy import BaseStrategy

_log = logging.getLogger(__name__)
_SIGNALS: Final = frozenset({"BUY", "SELL", "HOLD"})
_JUST_BEFORE: Final = timedelta(microseconds=1)
_SAID: Final = 300

STALE: Final = "STALE_BAR"
FAILED: Final = "STRATEGY_FAILED"
HANGS: Final = "STRATEGY_HANGS"
NONSENSE: Final = "STRATEGY_NONSENSE"

Strategies = Callable[[str, Mapping[str, str]], BaseStrategy]
# Returns when what a portfolio's orders did in a bar is booked, as far as that can be known.
Settle = Callable[[PortfolioId, Bar], None]


class StrategyFaultError(Exception):
    """The strategy cannot go on; `code` says in which way."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BotAtWork:
    """A leased run with its strategy. One thread at a time calls `step`."""

    def __init__(  # noqa: PLR0917 - the parts it is made of
        self,
        run: BotRunView,
        strategies: Strategies,
        feed: BarFeed,
        executor: CommandExecutor,
        clock: Clock,
        pace: BotPace,
        settle: Settle,
    ) -> None:
        """Begin before the run's first bar; what was decided before is only looked at again.

        Raises:
            TraderbotError: this process has no such strategy, or not with these parameters.
        """
        self._run = run
        self._id = BotRunId(run.bot_run_id)
        self._symbol = symbol(run.symbol)
        self._timeframe = Timeframe(run.timeframe)
        self._strategies = strategies
        self._feed = feed
        self._executor = executor
        self._clock = clock
        self._pace = pace
        self._settle = settle
        self._hand = Hand()
        self._decided_until = run.last_bar_at
        self._pending: DecideOnBar | None = None  # what may be recorded already
        self.over = False
        self._begin(run.parameters)

    @property
    def fence(self) -> int:
        """The fence of the lease under which it works."""
        return self._run.fence

    def heed(self, run: BotRunView) -> None:
        """Go on as the run stands now: with other parameters it sees all of its bars again.

        Raises:
            TraderbotError: the strategy does not take these parameters.
        """
        if dict(run.parameters) != dict(self._parameters):
            self._begin(run.parameters)

    def step(self) -> bool:
        """Take in what closed since the last time, at most a portion; whether there was any.

        Raises:
            ExternalError: something is away; call again later.
        """
        if self.over:
            return False
        now = self._clock.now()
        bars = self._feed.closed(
            self._symbol,
            self._timeframe,
            after=self._after,
            until=now,
            limit=self._pace.portion,
        )
        try:
            for bar in bars:
                self._take_in(bar)
        except (BotStoppedError, BotLeasedElsewhereError) as error:
            _log.info("bot run %s goes on elsewhere, or not at all: %s", self._id, error)
            self.over = True
        except StrategyFaultError as fault:
            self._stop(fault)
        return bool(bars)

    def close(self) -> None:
        """Let go of the thread that asks the strategy."""
        self._hand.close()

    def _begin(self, parameters: Mapping[str, str]) -> None:
        strategy = self._strategies(self._run.strategy, parameters)
        self._observer = Observer(
            self._id, UserId(self._run.owner_id), self._run.timeframe, strategy
        )
        self._parameters = dict(parameters)
        first = self._run.first_bar_at or self._run.started_at
        self._after: datetime = first - _JUST_BEFORE

    def _take_in(self, bar: Bar) -> None:
        if bar.closes_at > self._run.started_at and not self._is_decided(bar):
            self._decide(bar)
        self._observer.keep(bar)
        self._after = bar.at

    def _is_decided(self, bar: Bar) -> bool:
        return self._decided_until is not None and bar.at <= self._decided_until

    def _decide(self, bar: Bar) -> None:
        command = self._pending
        if command is None or command.seen.bar_at != bar.at:
            late = self._clock.now() - bar.closes_at > self._timeframe.duration
            if not late:
                self._settle(PortfolioId(self._run.portfolio_id), bar)
            command = self._pending = DecideOnBar(
                bot_run_id=self._id,
                seen=self._look(bar),
                fence=self._run.fence,
                withheld=STALE if late else None,
            )
        key = IdempotencyKey(f"bot:{self._id}", bar.at.isoformat())
        try:
            self._executor.run(command, self._origin(key))
        except BarAlreadyDecidedError:
            _log.warning("bot run %s has decided on %s before", self._id, bar.at.isoformat())
        self._pending = None
        self._decided_until = bar.at

    def _look(self, bar: Bar) -> Observation:
        try:
            seen = self._hand.ask(lambda: self._observer.look(bar), self._pace.answer)
        except NoAnswerError as error:
            self._hand = Hand()
            raise StrategyFaultError(HANGS, f"{error} on the bar of {bar.at:%Y-%m-%d %H:%M}") from (
                error
            )
        except (ExternalError, MemoryError):
            raise
        except BaseException as error:  # a strategy is somebody's program: it may do anything
            said = f"{type(error).__name__} on the bar of {bar.at:%Y-%m-%d %H:%M}: {error}"
            raise StrategyFaultError(FAILED, said[:_SAID]) from error
        if seen.signal not in _SIGNALS:
            said = f"it said {seen.signal!r:.60}; a signal is BUY, SELL or HOLD"
            raise StrategyFaultError(NONSENSE, said)
        return seen

    def _stop(self, fault: StrategyFaultError) -> None:
        """End the run: the same bar would fail again. What holds a position is told to a person."""
        reason = f"{fault.code}: {fault}"
        _log.error("bot run %s is stopped: %s", self._id, reason, exc_info=fault.__cause__)
        command = StopBot(
            owner_id=UserId(self._run.owner_id),
            bot_run_id=self._id,
            reason="".join(it if it.isprintable() else " " for it in reason),
            code=fault.code,
            fence=self._run.fence,
        )
        try:
            self._executor.run(command, self._origin())
        except ExternalError:
            raise
        except TraderbotError as error:
            _log.warning("bot run %s was not stopped: %s", self._id, error)
        self.over = True

    def _origin(self, key: IdempotencyKey | None = None) -> Origin:
        return Origin(actor=Actor("bot", self._id, "keeper"), key=key)
