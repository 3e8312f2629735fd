"""Of every kind of event: whether anybody can tell what was asked for when it was recorded."""

from __future__ import annotations

import pytest

from tests.unit.infrastructure.event_store.examples import EXAMPLES
from traderbot.application.ports.recorded import Actor, Recorded
from traderbot.application.ports.what_if import UnanswerableError
from traderbot.domain.risk.limits import Limits
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.what_if.history import Fact, History
from traderbot.what_if.wishes import TakeAsRecorded, Wish, steps_of

# What venues elsewhere say, and changes of orders: nobody can say what they would have said.
OF_VENUES = (
    "order.submitting",
    "order.submission_deferred",
    "order.submission_unknown",
    "order.not_found",
    "order.unconfirmed",
    "order.venue_answered",
    "order.cancel_refused",
    "order.amend_requested",
    "order.amended",
    "order.amend_refused",
)
# What rests on nothing that a question changes.
AS_IT_WAS = tuple(
    name for name in EVENT_TYPES if name.partition(".")[0] in ("risk", "venue", "market", "user")
)
_COMMAND = "0192f0c1-0000-7000-8000-00000000000c"


def alone(name: str) -> History:
    """Return a log of one event."""
    event = EXAMPLES[name]
    recorded = Recorded(
        position=1,
        id="0192f0c1-0000-7000-8000-00000000000e",
        stream=f"{name.partition('.')[0]}-{_COMMAND}",
        version=1,
        type=name,
        schema=EVENT_TYPES[name][1],
        occurred_at=event.at,
        recorded_at=event.at,
        command_id=_COMMAND,
        correlation_id=_COMMAND,
        causation_id=_COMMAND,
        actor=Actor("user", _COMMAND, "api"),
        leaf_hash=bytes(32),
        event=event,
    )
    return History([Fact(0, recorded, b"{}")])


@pytest.mark.parametrize("name", OF_VENUES)
def test_what_only_a_venue_can_say_is_not_decided_again_and_says_so(name: str) -> None:
    with pytest.raises(UnanswerableError) as caught:
        steps_of(alone(name), 0, Limits())
    assert str(caught.value) == (
        f"index 0: nobody can tell what was asked for when {name} was recorded; fork at 1 or later"
    )


@pytest.mark.parametrize("name", [it for it in AS_IT_WAS if it in EXAMPLES])
def test_what_no_limit_touches_is_taken_as_it_was(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traderbot.what_if.wishes.advance", lambda *_: None)  # no whole stream
    (only,) = steps_of(alone(name), 0, Limits())
    assert isinstance(only, Wish)
    assert isinstance(only.command, TakeAsRecorded)
    assert [fact.recorded.type for fact in only.command.facts] == [name]
