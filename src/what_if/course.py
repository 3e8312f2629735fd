"""The course of things after a fork: every recorded wish decided again, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar, cast

from traderbot.application.commands.bots import DecideOnBar, StartBot
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.paper_venue import (
    AmendAtPaper,
    CancelAtPaper,
    MeetMarket,
    SubmitToPaper,
    meet,
)
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.commands.venue_answers import RecordVenueAnswer
from traderbot.application.errors import ApplicationError
from traderbot.application.observing import Observer
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.what_if import RefusedWish, UnanswerableError
from traderbot.domain.orders.events import (
    OrderApproved,
)
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.simulation.book import book_id
from traderbot.domain.simulation.events import (
    PaperEvent,
)
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.infrastructure.brokers.paper_words import venue_order_id
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.what_if.desk import Desk, Made
from traderbot.what_if.history import Deed, Fact, History, advance
from traderbot.what_if.market import books_of, knows, runs_elsewhere
from traderbot.what_if.paper_news import is_meeting, take, tells, told_by
from traderbot.what_if.question import Terms
from traderbot.what_if.recorded_bars import RecordedBars
from traderbot.what_if.wishes import (
    BarClosed,
    Step,
    TakeAsRecorded,
    Wish,
    heard_of,
    meeting_of,
    order_of,
    submission,
)

R = TypeVar("R")
_LISTED = 100  # refused wishes; more are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is recorded: events, what was asked for from `start` on, and the bars of the time."""

    history: History
    start: int
    steps: Sequence[Step]
    bars: RecordedBars
    codec: EventCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """What is other than it was: the terms, whose strategies are asked again, what is left out."""

    terms: Terms
    parameters: Mapping[BotRunId, Mapping[str, str]] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()  # ids of commands


