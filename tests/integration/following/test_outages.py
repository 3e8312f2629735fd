"""While the other side is away a reactor waits; a clock that was set back makes nobody wait."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import update

from tests.builders import NOON
from tests.followers import QUICK, House, a_reactor
from tests.stores import until
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import Effect, ParkedState, SubscriptionState
from traderbot.infrastructure.following.away import TargetAwayError
from traderbot.infrastructure.following.parking import Parking
from traderbot.infrastructure.following.subscription_store import SubscriptionTimes
from traderbot.infrastructure.persistence.log_tables import ParkedEventRow
from traderbot.infrastructure.repeatable import ReplayClock


class World:
    """Takes letters, unless it is away."""

    def __init__(self) -> None:
        self.is_away = False
        self.calls = 0
        self.taken: list[tuple[int, int]] = []

    def __call__(self, recorded: Recorded, effect: Effect) -> None:
        self.calls += 1
        if self.is_away:
            msg = "nobody is there"
            raise TargetAwayError(msg)
        self.taken.append((recorded.position, effect.attempt))


def test_an_outage_parks_nothing_however_long_and_nothing_is_left_out(house: House) -> None:
    world = World()
    portfolios = house.portfolios(2)
    house.follow(a_reactor(world, sequence_key=lambda _recorded: "all"))
    before = house.caught_up("letters")
    world.is_away, world.calls = True, 0
    house.deposits(portfolios, each=5)
    size = house.seal()
    until(lambda: world.calls > 5 * QUICK.attempts)
    status = house.status("letters")
    assert (status.position, status.retrying, status.parked) == (before, 0, 0)
    assert status.state is SubscriptionState.RUNNING
    assert status.error == "waits: nobody is there"
    assert house.rows("SELECT max(attempts) FROM effects")[0][0] <= 1
    world.is_away = False
    house.caught_up("letters")
    assert world.taken == [(index, 1) for index in range(size)]
    until(lambda: house.status("letters").error is None)


def test_a_new_worker_waits_as_well_and_says_so_no_longer_than_it_is_true(house: House) -> None:
    world = World()
    world.is_away = True
    house.portfolios(1)
    runner = house.follow(a_reactor(world))
    until(lambda: house.known("letters"))
    size = house.seal()
    until(lambda: house.status("letters").error is not None)
    runner.close()
    world.is_away = False
    house.follow(a_reactor(world))
    house.caught_up("letters")
    assert [index for index, _ in world.taken] == list(range(size))
    until(lambda: house.status("letters").error is None)


def test_an_operator_s_attempt_during_an_outage_is_made_when_it_is_over(house: House) -> None:
    world, refuses = World(), True

    def handle(recorded: Recorded, effect: Effect) -> None:
        if refuses and recorded.position == 1:
            msg = "not this one"
            raise ValueError(msg)
        world(recorded, effect)

    house.portfolios(1)
    house.follow(a_reactor(handle))
    house.caught_up("letters")
    until(lambda: ParkedState.PARKED in house.states("letters").values())
    refuses, world.is_away = False, True
    attempts = house.subscriptions.parked_event("letters", 1).attempts
    house.subscriptions.retry("letters", 1)
    calls = world.calls
    until(lambda: world.calls > calls + 3)
    found = house.subscriptions.parked_event("letters", 1)
    assert found.state in {ParkedState.REQUEUED, ParkedState.RETRYING}
    assert found.attempts <= attempts + 1
    world.is_away = False
    until(lambda: not house.open("letters"))
    assert [index for index, _ in world.taken if index == 1] == [1]


@pytest.mark.parametrize("hours", [1, 24 * 365])
def test_a_clock_that_was_set_back_delays_no_attempt(house: House, hours: int) -> None:
    clock = ReplayClock(NOON + timedelta(hours=hours))
    parking = Parking("view", SubscriptionTimes(clock))
    wait = Random(hours).uniform(1, 60)  # noqa: S311 - to be repeated
    with house.writing.begin() as connection:
        parking.count(connection, 3, "an event", "a key")
        parking.fail(
            connection, 3, "an event", "a key", attempts=1, error=ValueError(), wait_seconds=wait
        )
        assert parking.due(connection, below=4) == []
        assert parking.seconds_to_next(connection, below=4) == pytest.approx(wait, abs=0.001)
        back = Parking("view", SubscriptionTimes(ReplayClock(NOON)))
        assert back.due(connection, below=4) == [(3, "a key")]
        assert back.seconds_to_next(connection, below=4) == 0
        connection.execute(update(ParkedEventRow).values(last_at=NOON, next_at=NOON))
        assert back.due(connection, below=4) == [(3, "a key")]
