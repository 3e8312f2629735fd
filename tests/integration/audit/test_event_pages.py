"""Pages of the log hold what a slow and obvious reading of all of it finds, in its order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from tests.integration.audit.sealed import EVENTS, SIZES, SealedLog
from tests.integration.audit.story import Story
from traderbot.application.errors import DatabaseUnavailableError, NotFoundError
from traderbot.application.ports.event_pages import EventFilter, LoggedEvent
from traderbot.application.ports.views import BadCursorError
from traderbot.application.views import Page
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant_text
from traderbot.infrastructure.event_store.body import leaf_hash
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.persistence.event_pages import SqlEventPages
from traderbot.infrastructure.persistence.paging import id_cursor, place_cursor

STRANGER = UserId("0192f0c1-0000-7000-8000-0000000000ff")
_WAYS = {"few": (10_000, 10_000), "many": (10_000, 0), "many, small windows": (7, 0)}


def _pages(ask: SqlEventPages, which: EventFilter, limit: int = 200) -> Iterator[Page[LoggedEvent]]:
    page = ask.events(which, limit=limit)
    yield page
    while page.next_cursor is not None:
        page = ask.events(which, limit=limit, cursor=page.next_cursor)
        yield page


def _indexes(ask: SqlEventPages, which: EventFilter, limit: int = 200) -> list[int | None]:
    return [it.index for page in _pages(ask, which, limit) for it in page.items]


def _placed(log: SealedLog) -> list[Mapping[str, Any]]:
    """Return the events that have their place, in its order: in PostgreSQL the sealed ones."""
    rows = log.events()
    return rows if log.dialect == "sqlite" else rows[: SIZES[-1]]


def _streams_of(story: Story, owner: UserId | None) -> Callable[[str], bool]:
    """Return whether a stream is an owner's, as the story was told."""
    if owner is None:
        return lambda _stream: True
    if owner == story.bob:
        own = {f"portfolio-{story.bobs_portfolio}", f"order-{story.bobs_order}"}
    elif owner == story.alice:
        orders = set(story.orders) - {story.bobs_order}
        own = {f"portfolio-{story.portfolio}", f"bot-{story.bot_run}"}
        own |= {f"order-{order}" for order in orders}
    else:
        own = set()
    return (own | {f"user-{owner}"}).__contains__


def _expected(log: SealedLog, which: EventFilter) -> list[int]:
    is_own = _streams_of(log.story, which.owner_id)
    return [
        index
        for index, row in enumerate(_placed(log))
        if index >= which.start
        and is_own(row["stream_id"])
        and which.stream in (None, row["stream_id"])
        and which.type in (None, row["type"])
    ]


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_turning_pages_finds_every_event_asked_for_once_and_in_order(
    sealed: SealedLog, data: st.DataObject
) -> None:
    story = sealed.story
    streams = [None, f"portfolio-{story.portfolio}", f"bot-{story.bot_run}", f"user-{story.bob}",
               f"order-{story.bobs_order}", "operations-main"]  # fmt: skip
    types = [None, "order.filled", "user.registered", "portfolio.fill_booked", "market.crashed"]
    which = EventFilter(
        owner_id=data.draw(st.sampled_from([None, story.alice, story.bob, STRANGER]), "owner"),
        stream=data.draw(st.sampled_from(streams), "stream"),
        type=data.draw(st.sampled_from(types), "type"),
        start=data.draw(st.integers(0, 60) | st.sampled_from([599, 600, 609, 610, 10**17])),
    )
    window, few = data.draw(st.sampled_from(sorted(_WAYS.values())), "way")
    ask = SqlEventPages(sealed.reading, window=window, few=few)
    limit = data.draw(st.integers(1, 200), "limit")
    assert _indexes(ask, which, limit) == _expected(sealed, which)


@pytest.mark.parametrize("way", _WAYS)
def test_an_owner_sees_their_own_streams_and_no_other(sealed: SealedLog, way: str) -> None:
    window, few = _WAYS[way]
    ask = SqlEventPages(sealed.reading, window=window, few=few)
    for owner in (sealed.story.alice, sealed.story.bob):
        which = EventFilter(owner_id=owner)
        found = _indexes(ask, which)
        assert found == _expected(sealed, which)
        assert 0 < len(found) < SIZES[-1]


def test_an_event_is_what_its_body_says(sealed: SealedLog) -> None:
    ask = SqlEventPages(sealed.reading)
    rows = _placed(sealed)
    for page in _pages(ask, EventFilter()):
        for it in page.items:
            assert it.index is not None
            row = rows[it.index]
            body = json.loads(row["body"])
            said = {
                "actor": {"type": it.actor.type, "id": it.actor.id, "via": it.actor.via},
                "spec": "traderbot.event/1",
                **{name: getattr(it, name) for name in body if name not in _ELSEWHERE},
                "occurred_at": instant_text(it.occurred_at),
                "recorded_at": instant_text(it.recorded_at),
            }
            assert said == body
            assert it.leaf_hash == leaf_hash(bytes(row["body"])).hex()
            assert ask.event(it.id) == it