@dataclass(frozen=True, slots=True)
class Fork:
    """The first place where the course is not the log: what is recorded, and what is made there."""

    index: int
    fact: Fact | None
    made: Made | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What came of it."""

    states: Mapping[str, Any]
    made: Sequence[Made]
    bodies: Sequence[bytes]  # of what was made
    fingerprint: str
    fork: Fork | None
    refused: Sequence[RefusedWish]
    refused_unlisted: int
    unanswered: Sequence[str]


def follow(
    record: Record,
    variation: Variation,
    on_step: Callable[[], None],
    *,
    only_to_the_fork: bool = False,
) -> Course:
    """Decide everything from the record's start on again, or go on only as long as it is the log.

    Raises:
        UnanswerableError: a bar is missing or another one, or only another venue could say what it
            would have done.
        UnknownStrategyError, InvalidParameterError: a strategy cannot be made.
    """
    following = _Following(record, variation)
    try:
        for step in record.steps:
            following.take(step)
            on_step()
            if only_to_the_fork and following.fork is not None:
                break
    finally:
        following.close()
    return following.course()


class _Following:
    """A desk, a market, and the eyes of the strategies that are asked again."""

    def __init__(self, record: Record, variation: Variation) -> None:
        history, start = record.history, record.start
        before = history.before(start)
        self._history = history
        self._variation = variation
        self._bars = record.bars
        self.fork: Fork | None = None
        self._refused: list[RefusedWish] = []
        self._refused_count = 0
        self._unanswered: list[str] = []
        self._observers = {run_id: self._observer(run_id, start) for run_id in variation.parameters}
        self._desk = Desk(before, variation.terms.limits, record.codec)
        self._elsewhere = runs_elsewhere(history)

    def close(self) -> None:
        self._desk.close()

    def course(self) -> Course:
        return Course(
            states=self._desk.states,
            made=self._desk.made,
            bodies=self._desk.bodies,
            fingerprint=self._desk.fingerprint,
            fork=self.fork,
            refused=self._refused,
            refused_unlisted=self._refused_count - len(self._refused),
            unanswered=self._unanswered,
        )

    def take(self, step: Step) -> None:
        """Do one step, and note whether it came out as it was recorded."""
        done = len(self._desk.made)
        if isinstance(step, BarClosed):
            self._close_bar(step)
        elif isinstance(step.command, DecideOnBar):
            self._decide(step, step.command)
        elif step.deed.command_id not in self._variation.dropped:
            self._ask(step)
        if self.fork is None:
            self.fork = _fork(step, self._desk.made[done:])

    def _ask(self, wish: Wish) -> None:
        match wish.command:
            case StartBot() as command:
                self._repeat(wish, self._with_parameters(wish, command))
            case RecordAcceptance() as command:
                self._accept(wish, command)
            case RecordFill() as command:
                self._fill(wish, command)
            case CancelOrder() | RecordVenueAnswer() | CancelAtPaper() | AmendAtPaper() as command:
                if self._order(command.order_id) is not None:
                    self._repeat(wish, cast("Command[object]", command))
            case SubmitToPaper(order=sent) as command:
                order = self._order(sent.order_id)
                if order is not None and order.status is not OrderStatus.REFUSED:
                    latency = command.latency
                    self._repeat(wish, SubmitToPaper(order=submission(order), latency=latency))
            case TakeAsRecorded() as command:
                self._take(wish, command)
            case command:
                self._repeat(wish, command)
                self._notice_unknown_venue(wish)

    # Steps ------------------------------------------------------------------------------------

    def _close_bar(self, step: BarClosed) -> None:
        """Let the paper venue trade against a bar, and record what came of it."""
        left = list(step.deeds)
        symbol = self._history.runs[step.run_id].symbol
        books = dict(books_of(self._desk.states, symbol))
        happened: list[PaperEvent] = []
        if books:
            bar, model = self._bars.at(step.run_id, step.bar_at), self._variation.terms.costs.model
            for id_, book in books.items():
                if meet(book, bar, model):
                    command = MeetMarket(book_id=id_, seen=bar, model=model)
                    deed = take(left, partial(is_meeting, id_))
                    happened += self._do(step, deed, command, f"meet {id_}", bar.at).events
        for event in happened:
            self._record(step, left, event)
        met = {deed.first.stream for deed in step.deeds if meeting_of(deed) is not None}
        for deed in left:
            if meeting_of(deed) is None:
                self._recorded_later(deed, met)

    def _record(self, step: BarClosed, left: list[Deed], event: PaperEvent) -> None:
        """Record in the books what the venue has just done, as the bot's runner does."""
        command = told_by(event)
        if command is not None:
            deed = take(left, partial(tells, command))
            self._do(step, deed, command, f"{type(command).__name__} {command.order_id}", event.at)

    def _do(
        self, step: BarClosed, deed: Deed | None, command: Command[R], what: str, at: datetime
    ) -> R:
        """Do it as it was recorded, or because of the bar if it was not."""
        if deed is not None:
            return self._desk.repeat(deed, command)
        return self._desk.improvise(step.before, command, _runner(step.run_id), at, what)

    def _recorded_later(self, deed: Deed, met: Collection[str]) -> None:
        """Record what the venue did before the fork, and was only recorded after it.

        What its books `met` in this bar is decided again: if it is not here, it does not happen.
        """
        order = self._order(order_of(deed))
        if order is None or order.status is OrderStatus.REFUSED:
            return
        if not knows(self._desk.states, order):
            msg = (
                f"index {deed.index}: order {order.id} was filled by a paper venue that kept no "
                f"books yet; nobody can say how it would have been filled; fork at "
                f"{max(fact.index for fact in deed.facts) + 1} or later"
            )
            raise UnanswerableError(msg)
        if f"paper-{book_id(order.ticket.portfolio_id, order.ticket.symbol)}" not in met:
            self._desk.repeat(deed, heard_of(deed, PaperVenue.name))

    def _decide(self, wish: Wish, command: DecideOnBar) -> None:
        run_id = command.bot_run_id
        observer = self._observers.get(run_id)
        dropped = wish.deed.command_id in self._variation.dropped
        if observer is not None:
            bar = self._bars.at(run_id, command.seen.bar_at)
            if not dropped:
                seen = observer.look(bar)
                command = DecideOnBar(bot_run_id=run_id, seen=seen, withheld=command.withheld)
            observer.keep(bar)
        if dropped:
            return
        decision = self._repeat(wish, command)
        if decision is None or decision.order_id is None or decision.blocking_code is not None:
            return
        if any(isinstance(event, OrderApproved) for event in wish.deed.events):
            return  # the venue takes it in when it did, if it did
        order = self._order(OrderId(decision.order_id))
        assert order is not None  # noqa: S101 - it has just been approved
        if run_id in self._elsewhere:
            msg = (
                f"index {wish.index}: bot run {run_id} would place an order that is not in the "
                "log, and its orders are traded by another venue; nobody can say what that venue "
                "would have done"
            )
            raise UnanswerableError(msg)
        at = command.seen.closes_at
        sent = SubmitToPaper(order=submission(order))
        self._desk.improvise(wish.deed, sent, _runner(run_id), at, f"submit {order.id}")
        acceptance = RecordAcceptance(
            order_id=order.id,
            venue=PaperVenue.name,
            venue_order_id=venue_order_id(order.id),
            at=at,
        )
        self._desk.improvise(wish.deed, acceptance, _runner(run_id), at, f"accept {order.id}")

    def _with_parameters(self, wish: Wish, command: StartBot) -> StartBot:
        (id_,) = wish.ids
        parameters = self._variation.parameters.get(BotRunId(id_), command.parameters)
        return StartBot(
            owner_id=command.owner_id,
            portfolio_id=command.portfolio_id,
            strategy=command.strategy,
            parameters=parameters,
            symbol=command.symbol,
            timeframe=command.timeframe,
            allocation=command.allocation,
            feed=command.feed,
            first_bar_at=command.first_bar_at,
            sizing=command.sizing,
        )

    def _accept(self, wish: Wish, command: RecordAcceptance) -> None:
        order = self._order(command.order_id)
        if order is None or order.status is OrderStatus.REFUSED:
            return
        self._repeat(wish, command)

    def _take(self, wish: Wish, command: TakeAsRecorded) -> None:
        """Take what rests on nothing that changes; of a book, only while its orders are the same.

        Raises:
            UnanswerableError: a quote or an order book traded another book than this one.
        """
        stream = wish.deed.first.stream
        met = meeting_of(wish.deed)
        if met is not None and self._desk.states.get(stream) != self._met_book(wish):
            msg = (
                f"index {wish.index}: a quote did this to {stream}, and quotes are not in the log; "
                f"its orders would be others, and nobody can say what it would have done to them; "
                f"fork at {max(fact.index for fact in wish.deed.facts) + 1} or later"
            )
            raise UnanswerableError(msg)
        self._repeat(wish, command)

    def _met_book(self, wish: Wish) -> object:
        """Return the book as it was recorded before a deed."""
        first = wish.deed.first
        states: dict[str, Any] = {}
        for fact in self._history.facts:
            if fact.recorded.stream == first.stream and fact.recorded.version < first.version:
                advance(states, first.stream, fact.event)
        return states.get(first.stream)

    def _fill(self, wish: Wish, command: RecordFill) -> None:
        """Take a fill that came from outside as it was, if its order is what it was."""
        order = self._order(command.order_id)
        if order is None or order.status is OrderStatus.REFUSED:
            return
        then = self._history.states[f"order-{order.id}"]
        if order.ticket != then.ticket:
            msg = (
                f"index {wish.index}: another venue filled {command.fill.quantity} of order "
                f"{order.id}, which was to {then.ticket.side.value} {then.ticket.quantity} and "
                f"would be to {order.ticket.side.value} {order.ticket.quantity}; nobody can say "
                "how that venue would have filled it; drop the order, or fork after it"
            )
            raise UnanswerableError(msg)
        self._repeat(wish, command)

    def _notice_unknown_venue(self, wish: Wish) -> None:
        """Say so where an order passes the gate that never came to any venue."""
        for order_id in wish.ids:
            order, then = self._order(OrderId(order_id)), self._then(order_id)
            if order is None or then is None:
                continue
            if order.status.is_open and then.status is OrderStatus.REFUSED:
                self._unanswered.append(
                    f"order {order_id} would have passed the gate (index {wish.index}); nobody "
                    "can say how it would have been filled, so it stays open"
                )

    # Help ---------------------------------------------------------------------------------------

    def _repeat(self, wish: Wish, command: Command[R]) -> R | None:
        """Run a command as it was run; a refusal is noted, and answered with None."""
        try:
            return self._desk.repeat(wish.deed, command, wish.ids)
        except (DomainError, ApplicationError) as error:
            self._refused_count += 1
            if self._refused_count <= _LISTED:
                self._refused.append(
                    RefusedWish(
                        index=wish.index,
                        command_id=wish.deed.command_id,
                        wish=type(command).__name__,
                        code=error.code,
                        message=str(error),
                    )
                )
            return None

    def _order(self, order_id: OrderId) -> Order | None:
        return self._desk.states.get(f"order-{order_id}")

    def _then(self, order_id: str) -> Order | None:
        return self._history.states.get(f"order-{order_id}")

    def _observer(self, run_id: BotRunId, start: int) -> Observer:
        run = self._history.runs[run_id]
        strategy = StrategyRegistry.create(run.strategy, self._variation.parameters[run_id])
        observer = Observer(run_id, run.owner_id, run.timeframe.value, strategy)
        for bar in self._bars.before(run_id, start):
            observer.keep(bar)
        return observer


def _runner(run_id: BotRunId) -> Origin:
    return Origin(actor=Actor("bot", run_id, "runner"))


def _fork(step: Step, made: Sequence[Made]) -> Fork | None:
    """Return the first event of a step that is not the recorded one."""
    after = step.index
    for fact, event in zip_longest(step.facts, made):
        if fact is None:
            return Fork(after, None, event)
        recorded = fact.recorded
        if event is None or (recorded.stream, recorded.version, recorded.event) != (
            event.stream,
            event.version,
            event.event,
        ):
            return Fork(fact.index, fact, event)
        after = fact.index + 1
    return None
