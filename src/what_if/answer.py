"""From a question to its answer: reproduce the log first, change something, compare.

Before anything is changed, everything from the fork on is decided again as it was. Only if that
gives the recorded events, each of them and no other, is the change all that is different later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Engine

from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.what_if import (
    BadQuestionError,
    Parting,
    Progress,
    UnanswerableError,
    WhatIfAnswer,
)
from traderbot.domain.orders.events import OrderPlaced
from traderbot.domain.orders.ticket import Check
from traderbot.domain.shared.errors import DomainError
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.audit.folding import no_collecting
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.what_if.course import Course, Fork, Record, Variation, follow
from traderbot.what_if.history import History
from traderbot.what_if.money_changes import (
    end_prices,
    portfolio_changes,
    told_prices,
    trade_changes,
)
from traderbot.what_if.order_changes import order_changes
from traderbot.what_if.question import Question, Terms
from traderbot.what_if.recorded_bars import RecordedBars
from traderbot.what_if.telling import Telling
from traderbot.what_if.wishes import BarClosed, Step, steps_of

_NAMES = {kind: name for name, (kind, _) in EVENT_TYPES.items()}


def answer(
    reading: Engine,
    bars: BarStore,
    question: Question,
    in_force: Terms,
    progress: Progress | None = None,
) -> WhatIfAnswer:
    """Return what would have happened. The database is only read.

    `in_force` are the terms of the settings, unless the question says what others there were.

    Raises:
        BadQuestionError: it asks about something that is not in the log.
        UnanswerableError: the log cannot be reproduced, or does not hold what the answer needs.
        CorruptHistoryError: the log cannot be read.
    """
    codec = EventCodec()
    with no_collecting():
        with snapshot(reading) as reader:
            history = History.read(reader, codec)
        history.before(question.start)  # first of all, whether there is such a place
        terms = question.in_force.of(in_force)
        record = Record(
            history=history,
            start=question.start,
            steps=steps_of(history, question.start, terms.limits),
            bars=RecordedBars(bars, history),
            codec=codec,
        )
        return _answer(record, question, terms, progress)


def _answer(
    record: Record, question: Question, terms: Terms, progress: Progress | None
) -> WhatIfAnswer:
    history, start = record.history, record.start
    parameters = _parameters(history, question)
    dropped = _dropped(history, record.steps, question)
    count = _Count(2 * len(record.steps), progress)
    recorded = {run_id: history.runs[run_id].parameters for run_id in parameters}
    as_it_was = Variation(terms=terms, parameters=recorded)
    control = follow(record, as_it_was, count.one, only_to_the_fork=True)
    if control.fork is not None:
        raise _not_reproduced(control.fork)
    course = follow(
        record,
        Variation(
            terms=question.terms.of(terms),
            parameters=parameters,
            dropped=frozenset(dropped),
        ),
        count.one,
    )
    before = [fact.event for fact in history.before(start)]
    fact = Telling(history.states, [fact.event for fact in history.facts])
    hypothesis = Telling(course.states, [*before, *(made.event for made in course.made)])
    prices = end_prices(history)
    return WhatIfAnswer(
        question=question.document,
        start=start,
        events=len(history.facts),
        reproduced=len(history.facts) - start,
        fact=history.fingerprint,
        hypothesis=course.fingerprint,
        parts_at=_parting(course),
        orders=order_changes(
            fact, hypothesis, set(dropped.values()), course.refused, _placed_by(history)
        ),
        trades=trade_changes(fact, hypothesis),
        portfolios=portfolio_changes(fact, hypothesis, prices),
        prices=told_prices(prices, (fact, hypothesis)),
        refused=course.refused,
        refused_unlisted=course.refused_unlisted,
        unanswered=course.unanswered,
    )


class _Count:
    """Tells of the steps of both courses."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0

    def one(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _parameters(history: History, question: Question) -> dict[BotRunId, Mapping[str, str]]:
    """Return the parameters of the bot runs whose strategies are asked again."""
    if not question.parameters:
        return {}
    chosen = list(history.runs)
    if question.bot is not None:
        chosen = [BotRunId(question.bot)]
        if question.bot not in history.runs:
            msg = f"change.bot: there is no bot run {question.bot} in the log"
            raise BadQuestionError(msg)
    if not chosen:
        msg = "change.parameters: there is no bot run in the log"
        raise BadQuestionError(msg)
    found: dict[BotRunId, Mapping[str, str]] = {}
    for run_id in chosen:
        run = history.runs[run_id]
        found[run_id] = {**run.parameters, **question.parameters}
        try:
            StrategyRegistry.create(run.strategy, found[run_id])
        except DomainError as error:
            msg = f"change.parameters: bot run {run_id} runs {run.strategy}: {error}"
            raise BadQuestionError(msg) from error
    return found


def _dropped(history: History, steps: Sequence[Step], question: Question) -> dict[str, OrderId]:
    """Return the commands to leave out, each with the order it placed, if it placed one.

    Raises:
        BadQuestionError: an id is of nothing that was asked for from the fork on.
    """
    fills = {
        deed.command_id for step in steps if isinstance(step, BarClosed) for deed in step.deeds
    }
    asked = {step.deed.command_id for step in steps if not isinstance(step, BarClosed)}
    placed_by = _placed_by(history)
    orders = {command_id: order_id for order_id, command_id in placed_by.items()}
    found: dict[str, OrderId] = {}
    for number, id_ in enumerate(question.drop):
        command_id = placed_by.get(OrderId(id_), id_)
        where = f"change.drop[{number}]"
        if command_id in fills:
            msg = f"{where}: the paper venue's own fill follows from its order; drop the order"
            raise BadQuestionError(msg)
        if command_id not in asked:
            msg = f"{where}: no order or command {id_} is in the log from index {question.start} on"
            raise BadQuestionError(msg)
        found[command_id] = orders.get(command_id, OrderId(""))
    return found


def _placed_by(history: History) -> dict[OrderId, str]:
    """Return the command behind each order."""
    return {
        fact.event.order_id: fact.recorded.command_id
        for fact in history.facts
        if isinstance(fact.event, OrderPlaced)
    }


def _parting(course: Course) -> Parting | None:
    fork = course.fork
    if fork is None:
        return None
    here = fork.fact.recorded.stream if fork.fact is not None else ""
    return Parting(
        index=fork.index,
        stream=here or (fork.made.stream if fork.made is not None else ""),
        recorded=None if fork.fact is None else fork.fact.recorded.type,
        hypothetical=None if fork.made is None else _NAMES[type(fork.made.event)],
    )


def _not_reproduced(fork: Fork) -> UnanswerableError:
    what = fork.fact.recorded.type if fork.fact is not None else "nothing more"
    msg = (
        f"index {fork.index}: {what} is recorded, and decided again without any change it would "
        f'be {_other(fork)}; if the settings were others then, say which with "in_force", or fork '
        f"at {fork.index + 1} or later"
    )
    return UnanswerableError(msg)


def _other(fork: Fork) -> str:
    if fork.made is None:
        return "not there"
    recorded: Any = None if fork.fact is None else fork.fact.event
    made: Any = fork.made.event
    if type(recorded) is not type(made):
        return f"{_NAMES[type(made)]} of {fork.made.stream}"
    return "different: " + ", ".join(_differences(recorded, made))


def _differences(recorded: Any, made: Any) -> Iterator[str]:  # noqa: ANN401 - any event
    for field in fields(made):
        before, after = getattr(recorded, field.name), getattr(made, field.name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            for name in sorted(before.keys() | after.keys()):
                if before.get(name) != after.get(name):
                    yield f"{name} {after.get(name)} instead of {before.get(name)}"
        elif before != after:
            yield f"{field.name} {_brief(after)} instead of {_brief(before)}"


def _brief(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_brief(each) for each in value)})"
    if isinstance(value, Check):
        return f"{value.code} limit {value.limit} value {value.value}"
    return f"{value!s:.100}"
