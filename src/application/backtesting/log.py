"""The log of a backtest: what a bot's runner would have recorded on the same bars, made afterwards.

Made when it is wanted, and only then: the decision record of every bar on which nothing happened;
and of all others the digest of the inputs, the confidence, the reason, the indicator values and the
truth of the rules. For these the strategy is shown the bars once more. Orders, fills and money are
as they were recorded while the run went.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final, cast

from traderbot.application.backtesting.engine import (
    FORCED,
    LAST_BAR,
    OPERATOR,
    OVER,
    Lane,
    Played,
)
from traderbot.application.backtesting.errors import StrategyChangedItsMindError
from traderbot.application.backtesting.room import Deed, MovableClock, Said, SkippingIds
from traderbot.application.backtesting.spec import AtEnd
from traderbot.application.bar_import import import_bars
from traderbot.application.observing import Observer
from traderbot.application.ports.commands import Command, CommandExecutor, Origin
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.domain.bots.bot_run import BotRun, Observation
from traderbot.domain.bots.events import BotDecided, BotEvent
from traderbot.domain.bots.sizing import Sized

SOURCE: Final = "backtest"
_CHUNK: Final = 256  # as many commands as one commit takes
_TOLD_EVERY: Final = 4096

__all__ = ["LAST_BAR", "RecordDeed", "Script", "deeds", "record_deed", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeed(Command[None]):
    """What a command of a backtest recorded is to be recorded in a log."""

    deed: Deed


def record_deed(command: RecordDeed, unit: UnitOfWork) -> None:
    """Record the events as they were, and the person behind them if one was registered."""
    for said in command.deed.said:
        repository = getattr(unit, said.repository)
        repository.find(said.id)  # what was not looked for is taken to be new
        repository.record(said.id, said.events)
    for profile in command.deed.profiles:
        unit.profiles.add(profile)


class Script:
    """`Clock` and `IdSource` of a log that is written afterwards: each command at its time."""

    def __init__(self, clock: MovableClock, ids: SkippingIds) -> None:
        """Begin with the clock and the seed that the run began with."""
        self._clock = clock
        self._ids = ids
        self._coming: deque[Deed] = deque()

    def expect(self, deeds: Sequence[Deed]) -> None:
        """Be ready for these deeds, in this order."""
        self._coming.extend(deeds)

    def new(self) -> str:
        """Return the id that the next command had."""
        if self._coming:
            deed = self._coming.popleft()
            self._clock.move_to(deed.at)
            self._ids.skip(deed.number - self._ids.made)
        return self._ids.new()

    def now(self) -> datetime:
        """Return when the command was run."""
        return self._clock.now()


async def write(
    played: Played,
    store: BarStore,
    executor: CommandExecutor,
    script: Script,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write bars and log into an empty database, whose writer asks `script` for time and ids.

    Raises:
        StrategyChangedItsMindError: asked again, a strategy says something else.
    """
    for tape in played.spec.tapes:
        await asyncio.to_thread(
            import_bars, tape.bars(), SOURCE, store=store, executor=executor, origin=OPERATOR
        )
    tell, total = on_progress or _silent, len(played.order)
    coming = deeds(played)
    while chunk := list(islice(coming, _CHUNK)):
        script.expect(chunk)
        # Together: they stand in the queue in this order, and one commit takes them all.
        await asyncio.gather(
            *(executor.execute(RecordDeed(deed=it), Origin(actor=it.origin.actor)) for it in chunk)
        )
        tell(min(max(chunk[-1].place, 0), total), total)
    tell(total, total)


def deeds(played: Played) -> Iterator[Deed]:
    """Yield what every command recorded, quiet bars included, in the order of a live run.

    Raises:
        StrategyChangedItsMindError: asked again, a strategy says something else.
    """
    views = [_View(played, lane) for lane in played.lanes]
    recorded: deque[Deed] = deque(played.room.deeds)
    numbers = _numbers(played)
    yield from _until(recorded, -1, views)
    for place, (lane, i) in enumerate(played.order[: played.last_place + 1]):
        view = views[lane]
        if not view.saw(i):
            yield from _until(recorded, place, views)
            continue
        seen = view.look(i)
        if recorded and recorded[0].place == place:
            yield from _until(recorded, place, views, view, seen)
        if not view.decided(i):
            yield view.quiet(i, place, next(numbers), seen)
        view.keep(i)
    yield from recorded


