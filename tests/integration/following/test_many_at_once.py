"""When many events wait they are read together and begun together, and none is lost by that."""

from __future__ import annotations

import asyncio
from time import sleep

import pytest
from sqlalchemy import event

from tests.followers import QUICK, House, a_projection, a_reactor
from tests.stores import until
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import Effect, ParkedState
from traderbot.infrastructure.following.away import TargetAwayError
from traderbot.infrastructure.following.feed import Feed
from traderbot.infrastructure.following.log_follower import LogFollower


@pytest.fixture
def size(house: House) -> int:
    """Give a log with more events than are begun together."""
    house.deposits(house.portfolios(2), each=40)
    return house.seal()


def test_each_event_is_told_once_with_its_own_answer_and_few_transactions(
    house: House, size: int
) -> None:
    told: list[int] = []

    def handle(recorded: Recorded, effect: Effect) -> str:
        assert (effect.attempt, effect.log_index) == (1, recorded.position)
        told.append(recorded.position)
        return f"answer {recorded.position}"

    runner = house.follow(a_reactor(handle))
    commits: list[None] = []
    event.listen(runner._place.writing, "commit", lambda _connection: commits.append(None))
    house.caught_up("letters")
    assert told == list(range(size))
    until(lambda: house.rows("SELECT DISTINCT status FROM effects") == [("done",)])
    digests = house.rows("SELECT count(DISTINCT response_digest), max(attempts) FROM effects")
    assert digests == [(size, 1)]
    assert len(commits) < size / 4


def test_one_that_fails_among_them_is_parked_and_those_after_it_have_their_first_attempt(
    house: House, size: int
) -> None:
    attempts: dict[int, list[int]] = {}

    async def handle(recorded: Recorded, effect: Effect) -> None:
        attempts.setdefault(recorded.position, []).append(effect.attempt)
        await asyncio.sleep(0)
        if recorded.position == 20:
            msg = "not this one"
            raise ValueError(msg)

    house.follow(a_reactor(handle, sequence_key=lambda recorded: recorded.id))
    house.caught_up("letters")
    until(lambda: house.states("letters") == {20: ParkedState.PARKED})
    assert attempts.pop(20) == list(range(1, QUICK.attempts + 1))
    assert attempts == {index: [1] for index in range(size) if index != 20}


def test_an_outage_in_the_middle_of_them_counts_for_none(house: House, size: int) -> None:
    told: list[tuple[int, int]] = []
    away = 30

    def handle(recorded: Recorded, effect: Effect) -> None:
        nonlocal away
        if recorded.position >= 20 and away:
            away -= 1
            msg = "nobody is there"
            raise TargetAwayError(msg)
        told.append((recorded.position, effect.attempt))

    house.follow(a_reactor(handle))
    house.caught_up("letters")
    assert told == [(index, 1) for index in range(size)]
    assert house.put_aside("letters") == []


def test_slow_calls_are_not_begun_in_vain_for_long(house: House, size: int) -> None:
    told: list[int] = []

    def handle(recorded: Recorded, _effect: Effect) -> None:
        sleep(0.03)
        told.append(recorded.position)

    house.follow(a_reactor(handle))
    house.caught_up("letters", seconds=60)
    assert told == list(range(size))
    until(
        lambda: house.rows("SELECT status, max(attempts) FROM effects GROUP BY 1") == [("done", 1)]
    )


def test_what_all_workers_want_is_read_once(house: House, size: int) -> None:
    asked: list[str] = []
    event.listen(house.reading, "before_cursor_execute", lambda *it: asked.append(it[2]))
    feed = Feed(house.reading, LogFollower(house.codec), 60)
    for _ in range(6):
        lines = feed.read(0)
        assert [line.log_index for line in lines] == list(range(size))
        assert feed.read(size) == []
    assert len([it for it in asked if "body" in it]) == 1
    first = feed.recorded(lines[0])
    assert feed.recorded(lines[0]) is first
    house.deposits([house.desk.portfolio(email="late@example.org")], each=1)
    assert feed.read(size) == []  # nobody has said so yet
    house.seal()
    feed.nudge()
    assert [line.log_index for line in feed.read(size)] == list(range(size, size + 4))
    assert [line.log_index for line in feed.read(size + 3)] == [size + 3]


def test_without_a_nudge_it_looks_by_itself(house: House, size: int) -> None:
    feed = Feed(house.reading, LogFollower(house.codec), 0.0)
    assert len(feed.read(0)) == size
    assert feed.read(size) == []
    house.deposits([house.desk.portfolio(email="late@example.org")], each=1)
    house.seal()
    assert len(feed.read(size)) == 4


def test_a_projection_s_rows_and_place_still_change_together(house: House, size: int) -> None:
    house.follow(a_projection("one"), a_projection("two"))
    house.caught_up("one", "two")
    for name in ("one", "two"):
        assert [it.log_index for it in house.seen(name)] == list(range(size))
