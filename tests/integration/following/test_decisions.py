"""A discard that was recorded is one, however the row of the event came to lag behind."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.followers import QUICK, House, a_projection, note
from tests.stores import until
from traderbot.application.commands.operations import DiscardParked
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import (
    DurableHandler,
    NotParkedError,
    ParkedState,
    SubscriptionState,
)
from traderbot.infrastructure.persistence.log_tables import SubscriptionRow


def failing(stream: str, *, critical: bool = False) -> DurableHandler:
    def handle(recorded: Recorded, connection: object) -> None:
        if (recorded.stream, recorded.version) == (stream, 2):
            msg = "no room for this one"
            raise ValueError(msg)
        note("view", recorded, connection)  # type: ignore[arg-type]

    return a_projection(handle=handle, critical=critical)


def record_only(house: House, log_index: int) -> None:
    """Record that an event is given up, and end before its row is changed."""
    event = house.subscriptions.parked_event("view", log_index)
    house.desk.run(
        DiscardParked(
            subscription="view", log_index=log_index, event_id=event.event_id, reason="a test"
        )
    )


@pytest.fixture
def stream(house: House) -> str:
    (portfolio,) = house.portfolios(1)
    house.deposits([portfolio], each=3)
    return f"portfolio-{portfolio.id}"


def parked(house: House, stream: str) -> list[int]:
    own = house.indexes_of(stream)[1:]
    until(lambda: house.states("view") == dict.fromkeys(own, ParkedState.PARKED))
    return own


def test_the_subscription_follows_the_fact_when_it_reads_it(house: House, stream: str) -> None:
    house.follow(failing(stream))
    house.caught_up("view")
    first, *behind = parked(house, stream)
    record_only(house, first)
    assert house.states("view")[first] is ParkedState.PARKED
    house.caught_up("view")
    found = house.subscriptions.parked_event("view", first)
    assert (found.state, found.reason) == (ParkedState.DISCARDED, "a test")
    assert found.decided_by is not None
    assert {house.states("view")[it] for it in behind} == {ParkedState.PARKED}
    house.subscriptions.retry("view", behind[0])
    until(lambda: not house.open("view"))
    assert first not in [it.log_index for it in house.seen()]


def test_it_follows_one_that_it_had_read_already_when_it_begins_again(
    house: House, stream: str
) -> None:
    runner = house.follow(failing(stream))
    house.caught_up("view")
    first, *_ = parked(house, stream)
    record_only(house, first)
    runner.close()
    size = house.seal()
    with house.writing.begin() as connection:  # as by a program that did not know of this
        connection.execute(update(SubscriptionRow).values(position=size))
    house.follow(failing(stream))
    until(lambda: house.states("view")[first] is ParkedState.DISCARDED)


def test_what_was_given_up_is_not_retried(house: House, stream: str) -> None:
    runner = house.follow(failing(stream))
    house.caught_up("view")
    first, *_ = parked(house, stream)
    runner.close()
    record_only(house, first)
    with pytest.raises(NotParkedError, match="discarded"):
        house.subscriptions.retry("view", first)
    assert house.states("view")[first] is ParkedState.DISCARDED


def test_what_halts_a_critical_projection_is_given_up_when_it_is_resumed(
    house: House, stream: str
) -> None:
    house.follow(failing(stream, critical=True))
    until(lambda: house.known("view"))
    size = house.seal()
    until(lambda: house.status("view").state is SubscriptionState.HALTED)
    at = house.indexes_of(stream)[1]
    until(lambda: house.states("view") == {at: ParkedState.PARKED})
    record_only(house, at)
    house.subscriptions.resume("view")
    house.caught_up("view")
    assert [it.log_index for it in house.seen()][: size - 1] == sorted(set(range(size)) - {at})
    assert house.states("view") == {at: ParkedState.DISCARDED}
    assert QUICK.attempts == 3
