"""What operators decide about the log's machinery."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import NOON, later
from traderbot.domain.operations.events import EpochStarted, OperationsEvent
from traderbot.domain.operations.operations import Operations
from traderbot.domain.shared.errors import InvalidValueError

FACTS: dict[str, Any] = {
    "origin": "log/epoch-2",
    "reason": "restored from last night",
    "size": 3,
    "root": "ab" * 32,
    "published_size": 9,
    "published_root": "cd" * 32,
    "at": NOON,
}
STARTED = EpochStarted(epoch=2, **FACTS)


def in_epoch(epoch: int) -> Operations:
    return Operations.from_events([EpochStarted(epoch=epoch, **FACTS)])


def start(before: Operations | None, epoch: int, **facts: Any) -> tuple[OperationsEvent, ...]:
    return Operations.start_epoch(before, epoch=epoch, **{**FACTS, **facts})


def test_an_epoch_begins_with_its_reason() -> None:
    assert start(None, 2) == (STARTED,)
    assert in_epoch(2).epoch == 2


@pytest.mark.parametrize("epoch", [3, 7])
def test_a_later_epoch_follows_even_if_some_are_unknown_here(epoch: int) -> None:
    (started,) = start(in_epoch(2), epoch, at=later(1))
    assert isinstance(started, EpochStarted)
    assert started.epoch == epoch
    assert in_epoch(2).apply(started).epoch == epoch


def test_an_epoch_begins_once() -> None:
    assert start(in_epoch(2), 2) == ()


@pytest.mark.parametrize(("before", "epoch"), [(None, 1), (None, 0), (in_epoch(3), 2)])
def test_an_epoch_that_is_over_does_not_begin(before: Operations | None, epoch: int) -> None:
    with pytest.raises(InvalidValueError, match=f"epoch {epoch} cannot begin"):
        start(before, epoch)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
def test_a_reason_is_a_line_of_text(reason: str) -> None:
    with pytest.raises(InvalidValueError, match="a reason is"):
        start(None, 2, reason=reason)
    with pytest.raises(InvalidValueError, match="a reason is"):
        start(in_epoch(2), 2, reason=reason)


def test_an_event_is_given_up_once_and_by_subscription() -> None:
    facts: dict[str, Any] = {
        "subscription": "mail",
        "log_index": 7,
        "event_id": "id",
        "reason": "the address is gone",
        "at": NOON,
    }
    discarded = Operations.discard_parked(None, **facts)
    after = Operations.from_events(discarded)
    assert after.discarded == {("mail", 7)}
    assert Operations.discard_parked(after, **facts) == ()
    assert len(Operations.discard_parked(after, **{**facts, "subscription": "relay"})) == 1