_ELSEWHERE = {"actor", "spec", "occurred_at", "recorded_at"}


def test_a_page_reads_no_more_than_its_window(sealed: SealedLog) -> None:
    ask = SqlEventPages(sealed.reading, window=100)
    pages = list(_pages(ask, EventFilter(type="portfolio.opened"), limit=1))
    total = len(_placed(sealed))
    assert sum(len(page.items) for page in pages) == 2
    assert [page for page in pages if not page.items]  # a window without one, and still a next
    assert len(pages) == total // 100 + (1 if total % 100 else 0) + 1


def test_an_event_without_a_place_is_shown_by_its_id_alone(sealed: SealedLog) -> None:
    ask = SqlEventPages(sealed.reading)
    newest = sealed.events()[-1]
    dense = sealed.dialect == "sqlite"
    assert ask.event(newest["event_id"]).index == (EVENTS - 1 if dense else None)
    listed = {it.id for page in _pages(ask, EventFilter()) for it in page.items}
    assert (newest["event_id"] in listed) is dense


def test_anothers_event_is_as_missing_as_one_that_is_not_there(sealed: SealedLog) -> None:
    ask = SqlEventPages(sealed.reading)
    story = sealed.story
    for row in _placed(sealed)[:120]:
        for owner in (story.alice, story.bob, STRANGER):
            if _streams_of(story, owner)(row["stream_id"]):
                assert ask.event(row["event_id"], owner).stream == row["stream_id"]
                continue
            with pytest.raises(NotFoundError) as foreign:
                ask.event(row["event_id"], owner)
            assert foreign.value.what == "event"
    with pytest.raises(NotFoundError):
        ask.event(str(STRANGER))


def test_a_page_has_at_most_as_many_events_as_asked_for_and_never_above_200(
    sealed: SealedLog,
) -> None:
    ask = SqlEventPages(sealed.reading)
    assert len(ask.events(EventFilter(), limit=3).items) == 3
    assert len(ask.events(EventFilter(), limit=1000).items) == 200


@pytest.mark.parametrize(
    "cursor",
    [
        "0",
        "",
        id_cursor(STRANGER),
        place_cursor("subscription", 4),
        place_cursor("events", -1),
        "x" * 2000,
    ],
)
def test_a_cursor_of_something_else_is_refused(sqlite_sealed: SealedLog, cursor: str) -> None:
    with pytest.raises(BadCursorError):
        SqlEventPages(sqlite_sealed.reading).events(EventFilter(), cursor=cursor)


def test_an_event_that_cannot_be_read_is_no_empty_page(sealed: SealedLog) -> None:
    sealed.rewrite_at(3, b'"version"', b'"verzion"')
    ask = SqlEventPages(sealed.reading)
    with pytest.raises(CorruptHistoryError, match="index 3"):
        ask.events(EventFilter())
    assert _indexes(ask, EventFilter(start=4))[0] == 4


def test_a_database_that_is_gone_is_said_to_be(sealed: SealedLog) -> None:
    del sealed
    ask = SqlEventPages(reader_engine("postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(DatabaseUnavailableError):
        ask.events(EventFilter())
    with pytest.raises(DatabaseUnavailableError):
        ask.event(str(STRANGER))


def test_no_way_to_a_page_reads_events_that_it_has_not_looked_up(sealed: SealedLog) -> None:
    story = sealed.story
    asked = [
        EventFilter(),
        EventFilter(start=300, type="order.placed"),
        EventFilter(owner_id=story.alice),
        EventFilter(owner_id=story.alice, type="order.placed", start=20),
        EventFilter(owner_id=story.alice, stream=f"portfolio-{story.portfolio}"),
    ]
    for few in (0, 10_000):
        ask = SqlEventPages(sealed.reading, few=few)
        for which in asked:
            for statement, plan in _plans(sealed, partial(ask.events, which)):
                if sealed.dialect == "sqlite":
                    scans = [it for it in plan if it.startswith("SCAN e")]
                    assert len(scans) == statement.count(" own e "), plan  # that is the owner's
                    continue
                for line, following in pairwise([*plan, ""]):
                    assert "Seq Scan on events" not in line, plan
                    if "Scan using" in line and " on events" in line:
                        assert "Index Cond" in following, plan


def _plans(log: SealedLog, ask: Callable[[], object]) -> list[tuple[str, list[str]]]:
    """Return all questions that are asked of the database, each with its plan."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    event.listen(log.reading, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(log.reading, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if log.dialect == "sqlite" else "EXPLAIN"
    with log.reading.connect() as connection:
        return [
            (it, [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {it}", values)])
            for it, values in _with_settings(connection, asked)
        ]


def _with_settings(
    connection: Connection, asked: Sequence[tuple[str, Any]]
) -> Iterator[tuple[str, Any]]:
    for statement, values in asked:
        if statement.startswith("SET"):
            connection.exec_driver_sql(statement)
        else:
            yield statement, values
