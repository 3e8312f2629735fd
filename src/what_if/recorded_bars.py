"""The bars that bots decided on, taken from the store and proven to be the same ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from traderbot.application.observing import first_digest, next_digest
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.what_if import UnanswerableError
from traderbot.domain.bots.events import BotStarted
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import BotRunId
from traderbot.what_if.history import History

_NEXT = timedelta(microseconds=1)  # the end of a question is excluded


class RecordedBars:
    """Bars by bot run. The first question about a run proves all of its bars."""

    def __init__(self, store: BarStore, history: History) -> None:
        """Read from a store; nothing is read before it is asked for."""
        self._store = store
        self._history = history
        self._proven: dict[BotRunId, dict[datetime, Bar]] = {}

    def at(self, run_id: BotRunId, bar_at: datetime) -> Bar:
        """Return the bar a run took in. Raises UnanswerableError if the store has another, or none.

        A bar the run filled orders with, but did not decide on any more, is in no proof; what it
        filled is compared with the log by whoever asks.
        """
        found = self._of(run_id).get(bar_at)
        if found is not None:
            return found
        run = self._history.runs[run_id]
        stored = self._store.bars(run.symbol, run.timeframe, bar_at, bar_at + _NEXT)
        if not stored:
            raise _missing(run, bar_at)
        return stored[0]

    def before(self, run_id: BotRunId, start: int) -> list[Bar]:
        """Return the bars a run had seen before an index of the log, its history included."""
        ahead = [it.bar_at for index, it in self._history.decisions(run_id) if index >= start]
        bars = self._of(run_id).values()
        return [bar for bar in bars if not ahead or bar.at < ahead[0]]

    def _of(self, run_id: BotRunId) -> dict[datetime, Bar]:
        known = self._proven.get(run_id)
        if known is None:
            known = self._proven[run_id] = self._prove(run_id)
        return known

    def _prove(self, run_id: BotRunId) -> dict[datetime, Bar]:
        run, decisions = self._history.runs[run_id], self._history.decisions(run_id)
        if not decisions:
            return {}
        first, last = decisions[0][1].bar_at, decisions[-1][1].bar_at
        stored = {
            bar.at: bar for bar in self._store.bars(run.symbol, run.timeframe, first, last + _NEXT)
        }
        digest, proven = first_digest(run_id), {}
        for before in self._history_of(run, first):
            digest, proven[before.at] = next_digest(digest, before), before
        for index, decided in decisions:
            bar = stored.get(decided.bar_at)
            if bar is None:
                raise _missing(run, decided.bar_at)
            digest = next_digest(digest, bar)
            if digest.hex() != decided.input_digest:
                msg = (
                    f"the bar {_name(run, bar.at)} in the store is not the one that bot run "
                    f"{run_id} decided on (index {index}): its digest differs"
                )
                raise UnanswerableError(msg)
            proven[bar.at] = bar
        return proven

    def _history_of(self, run: BotStarted, first: datetime) -> list[Bar]:
        """Return the bars a run looked at before it decided on its first one."""
        if run.first_bar_at is None:
            return []
        return self._store.bars(run.symbol, run.timeframe, run.first_bar_at, first)


def _missing(run: BotStarted, bar_at: datetime) -> UnanswerableError:
    msg = (
        f"the bar {_name(run, bar_at)}, which bot run {run.bot_run_id} took in, is not in the "
        "store; bring the bars back with: traderbot data import"
    )
    return UnanswerableError(msg)


def _name(run: BotStarted, bar_at: datetime) -> str:
    return f"{run.symbol} {run.timeframe.value} of {bar_at:%Y-%m-%dT%H:%M:%SZ}"
