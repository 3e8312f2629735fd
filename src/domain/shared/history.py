"""Folding a history: the one way an aggregate's state comes to be, live and in replay alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self, TypeVar

from traderbot.domain.shared.errors import (
    CorruptHistoryError,
    DomainError,
)

E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)


class Aggregate(Protocol[E_contra]):
    """Something its events have made, and nothing else."""

    @property
    def version(self) -> int:
        """How many events made it."""
        ...

    def apply(self, event: E_contra) -> Self:
        """Return the state after `event`; it checks no rule."""
        ...


A = TypeVar("A", bound=Aggregate)  # type: ignore[type-arg]


def fold(begin: Callable[[E], A], events: Iterable[E]) -> A:
    """Return what a whole history makes: `begin` on its first event, `apply` on the others.

    Raises:
        CorruptHistoryError: there is no event at all, or one that cannot have followed the others.
    """
    state: A | None = None
    for event in events:
        state = step(begin, state, event)
    if state is None:
        msg = "a history has at least one event"
        raise CorruptHistoryError(msg)
    return state


def step(begin: Callable[[E], A], state: A | None, event: E) -> A:
    """Return the state after one more recorded event; None is the state before the first.

    Raises:
        CorruptHistoryError: the event cannot have followed. What is recorded was no wish that could
            still be refused, so it is never told as one.
    """
    try:
        after = begin(event) if state is None else state.apply(event)
    except (DomainError, ValueError) as error:
        msg = f"{type(event).__name__} cannot have followed: {error}"
        raise CorruptHistoryError(msg) from error
    if after is None:  # an event of another kind of aggregate: none of the cases fits
        msg = f"{type(event).__name__} is no event of this stream"
        raise CorruptHistoryError(msg)
    return after


S = TypeVar("S")


def evolve(state: S, **changes: Any) -> S:  # noqa: ANN401 - the fields of any aggregate
    """Return a copy of a frozen state with some fields changed; `dataclasses.replace`, but fast.

    Folding a log spends most of its time making the next state. `replace` sets every field again
    through the frozen guard; copying the instance's dictionary costs a tenth of it.

    Raises:
        TypeError: a name is not a field.
    """
    before = state.__dict__
    after = object.__new__(type(state))
    fields = after.__dict__
    fields.update(before)
    fields.update(changes)
    if len(fields) != len(before):
        msg = f"{type(state).__name__} has no field {', '.join(changes.keys() - before.keys())}"
        raise TypeError(msg)
    return after
