"""The decisions of a run, made again: its strategy is shown what the bot saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from traderbot.application.bots.at_work import Strategies
from traderbot.application.bots.parity_report import (
    Cause,
    DecisionDifference,
    NoParityError,
    Progress,
    RunStory,
)
from traderbot.application.observing import Observer, first_digest, next_digest
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.bots.events import BotDecided, BotParametersChanged, BotStarted
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import BotRunId

_COMPARED: Final = ("signal", "confidence", "reason", "indicators", "rules")


def decided_again(
    story: RunStory, bars: Sequence[Bar], strategies: Strategies, progress: Progress
) -> Iterator[DecisionDifference]:
    """Yield every decision that would not be made again as it is recorded.

    Raises:
        NoParityError: a bar the bot decided on is not there.
        TraderbotError: this process has no such strategy.
    """
    started, known = story.started, {bar.at: bar for bar in bars}
    decisions = story.decisions
    if not decisions:
        return
    eyes = _Eyes(started, strategies)
    for bar in bars:
        if started.first_bar_at is None or bar.at >= decisions[0].bar_at:
            break
        eyes.keep(bar)
    digest = eyes.digest
    count = 0
    for event in story.events:
        if isinstance(event, BotParametersChanged):
            eyes.change(event.parameters)
        elif isinstance(event, BotDecided):
            found = known.get(event.bar_at)
            if found is None:
                msg = f"the bar {started.symbol} {started.timeframe.value} of "
                msg += f"{event.bar_at:%Y-%m-%dT%H:%M:%SZ} is not stored; bring the bars back "
                raise NoParityError(msg + "with: traderbot data import")
            # Link by link: a bar that differs is told once, and not with all that came later.
            same_bar = next_digest(digest, found).hex() == event.input_digest
            yield from _differences(event, eyes.look(found), same_bar=same_bar)
            eyes.keep(found)
            digest = bytes.fromhex(event.input_digest)
            count += 1
            progress(count, len(decisions))


def _differences(
    then: BotDecided, now: Observation, *, same_bar: bool
) -> Iterator[DecisionDifference]:
    cause = "strategy" if same_bar else Cause.DATA.value
    if not same_bar:
        yield DecisionDifference(
            bar_at=then.bar_at,
            what="bar",
            recorded=then.input_digest[:16],
            replayed="another bar is stored",
            cause=cause,
        )
    for name in _COMPARED:
        before, after = getattr(then, name), getattr(now, name)
        if isinstance(before, Mapping):
            before, after = dict(before), dict(after)
        if before != after:
            yield DecisionDifference(
                bar_at=then.bar_at,
                what=name,
                recorded=str(before),
                replayed=str(after),
                cause=cause,
            )


class _Eyes:
    """The strategy of a run, shown its bars; with other parameters it has seen them all anew."""

    def __init__(self, started: BotStarted, strategies: Strategies) -> None:
        self._started = started
        self._strategies = strategies
        self._seen: list[Bar] = []
        self.digest = first_digest(started.bot_run_id)
        self._observer = self._new(started.parameters)

    def _new(self, parameters: Mapping[str, str]) -> Observer:
        started = self._started
        strategy = self._strategies(started.strategy, parameters)
        return Observer(
            BotRunId(started.bot_run_id), started.owner_id, started.timeframe.value, strategy
        )

    def change(self, parameters: Mapping[str, str]) -> None:
        self._observer = self._new(parameters)
        for bar in self._seen:
            self._observer.keep(bar)

    def look(self, bar: Bar) -> Observation:
        return self._observer.look(bar)

    def keep(self, bar: Bar) -> None:
        self._seen.append(bar)
        self.digest = next_digest(self.digest, bar)
        self._observer.keep(bar)