def _until(
    recorded: deque[Deed],
    place: int,
    views: Sequence[_View],
    view: _View | None = None,
    seen: Observation | None = None,
) -> Iterator[Deed]:
    """Yield the deeds of a place as they are to stand in the log."""
    while recorded and recorded[0].place <= place:
        deed = recorded.popleft()
        for each in views:
            deed = each.take(deed, seen if each is view else None)
        yield deed


def _numbers(played: Played) -> Iterator[int]:
    for made, count in played.quiet:
        yield from range(made, made + count)


class _View:
    """One trader's bars, looked at once more, and its bot as the log makes it."""

    def __init__(self, played: Played, lane: Lane) -> None:
        self._lane = lane
        self._tape = lane.trader.tape
        self._closing = played.spec.at_end is AtEnd.CLOSE
        self._run: BotRun | None = None
        self._observer = Observer(
            lane.run_id, played.owner_id, self._tape.timeframe.value, lane.trader.strategy
        )
        for name, rows in lane.trader.further.items():
            for row in rows:
                self._observer.hear(name, row.known_at, row.values)
        self._looking = self._decided = -1

    def saw(self, i: int) -> bool:
        """Whether it was asked about the bar, and answered."""
        lane = self._lane
        return i < lane.now if lane.stopped else i <= lane.now

    def look(self, i: int) -> Observation:
        """Return what the strategy says of a bar, with all its words."""
        self._looking = i
        seen = self._observer.look(self._tape.bar(i))
        if self._closing and i >= len(self._tape) - 2:
            return replace(seen, signal="HOLD", confidence="1.0", reason=OVER)
        return seen

    def keep(self, i: int) -> None:
        self._observer.keep(self._tape.bar(i))

    def decided(self, i: int) -> bool:
        return self._decided == i

    def quiet(self, i: int, place: int, number: int, seen: Observation) -> Deed:
        """Return the record of a bar on which nothing happened."""
        lane = self._lane
        code = lane.codes.get(i, "NO_SIGNAL")
        if (code == "NO_SIGNAL") is not (seen.signal == "HOLD"):
            said = "HOLD" if code == "NO_SIGNAL" else f"a signal ({code})"
            raise StrategyChangedItsMindError(lane.trader.name, seen.bar_at, said, seen.signal)
        assert self._run is not None  # noqa: S101 - it was started before the first bar
        events = self._run.decide(seen, Sized(blocking_code=code))
        self._follow(events)
        recorded = [Said("bots", lane.run_id, events)]
        return Deed(place, number, self._tape.closes_at[i], lane.origin, recorded)

    def take(self, deed: Deed, seen: Observation | None) -> Deed:
        """Return a deed with the words that the run left out, and follow what it did to the bot."""
        said = [self._told(each, seen) for each in deed.said]
        return replace(deed, said=said)

    def _told(self, said: Said, seen: Observation | None) -> Said:
        if said.repository != "bots" or said.id != self._lane.run_id:
            return said
        events = tuple(
            self._in_full(event, seen) if isinstance(event, BotDecided) and seen else event
            for event in said.events
        )
        self._follow(cast("tuple[BotEvent, ...]", events))
        return Said(said.repository, said.id, events)

    def _in_full(self, event: BotDecided, seen: Observation) -> BotDecided:
        reason, confidence = seen.reason, seen.confidence
        if event.signal != seen.signal:
            if seen.reason != OVER:
                name = self._lane.trader.name
                raise StrategyChangedItsMindError(name, event.bar_at, event.signal, seen.signal)
            reason = FORCED
        self._decided = self._looking
        return replace(
            event,
            input_digest=seen.input_digest,
            confidence=confidence,
            reason=reason,
            indicators=seen.indicators,
            rules=seen.rules,
        )

    def _follow(self, events: Sequence[BotEvent]) -> None:
        for event in events:
            self._run = BotRun.begin(event) if self._run is None else self._run.apply(event)


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
