"""Durable subscriptions over the log, on every database that has one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.followers import QUICK, House, Seen, a_projection, a_reactor, assert_order_kept, note
from tests.guards import lift_guards, lifted_guards
from tests.stores import SqlStore, until
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.event_bus import HandlerKind, ReplayPolicy, Start
from traderbot.application.ports.recorded import Recorded
from traderbot.application.ports.subscriptions import (
    DurableHandler,
    Effect,
    NotParkedError,
    NotReplayableError,
    ParkedState,
    SubscriptionState,
)
from traderbot.application.ports.views import BadCursorError
from traderbot.domain.portfolio.events import CashDeposited, PortfolioOpened
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.following.pace import BATCH
from traderbot.infrastructure.following.subscription_store import (
    LeaseLostError,
    SubscriptionStore,
    SubscriptionTimes,
)


@pytest.fixture
def house(sql_store: SqlStore) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(sql_store, stack)


class Switch:
    """Makes a handler fail as long as it is on, for events of one stream."""

    def __init__(self, stream: str, version: int | None = None) -> None:
        self.on = True
        self.stream = stream
        self.version = version
        self.failed = 0

    def __call__(self, recorded: Recorded) -> None:
        if self.on and recorded.stream == self.stream and self.version in {None, recorded.version}:
            self.failed += 1
            msg = "no room for this one"
            raise ValueError(msg)


def failing(switch: Any, name: str = "view", **changes: Any) -> DurableHandler:
    def handle(recorded: Recorded, connection: Connection) -> None:
        note(name, recorded, connection)  # so that a rollback has something to undo
        switch(recorded)

    return replace(a_projection(name), handle=handle, **changes)


# What is followed ---------------------------------------------------------------------------------


def test_a_projection_sees_the_whole_log_once_and_in_order(house: House) -> None:
    house.deposits(house.portfolios(3), each=5)
    house.follow(a_projection())
    size = house.caught_up("view")
    assert [each.log_index for each in house.seen()] == list(range(size))
    house.deposits([house.desk.portfolio(email="b@example.org")], each=7)
    size = house.caught_up("view")
    assert [each.log_index for each in house.seen()] == list(range(size))
    assert_order_kept(house.seen())


def test_it_follows_without_being_nudged(house: House) -> None:
    slow = replace(QUICK, poll_seconds=60.0)  # so it is the database that says so
    house.follow(a_projection(), pace=slow)
    until(lambda: house.known("view"))
    house.portfolios(1)
    house.caught_up("view")


def test_it_goes_on_where_it_ended(house: House) -> None:
    portfolios = house.portfolios(1)
    runner = house.follow(a_projection())
    house.caught_up("view")
    assert runner.close()
    house.deposits(portfolios, each=5)
    assert house.status("view").owner is None
    house.follow(a_projection())
    size = house.caught_up("view")
    assert [each.log_index for each in house.seen()] == list(range(size))


def test_one_that_begins_now_sees_only_what_comes(house: House) -> None:
    portfolios = house.portfolios(1)
    before = house.seal()
    house.follow(a_projection(start=Start.NOW))
    until(lambda: house.known("view"))
    house.deposits(portfolios, each=1)
    size = house.caught_up("view")
    assert [each.log_index for each in house.seen()] == list(range(before, size))


def test_only_the_types_it_asked_for(house: House) -> None:
    house.deposits(house.portfolios(2), each=2)
    house.follow(a_projection(event_types=frozenset({CashDeposited})))
    size = house.caught_up("view")
    sql = "SELECT count(*) FROM events WHERE type = 'portfolio.cash_deposited'"
    assert len(house.seen()) == house.rows(sql)[0][0]
    until(lambda: house.status("view").position == size)  # it is stored a little later


def test_more_than_a_batch_is_caught_up_with_in_order(house: House) -> None:
    house.deposits(house.portfolios(1), each=BATCH + 10)
    house.follow(a_projection())
    size = house.caught_up("view")
    assert size > BATCH
    assert [each.log_index for each in house.seen()] == list(range(size))


def test_asynchronous_handlers_are_awaited(house: House) -> None:
    told: list[str] = []

    async def handle(recorded: Recorded, effect: Effect) -> str:
        await asyncio.sleep(0)
        told.append(recorded.id)
        return effect.token

    house.portfolios(1)
    house.follow(a_reactor(handle))
    size = house.caught_up("letters")
    assert len(told) == len(set(told)) == size


def test_a_type_nobody_here_knows_stops_only_who_asked_for_it(house: House) -> None:
    house.deposits(house.portfolios(1), each=2)
    old = {name: each for name, each in EVENT_TYPES.items() if name != "portfolio.cash_deposited"}
    house.follow(
        a_projection("some", event_types=frozenset({PortfolioOpened})),
        a_projection("all"),
        codec=EventCodec(old),
    )
    house.caught_up("some", "all")
    assert len(house.seen("some")) == 1
    until(lambda: set(house.states("all").values()) == {ParkedState.PARKED})
    parked = house.open("all")
    assert parked[0].error_type == "CorruptHistoryError"
    assert "portfolio.cash_deposited" in parked[0].error


def test_an_index_that_is_missing_halts_and_nothing_is_skipped(house: House) -> None:
    house.deposits(house.portfolios(1), each=3)
    size = house.seal()
    with house.writing.begin() as connection:
        if connection.dialect.name == "sqlite":
            lift_guards(connection)
            connection.execute(text("DELETE FROM events WHERE position = 4"))
        else:
            with lifted_guards(connection):
                connection.execute(text("DELETE FROM log WHERE log_index = 3"))
    house.follow(a_projection())
    until(lambda: house.known("view") and house.status("view").state is SubscriptionState.HALTED)
    assert "log index 3 is missing" in str(house.status("view").error)
    assert house.status("view").position <= 3 < size
    assert house.seen() == []


# What fails ---------------------------------------------------------------------------------------


def test_one_failure_is_tried_again_and_leaves_nothing_behind(house: House) -> None:
    portfolio, other = house.portfolios(2)
    stream = f"portfolio-{portfolio.id}"
    switch = Switch(stream)

    def once(recorded: Recorded) -> None:
        if switch.failed < 2:
            switch(recorded)

    house.deposits([portfolio, other], each=3)
    house.follow(failing(once))
    size = house.caught_up("view")
    until(lambda: not house.open("view"))
    assert switch.failed == 2
    assert sorted(each.log_index for each in house.seen()) == list(range(size))
    assert_order_kept(house.seen())


@pytest.mark.parametrize("seed", range(3))
def test_whatever_fails_now_and_then_each_event_counts_once_and_in_order(
    house: House, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - to be repeated
    fails = {(stream, version): random.choice([0, 0, 0, 1, 2, 4]) for stream in range(4)
             for version in range(1, 12)}  # fmt: skip
    portfolios = house.portfolios(4)
    number = {f"portfolio-{each.id}": n for n, each in enumerate(portfolios)}
    told: list[tuple[str, int]] = []

    def perhaps(left: dict[tuple[int, int], int], recorded: Recorded) -> None:
        place = (number.get(recorded.stream, -1), recorded.version)
        if left.get(place, 0) > 0:
            left[place] -= 1
            msg = "not now"
            raise OSError(msg)

    projected, reacted = dict(fails), dict(fails)

    def react(recorded: Recorded, _effect: Effect) -> None:
        perhaps(reacted, recorded)
        told.append((recorded.stream, recorded.version))

    house.deposits(portfolios, each=5)
    house.follow(
        failing(lambda recorded: perhaps(projected, recorded)), a_reactor(react, "letters")
    )
    house.deposits(portfolios, each=5)
    size = house.caught_up("view", "letters")

    def all_done() -> bool:
        # Four failures are more than the attempts: somebody has to decide.
        for name in ("view", "letters"):
            for each in house.open(name):
                if each.state is ParkedState.PARKED:
                    with suppress(NotParkedError, NotFoundError):
                        house.subscriptions.retry(name, each.log_index)
        return not house.open("view") and not house.open("letters")

    until(all_done)
    seen = house.seen()
    assert sorted(each.log_index for each in seen) == list(range(size))
    assert_order_kept(seen)
    assert_order_kept([Seen(0, stream, version) for stream, version in told])
    assert len(told) == size


def test_an_event_that_always_fails_is_parked_with_its_successors_and_others_flow(
    house: House,
) -> None:
    portfolio, other = house.portfolios(2)
    stream = f"portfolio-{portfolio.id}"
    switch = Switch(stream, version=2)
    house.deposits([portfolio, other], each=3)
    house.follow(failing(switch))
    size = house.caught_up("view")
    own = house.indexes_of(stream)
    until(lambda: house.states("view") == dict.fromkeys(own[1:], ParkedState.PARKED))
    house.deposits([portfolio, other], each=2)
    size = house.caught_up("view")
    own = house.indexes_of(stream)
    assert house.states("view") == dict.fromkeys(own[1:], ParkedState.PARKED)
    assert {each.log_index for each in house.seen()} == set(range(size)) - set(own[1:])
    first, *behind = house.open("view")
    assert (first.error_type, first.error) == ("ValueError", "no room for this one")
    assert first.sequence_key == stream
    assert switch.failed >= first.attempts == QUICK.attempts
    assert {each.attempts for each in behind} == {0}


def test_a_retry_drains_the_key_in_order_and_new_events_queue_behind(house: House) -> None:
    portfolio, other = house.portfolios(2)
    stream = f"portfolio-{portfolio.id}"
    switch = Switch(stream, version=2)
    house.deposits([portfolio, other], each=4)
    house.follow(failing(switch))
    house.caught_up("view")
    own = house.indexes_of(stream)
    until(lambda: house.states("view") == dict.fromkeys(own[1:], ParkedState.PARKED))
    assert house.subscriptions.retry("view", own[-1]) == len(own) - 1  # still fails: parked again
    until(lambda: house.states("view") == dict.fromkeys(own[1:], ParkedState.PARKED))
    assert house.open("view")[0].attempts == QUICK.attempts + 1
    switch.on = False
    house.subscriptions.retry("view", own[1])
    house.deposits([portfolio, other], each=4)
    size = house.caught_up("view")
    until(lambda: not house.open("view"))
    assert sorted(each.log_index for each in house.seen()) == list(range(size))
    assert_order_kept(house.seen())
    house.deposits([portfolio], each=1)  # and the key is free again
    house.caught_up("view")
    assert house.open("view") == []


def test_a_discard_gives_up_one_event_and_the_rest_goes_on_when_retried(house: House) -> None:
    (portfolio,) = house.portfolios(1)
    stream = f"portfolio-{portfolio.id}"
    house.deposits([portfolio], each=3)
    house.follow(failing(Switch(stream, version=2)))
    size = house.caught_up("view")
    own = house.indexes_of(stream)
    until(lambda: house.states("view") == dict.fromkeys(own[1:], ParkedState.PARKED))
    given_up = house.subscriptions.discard("view", own[1], reason="a test", by="somebody")
    assert (given_up.state, given_up.decided_by, given_up.reason) == (
        ParkedState.DISCARDED,
        "somebody",
        "a test",
    )
    with pytest.raises(NotParkedError):
        house.subscriptions.discard("view", own[1], reason="a test", by="somebody")
    assert house.states("view")[own[2]] is ParkedState.PARKED
    house.subscriptions.retry("view", own[2])
    until(lambda: not house.open("view"))
    assert [each.log_index for each in house.seen()] == sorted(set(range(size)) - {own[1]})


def test_a_critical_projection_halts_until_it_is_resumed(house: House) -> None:
    (portfolio,) = house.portfolios(1)
    stream = f"portfolio-{portfolio.id}"
    switch = Switch(stream, version=2)
    house.deposits([portfolio], each=3)
    house.follow(failing(switch, critical=True), a_projection("other"))
    until(lambda: house.known("view"))  # so that the first batch is one of three
    size = house.caught_up("other")
    until(lambda: house.status("view").state is SubscriptionState.HALTED)
    at = house.indexes_of(stream)[1]
    status = house.status("view")
    assert (status.position, status.lag, status.parked) == (at, size - at, 1)
    assert f"log index {at}: ValueError: no room for this one" in str(status.error)
    assert switch.failed == QUICK.attempts + 1  # once in the batch
    with pytest.raises(NotParkedError, match="resume"):
        house.subscriptions.retry("view", at)
    switch.on = False
    house.subscriptions.resume("view")
    house.caught_up("view")
    assert [each.log_index for each in house.seen()] == list(range(size))
    assert house.open("view") == []


def test_what_halts_a_critical_projection_can_be_discarded(house: House) -> None:
    (portfolio,) = house.portfolios(1)
    stream = f"portfolio-{portfolio.id}"
    house.deposits([portfolio], each=3)
    house.follow(failing(Switch(stream, version=2), critical=True))
    until(lambda: house.known("view"))
    size = house.seal()
    until(lambda: house.status("view").state is SubscriptionState.HALTED)
    at = house.indexes_of(stream)[1]
    house.subscriptions.discard("view", at, reason="a test", by="somebody")
    house.subscriptions.resume("view")
    house.caught_up("view")
    assert [each.log_index for each in house.seen()] == sorted(set(range(size)) - {at})


@pytest.mark.parametrize("kind", ["projection", "reactor"])
def test_a_handler_that_hangs_is_left_behind_and_delays_nobody(house: House, kind: str) -> None:
    portfolio, other = house.portfolios(2)
    stream = f"portfolio-{portfolio.id}"
    go, told = threading.Event(), []

    def hang(recorded: Recorded) -> None:
        if recorded.stream == stream and recorded.version == 2:
            go.wait(60)

    def react(recorded: Recorded, _effect: Effect) -> None:
        hang(recorded)
        told.append(recorded.position)

    slow = failing(hang, "slow", timeout_seconds=0.2)
    if kind == "reactor":
        slow = a_reactor(react, "slow", timeout_seconds=0.2)
    house.deposits([portfolio, other], each=3)
    runner = house.follow(slow, a_projection("other"))
    try:
        size = house.caught_up("other", seconds=5)
        house.caught_up("slow")
        own = house.indexes_of(stream)
        until(lambda: house.states("slow") == dict.fromkeys(own[1:], ParkedState.PARKED))
        assert house.open("slow")[0].error_type == "HandlerHangsError"
        assert runner.left_behind()["slow"] >= QUICK.attempts
        house.deposits([other], each=1)  # the writer is not in anybody's way
    finally:
        go.set()
    until(lambda: runner.left_behind()["slow"] == 0)
    house.caught_up("slow")
    if kind == "projection":  # what they wrote when they came back is nowhere
        handled = {each.log_index for each in house.seen("slow")}
        assert handled.isdisjoint(own[1:])
        assert set(range(size)) - handled == set(own[1:])
    house.subscriptions.retry("slow", own[1])
    until(lambda: not house.open("slow"))


def test_an_asynchronous_handler_that_hangs_is_cancelled(house: House) -> None:
    cancelled: list[int] = []

    async def handle(recorded: Recorded, _effect: Effect) -> None:
        try:
            if recorded.position == 1:
                await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(recorded.position)
            raise

    house.portfolios(1)
    runner = house.follow(a_reactor(handle, timeout_seconds=0.05))
    house.caught_up("letters")
    until(lambda: house.states("letters").get(1) is ParkedState.PARKED)
    assert cancelled == [1] * QUICK.attempts
    assert runner.left_behind() == {"letters": 0}
    assert house.open("letters")[0].error_type == "HandlerTimeoutError"


def test_a_handler_that_hangs_does_not_hold_up_the_end(house: House) -> None:
    held, go = threading.Event(), threading.Event()

    def handle(_recorded: Recorded, _connection: Connection) -> None:
        held.set()
        go.wait(60)

    house.portfolios(1)
    house.seal()  # before: in SQLite a handler at work keeps the sealer out
    runner = house.follow(replace(a_projection(), handle=handle, timeout_seconds=60))
    assert held.wait(20)
    try:
        assert runner.close(timeout=1.0)
        assert house.status("view").owner is None
        house.desk.user("c@example.org")  # the writer is not in anybody's way
    finally:
        go.set()


# Reactors -----------------------------------------------------------------------------------------


def test_an_effect_is_on_record_before_the_call_and_its_token_never_changes(house: House) -> None:
    calls: list[tuple[str, str, int]] = []
    on_record: list[Any] = []

    def handle(recorded: Recorded, effect: Effect) -> bytes:
        sql = "SELECT token, status, attempts FROM effects WHERE event_id = :id"
        on_record.extend(tuple(row) for row in house.rows(sql, id=recorded.id))
        calls.append((recorded.id, effect.token, effect.attempt))
        if recorded.position == 1 and effect.attempt < 3:
            msg = "the world did not listen"
            raise OSError(msg)
        return b"250 OK"

    house.portfolios(1)
    house.follow(a_reactor(handle))
    house.caught_up("letters")
    until(lambda: not house.open("letters"))
    assert on_record == [(token, "started", attempt) for _, token, attempt in calls]
    tokens = {(id_, token) for id_, token, _ in calls}
    assert len(tokens) == len({id_ for id_, _ in tokens}) == len({token for _, token in tokens})
    assert max(attempt for *_, attempt in calls) == 3
    rows = house.rows("SELECT status, response_digest FROM effects")
    assert {tuple(row) for row in rows} == {("done", sha256(b"250 OK").hexdigest())}


def test_a_reactor_that_gives_up_is_parked_by_key(house: House) -> None:
    portfolio, other = house.portfolios(2)
    stream = f"portfolio-{portfolio.id}"
    switch, told = Switch(stream, version=2), []

    def handle(recorded: Recorded, _effect: Effect) -> None:
        switch(recorded)
        told.append(recorded.position)

    house.deposits([portfolio, other], each=3)
    house.follow(a_reactor(handle))
    size = house.caught_up("letters")
    own = house.indexes_of(stream)
    until(lambda: house.states("letters") == dict.fromkeys(own[1:], ParkedState.PARKED))
    assert switch.failed == QUICK.attempts
    assert sorted(told) == sorted(set(range(size)) - set(own[1:]))
    switch.on = False
    house.subscriptions.retry("letters", own[1])
    until(lambda: not house.open("letters"))
    assert sorted(told) == list(range(size))
    assert [each for each in told if each in own] == own


# Leases -------------------------------------------------------------------------------------------


def test_a_lost_lease_cannot_write(house: House) -> None:
    handler, store = a_projection(), SubscriptionStore(SubscriptionTimes())
    with house.writing.begin() as connection:
        first = store.take(connection, handler, "first", 0.0)
    assert first is not None
    with house.writing.begin() as connection:
        second = store.take(connection, handler, "second", 60.0)
    assert second is not None
    assert not second.clean
    with house.writing.begin() as connection:
        assert store.take(connection, handler, "third", 60.0) is None
    recorded = _recorded(house)

    def work_on() -> None:
        with house.writing.begin() as connection:
            note("view", recorded, connection)
            store.move(connection, first.lease, 1)

    with pytest.raises(LeaseLostError):
        work_on()
    assert house.seen() == []
    with house.writing.begin() as connection:
        moved = store.move(connection, second.lease, 5)
    assert moved.position == house.status("view").position == 5
    with pytest.raises(LeaseLostError), house.writing.begin() as connection:
        store.move(connection, second.lease, 6)  # from a place where it is no more
    with house.writing.begin() as connection:
        assert store.renew(connection, "first", 60.0) == 0


def _recorded(house: House) -> Recorded:
    house.portfolios(1)
    house.seal()
    row = house.rows("SELECT body, leaf_hash FROM events WHERE version = 1 LIMIT 1")[0]
    return house.codec.recorded(0, bytes(row[0]), bytes(row[1]))


def test_a_lease_from_before_the_clock_was_set_back_is_free(house: House) -> None:
    store, handler = SubscriptionStore(SubscriptionTimes()), a_projection()
    with house.writing.begin() as connection:
        assert store.take(connection, handler, "ended", 3600.0)  # as one who ended an hour from now
        assert not store.is_free(connection, handler.name, "next", 3600.0)
        assert store.is_free(connection, handler.name, "next", 60.0)
        assert store.take(connection, handler, "next", 60.0)


def test_a_worker_whose_lease_was_taken_writes_nothing_more(house: House) -> None:
    held, go = threading.Event(), threading.Event()

    def handle(recorded: Recorded, _effect: Effect) -> None:
        if recorded.position == 1:
            held.set()
            go.wait(30)

    house.portfolios(1)
    house.follow(a_reactor(handle))
    house.seal()
    assert held.wait(20)
    sql = "UPDATE subscriptions SET owner = 'thief', generation = generation + 1"
    with house.writing.begin() as connection:
        connection.execute(text(sql))
    go.set()
    until(lambda: house.subscriptions._runner.position("letters") is None)  # type: ignore[union-attr]
    assert house.status("letters").position == 1
    assert house.rows("SELECT status FROM effects ORDER BY updated_at DESC")[0][0] == "started"


def test_two_runners_share_and_one_takes_over_from_the_other(house: House) -> None:
    portfolios = house.portfolios(2)
    one = house.follow(a_projection())
    house.caught_up("view")
    two = house.follow(a_projection())
    house.deposits(portfolios, each=5)
    house.caught_up("view")
    assert (one.position("view"), two.position("view")) != (None, None)
    assert None in {one.position("view"), two.position("view")}
    assert one.close()
    house.deposits(portfolios, each=5)
    size = house.caught_up("view")
    assert two.position("view") == size
    assert [each.log_index for each in house.seen()] == list(range(size))


# Operators ----------------------------------------------------------------------------------------


def test_waiting_ends_with_the_event_or_with_patience(house: House) -> None:
    go = threading.Event()

    def handle(_recorded: Recorded, _effect: Effect) -> None:
        go.wait(30)

    house.portfolios(1)
    house.follow(a_reactor(handle))
    size = house.seal()
    until(lambda: house.known("letters"))
    assert not house.subscriptions.wait_for("letters", size - 1, 0.05)
    go.set()
    assert house.subscriptions.wait_for("letters", size - 1, 20)
    assert not house.subscriptions.wait_for("letters", size, 0.05)
    with pytest.raises(NotFoundError):
        house.subscriptions.wait_for("nobody", 0, 0.05)


def test_a_reset_projection_replays_the_log(house: House) -> None:
    def clear(connection: Connection) -> None:
        connection.execute(text("DELETE FROM seen WHERE name = 'view'"))

    portfolio = house.portfolios(1)[0]
    house.deposits([portfolio], each=3)
    stream = f"portfolio-{portfolio.id}"
    switch = Switch(stream, version=3)
    house.follow(failing(switch, clear=clear))
    size = house.caught_up("view")
    until(lambda: set(house.states("view").values()) == {ParkedState.PARKED})
    switch.on = False
    house.subscriptions.reset("view")
    until(lambda: house.status("view").state is SubscriptionState.RUNNING)
    assert [each.log_index for each in house.seen()] == list(range(size))
    assert house.open("view") == []


def test_what_must_not_be_replayed_is_not_reset(house: House) -> None:
    house.portfolios(1)
    house.follow(
        a_projection("once", replay=ReplayPolicy.NEVER),
        a_reactor(lambda _recorded, _effect: None, "letters", replay=ReplayPolicy.SAFE),
    )
    size = house.caught_up("once", "letters")
    for name in ("once", "letters"):
        with pytest.raises(NotReplayableError):
            house.subscriptions.reset(name)
    until(lambda: house.status("once").position == size)
    with pytest.raises(NotFoundError):
        house.subscriptions.reset("nobody")


def test_what_is_not_there_is_not_found(house: House) -> None:
    house.portfolios(1)
    house.follow(a_projection())
    house.caught_up("view")
    ask = house.subscriptions
    for call in (ask.parked_event, ask.retry):
        for name in ("view", "nobody"):
            with pytest.raises(NotFoundError):
                call(name, 0)
    with pytest.raises(NotFoundError):
        ask.discard("view", 0, reason="a test", by="somebody")
    assert ask.parked().items == ()


def test_parked_events_come_in_pages(house: House) -> None:
    (portfolio,) = house.portfolios(1)
    house.deposits([portfolio], each=4)
    switch = Switch(f"portfolio-{portfolio.id}")
    house.follow(failing(switch, "a"), failing(switch, "b"))
    house.caught_up("a", "b")
    until(lambda: all({*house.states(it).values()} == {ParkedState.PARKED} for it in ("a", "b")))
    everything = house.put_aside("a") + house.put_aside("b")
    page = house.subscriptions.parked(limit=3)
    pages = [*page.items]
    while page.next_cursor is not None:
        assert len(page.items) == 3
        page = house.subscriptions.parked(limit=3, cursor=page.next_cursor)
        pages += page.items
    assert pages == everything
    assert {each.subscription for each in everything} == {"a", "b"}
    assert house.subscriptions.parked("a", state=ParkedState.RETRYING).items == ()
    for forged in ("", "!", "MTA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5fGE"):
        with pytest.raises(BadCursorError):
            house.subscriptions.parked(cursor=forged)


@pytest.mark.parametrize(
    "undeclared",
    [
        {"start": None},
        {"replay": None},
        {"critical": True},
        {"timeout_seconds": 0},
        {"name": " "},
        {"kind": HandlerKind.EPHEMERAL},
    ],
    ids=str,
)
def test_a_reactor_says_what_it_is_or_does_not_register(undeclared: dict[str, Any]) -> None:
    declared = a_reactor(lambda _recorded, _effect: None)
    with pytest.raises(ValueError, match=r"letters|name"):
        replace(declared, **undeclared)
