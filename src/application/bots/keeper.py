"""Runs every bot that nobody else runs: leases it, has it decide on each closed bar, lets it go.

Any number of processes may keep bots. Who is alive is a hint that a table gives; what decides is
the fence: taking a bot over raises it, and the writer refuses a decision under an older one. So two
processes never act for one bot, however wrong their clocks are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic as real_monotonic
from typing import Final

from traderbot.application.bots.at_work import BotAtWork, Settle, Strategies
from traderbot.application.bots.pace import BotPace
from traderbot.application.commands.bots import LeaseBot
from traderbot.application.errors import ClosedError, ExternalError
from traderbot.application.ports.bot_holders import BotHolders
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.views import Views
from traderbot.application.views import BotRunView
from traderbot.domain.shared.errors import DomainError, TraderbotError
from traderbot.domain.shared.ids import BotRunId

_log = logging.getLogger(__name__)

LIVE: Final = "live"  # the feed of a run that a keeper takes its bars from
REPLAY: Final = "replay"  # the feed of a run whose bars are brought from the past


@dataclass(slots=True)
class _Kept:
    """A bot in this process, and when it is its turn again."""

    bot: BotAtWork
    busy: bool = False
    failures: int = 0
    next_at: float = 0.0


class BotKeeper:
    """Keeps bots until it is closed. `look` is one round of it, for whoever has the time."""

    def __init__(  # noqa: PLR0917 - the parts it is made of
        self,
        executor: CommandExecutor,
        views: Views,
        feed: BarFeed,
        strategies: Strategies,
        holders: BotHolders,
        clock: Clock,
        *,
        name: str,
        chance: Callable[[], float],
        settle: Settle = lambda _portfolio, _bar: None,
        pace: BotPace | None = None,
        monotonic: Callable[[], float] = real_monotonic,
    ) -> None:
        """Begin without bots.

        `name` is this process's own; `chance` gives numbers from 0 to 1; `settle` is called before
        a bot decides on a bar.
        """
        self._executor = executor
        self._views = views
        self._feed = feed
        self._strategies = strategies
        self._holders = holders
        self._clock = clock
        self._name = name
        self._chance = chance
        self._settle = settle
        self._pace = pace or BotPace()
        self._monotonic = monotonic
        self._kept: dict[str, _Kept] = {}
        self._refused: dict[str, tuple[int, str]] = {}  # run: the version this process cannot run
        self._lock = Lock()
        self._lanes: Executor | None = None
        self._wake = Event()
        self._closing = Event()
        self._beat_at = 0.0

    @property
    def kept(self) -> list[str]:
        """The runs this process has leased."""
        return list(self._kept)

    def nudge(self) -> None:
        """Look at once: a bot was started, or a bar came."""
        self._wake.set()

    @contextmanager
    def running(self) -> Iterator[BotKeeper]:
        """Keep bots in threads of its own until the block ends. What is begun is finished."""
        with ExitStack() as open_:
            open_.callback(self._leave)
            self._lanes = open_.enter_context(ThreadPoolExecutor(self._pace.lanes, "bot"))
            looking = Thread(target=self._keep_looking, name="bot-keeper")
            looking.start()
            open_.callback(looking.join)
            open_.callback(self._close)
            yield self

    def look(self) -> None:
        """Show that this process lives, take over what nobody runs, and let each bot have a turn.

        Raises:
            ExternalError: the database is away.
        """
        self._beat()
        runs = {it.bot_run_id: it for it in self._views.active_bot_runs() if it.feed == LIVE}
        for gone in self._kept.keys() - runs.keys():
            self._drop(gone)
        alive = self._holders.alive(self._clock.now())
        for id_, run in runs.items():
            kept = self._kept.get(id_)
            if kept is not None and (kept.bot.over or run.fence > kept.bot.fence):
                self._drop(id_)
                kept = None
            if kept is None and (run.holder == self._name or run.holder not in alive):
                kept = self._take(run)
            if kept is not None:
                self._start(kept, run)

    def _beat(self) -> None:
        now = self._monotonic()
        if now >= self._beat_at:
            until = self._clock.now() + timedelta(seconds=self._pace.lease)
            self._holders.beat(self._name, until)
            self._beat_at = now + self._pace.lease / 4

    def _take(self, run: BotRunView) -> _Kept | None:
        """Lease a bot, if this process has its strategy and nobody is faster."""
        refused = self._refused.get(run.bot_run_id)
        if refused is not None and refused[0] == run.fence and refused[1] == str(run.parameters):
            return None
        try:
            self._strategies(run.strategy, run.parameters)
        except Exception as error:  # noqa: BLE001 - another process may have it, and the operator is told
            _log.error("bot run %s cannot be run here: %s", run.bot_run_id, error)
            self._refused[run.bot_run_id] = (run.fence, str(run.parameters))
            return None
        lease = LeaseBot(
            bot_run_id=BotRunId(run.bot_run_id), holder=self._name, known_fence=run.fence
        )
        try:
            leased = self._executor.run(lease, Origin(actor=Actor("system", self._name, "keeper")))
        except DomainError as error:
            _log.info("bot run %s is not taken over: %s", run.bot_run_id, error)
            return None
        kept = _Kept(
            BotAtWork(
                leased,
                self._strategies,
                self._feed,
                self._executor,
                self._clock,
                self._pace,
                self._settle,
            )
        )
        self._kept[run.bot_run_id] = kept
        return kept

    def _drop(self, id_: str) -> None:
        kept = self._kept.pop(id_)
        kept.bot.over = True
        if not kept.busy:
            kept.bot.close()

    def _start(self, kept: _Kept, run: BotRunView) -> None:
        """Let a bot have its turn, if it is due; in another thread if there are any."""
        with self._lock:
            if kept.busy or self._monotonic() < kept.next_at:
                return
            kept.busy = True
        if self._lanes is None:
            self._turn(kept, run)
        else:
            self._lanes.submit(self._turn, kept, run)

    def _turn(self, kept: _Kept, run: BotRunView) -> None:
        more = False
        try:
            if not self._closing.is_set():
                kept.bot.heed(run)
                more = kept.bot.step()
            kept.failures = 0
        except ClosedError:
            _log.info("bot run %s: the program ends", run.bot_run_id)
        except ExternalError as error:
            self._failed(kept, run, str(error))
        except TraderbotError as error:
            self._failed(kept, run, f"{error.code}: {error}")
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            _log.exception("bot run %s stumbled", run.bot_run_id)
            self._failed(kept, run, type(error).__name__)
        finally:
            with self._lock:
                kept.busy = False
            if kept.bot.over:
                kept.bot.close()
            if more:
                self._wake.set()

    def _failed(self, kept: _Kept, run: BotRunView, why: str) -> None:
        kept.failures += 1
        pause = self._pace.pause(kept.failures, self._chance())
        kept.next_at = self._monotonic() + pause
        _log.warning("bot run %s waits for %.1f s: %s", run.bot_run_id, pause, why)

    def _keep_looking(self) -> None:
        while not self._closing.is_set():
            try:
                self.look()
            except ClosedError:
                return
            except ExternalError as error:
                _log.warning("bots are not looked after now: %s", error)
            except Exception:  # noqa: BLE001 - it is told, and the next look begins afresh
                _log.exception("the keeper of bots stumbled")
            self._wake.wait(self._pace.look)
            self._wake.clear()

    def _close(self) -> None:
        self._closing.set()
        self._wake.set()

    def _leave(self) -> None:
        for id_ in list(self._kept):
            self._drop(id_)
        try:
            self._holders.leave(self._name)
        except ExternalError as error:
            _log.warning("others take these bots over a little later: %s", error)
