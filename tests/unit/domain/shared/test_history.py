from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from tests.builders import (
    an_order,
    approved,
    deactivated,
    decided,
    deposited,
    opened,
    placed,
    registered,
    started,
)
from traderbot.domain.bots.bot_run import BotRun
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.errors import CorruptHistoryError, DomainError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.values import Money
from traderbot.domain.users.user import User

Fold = Callable[[Sequence[Any]], object]

_AGGREGATES: list[tuple[Fold, Any, Any]] = [
    (Order.from_events, placed(), approved()),
    (Portfolio.from_events, opened(), deposited()),
    (BotRun.from_events, started(), decided()),
    (User.from_events, registered(), deactivated()),
]
_NAMES = ["Order", "Portfolio", "BotRun", "User"]
every_aggregate = pytest.mark.parametrize(
    ("from_events", "first", "second"), _AGGREGATES, ids=_NAMES
)


@pytest.mark.parametrize("from_events", [fold for fold, *_ in _AGGREGATES], ids=_NAMES)
def test_a_history_of_nothing_is_corrupt(from_events: Fold) -> None:
    with pytest.raises(CorruptHistoryError, match="at least one event"):
        from_events([])


@every_aggregate
def test_a_history_that_does_not_start_at_the_start_is_corrupt(
    from_events: Fold, first: Any, second: Any
) -> None:
    with pytest.raises(CorruptHistoryError, match=f"starts with {type(second).__name__}"):
        from_events([second, first])


@every_aggregate
def test_a_history_that_starts_twice_is_corrupt(from_events: Fold, first: Any, second: Any) -> None:
    with pytest.raises(CorruptHistoryError, match="twice"):
        from_events([first, second, first])


@every_aggregate
def test_the_version_is_how_many_events_made_it(from_events: Fold, first: Any, second: Any) -> None:
    assert from_events([first]).version == 1  # type: ignore[attr-defined]
    assert from_events([first, second]).version == 2  # type: ignore[attr-defined]


@every_aggregate
def test_a_history_may_be_read_only_once(from_events: Fold, first: Any, second: Any) -> None:
    stream = (event for event in [first, second])
    assert from_events(stream) == from_events([first, second])  # type: ignore[arg-type]


def test_a_corrupt_history_is_no_refusal_of_a_wish() -> None:
    assert not issubclass(CorruptHistoryError, DomainError)


def test_an_evolved_state_is_a_replaced_one_and_leaves_the_old_as_it_was() -> None:
    before = an_order(reserved="1050 USD")
    nothing = Money("0", "USD")
    after = evolve(before, version=3, reserved=nothing)
    assert after == replace(before, version=3, reserved=nothing)
    assert hash(after) == hash(replace(before, version=3, reserved=nothing))
    assert before == an_order(reserved="1050 USD")
    assert evolve(before) == before


def test_an_evolved_state_is_as_frozen_as_its_ancestor() -> None:
    with pytest.raises(FrozenInstanceError):
        evolve(an_order(), version=3).version = 4  # type: ignore[misc]


@pytest.mark.parametrize("name", ["versoin", "remaining", "_version"])
def test_a_state_evolves_only_in_its_fields(name: str) -> None:
    with pytest.raises(TypeError, match=f"Order has no field {name}"):
        evolve(an_order(), version=3, **{name: 1})


def test_an_event_of_another_aggregate_is_corrupt_history() -> None:
    with pytest.raises(CorruptHistoryError, match="cannot follow"):
        fold(Order.begin, [placed(), deposited()])  # type: ignore[arg-type]
