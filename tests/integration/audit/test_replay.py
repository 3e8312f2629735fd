"""The state as of any moment is what the events up to then make, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.audit.log import Log
from tests.integration.audit.story import Teller
from tests.reference.merkle import leaf, tree_hash
from traderbot.application.commands.users import RegisterUser
from traderbot.application.ports.audit import Cut
from traderbot.application.views import OrderView, PortfolioView
from traderbot.domain.orders.order import Order
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.replay import fingerprint
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.persistence.database import reader_engine
from traderbot.infrastructure.persistence.unit import CATEGORIES
from traderbot.infrastructure.persistence.views import SqlViews

CODEC = EventCodec()
A_MINUTE = timedelta(minutes=1)


def step_by_step(log: Log) -> Iterator[dict[str, Any]]:
    """Yield the states before the first event and after each one: the obvious, slow way."""
    states: dict[str, Any] = {}
    yield dict(states)
    for row in log.events():
        stream = row["stream_id"]
        event = CODEC.event_of(bytes(row["body"]))
        if stream in states:
            states[stream] = states[stream].apply(event)
        else:
            states[stream] = CATEGORIES[stream.partition("-")[0]](event)
        yield dict(states)


def shown(states: dict[str, Any]) -> tuple[tuple[PortfolioView, ...], tuple[OrderView, ...]]:
    by_id = [state for _, state in sorted(states.items())]
    return (
        tuple(PortfolioView.of(it) for it in by_id if isinstance(it, Portfolio)),
        tuple(OrderView.of(it) for it in by_id if isinstance(it, Order)),
    )


# --- as of an index ---------------------------------------------------------------------------


@pytest.mark.usefixtures("small_portions")
def test_replay_at_every_index_is_the_incremental_state(log: Log) -> None:
    fingerprints = []
    for size, states in enumerate(step_by_step(log)):
        report = log.audit.replay(log.audit.cut(index=size))
        assert (report.portfolios, report.orders) == shown(states)
        assert report.bot_runs == len([it for it in states if it.startswith("bot-")])
        assert report.users == len([it for it in states if it.startswith("user-")])
        assert report.fingerprint == fingerprint(states)
        assert report.cut.size == size
        fingerprints.append(report.fingerprint)
    assert len(fingerprints) == log.story.events + 1
    assert len(set(fingerprints)) == len(fingerprints)  # every event changes something


def test_replay_of_everything_is_what_the_tables_show(log: Log) -> None:
    report = log.audit.replay(log.audit.cut())
    views = SqlViews(log.reading)
    assert {it.order_id for it in report.orders} == set(log.story.orders)
    for order in report.orders:
        assert views.order(None, order.order_id) == order  # type: ignore[arg-type]
    for portfolio in report.portfolios:
        assert views.portfolio(None, portfolio.portfolio_id) == portfolio  # type: ignore[arg-type]
    assert (report.bot_runs, report.users) == (1, 2)


def test_an_owner_sees_only_their_own(log: Log) -> None:
    report = log.audit.replay(log.audit.cut(), log.story.bob)
    assert [it.order_id for it in report.orders] == [log.story.bobs_order]
    assert [it.portfolio_id for it in report.portfolios] == [log.story.bobs_portfolio]
    assert (report.bot_runs, report.users) == (0, 1)
    assert report.fingerprint == log.audit.replay(log.audit.cut()).fingerprint


@pytest.mark.usefixtures("small_portions")
def test_progress_ends_at_the_cut(log: Log) -> None:
    seen: list[tuple[int, int]] = []
    log.audit.replay(log.audit.cut(index=7), None, lambda done, total: seen.append((done, total)))
    assert seen == [(3, 7), (6, 7), (7, 7)]


@pytest.mark.usefixtures("small_portions")
def test_a_cut_is_a_prefix_with_its_root(log: Log) -> None:
    events = log.events()
    for size in (0, 1, 2, 3, 4, 7, len(events)):
        cut = log.audit.cut(index=size)
        assert cut.root == tree_hash([leaf(bytes(it["body"])) for it in events[:size]]).hex()
        recorded = CODEC.recorded(1, bytes(events[size - 1]["body"]), b"").recorded_at
        assert cut.last_recorded_at == (recorded if size else None)
    assert log.audit.cut() == log.audit.cut(index=len(events))


@pytest.mark.parametrize("index", [-1, 1_000_000])
def test_an_index_outside_of_the_log_is_refused(log: Log, index: int) -> None:
    with pytest.raises(InvalidValueError, match=f"{log.story.events} events"):
        log.audit.cut(index=index)


def test_an_instant_and_an_index_together_are_refused(log: Log) -> None:
    with pytest.raises(InvalidValueError):
        log.audit.cut(index=1, at=log.story.ends)


# --- as of an instant -------------------------------------------------------------------------


def test_an_instant_stands_for_all_that_was_recorded_by_then(log: Log) -> None:
    recorded = [CODEC.recorded(1, bytes(it["body"]), b"").recorded_at for it in log.events()]
    at = log.story.begins - A_MINUTE
    while at <= log.story.ends + A_MINUTE:
        assert log.audit.cut(at=at) == log.audit.cut(index=sum(it <= at for it in recorded))
        at += A_MINUTE / 2


def test_the_instant_may_come_from_any_time_zone(log: Log) -> None:
    at = log.story.begins + 5 * A_MINUTE
    elsewhere = datetime.fromisoformat("2025-01-02T21:05:00+09:00")
    assert at == elsewhere
    assert log.audit.cut(at=at) == log.audit.cut(at=elsewhere)


def test_a_clock_that_went_back_does_not_reach_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clocks.db"
    noon = datetime(2025, 1, 2, 12, tzinfo=UTC)
    for number, begins in enumerate((noon, noon - timedelta(hours=2), noon + timedelta(hours=2))):
        teller = Teller(url, begins, seed=str(number))
        with teller.bot:
            teller.tell(RegisterUser(email=f"{number}@example.org", password_hash="hash"))
    engine = reader_engine(url)
    audit = LogAudit(engine, engine, CODEC)
    an_hour = timedelta(hours=1)
    sizes = [audit.cut(at=noon + number * an_hour).size for number in (-3, -1, 1, 3)]
    assert sizes == [0, 0, 2, 3]  # at eleven the second event was there, but not all before it
    engine.dispose()


# --- business time ----------------------------------------------------------------------------


def test_business_time_counts_what_each_stream_had_gone_through(log: Log) -> None:
    noon = log.story.begins
    cut = log.audit.cut(at=noon + timedelta(hours=1), by_occurred=True)
    # Bars of the afternoon were decided on before the last orders of noon were recorded.
    assert cut.occurred_by == noon + timedelta(hours=1)
    assert cut.left_out > 0
    report = log.audit.replay(cut)
    everything = log.audit.replay(log.audit.cut())
    then = {it.order_id: it for it in report.orders}
    assert log.story.bots_order not in then  # its bar closed at two
    assert then[log.story.bought] == {it.order_id: it for it in everything.orders}[log.story.bought]
    assert report.bot_runs == 1
    assert report.fingerprint != everything.fingerprint


def test_a_stream_stops_at_its_first_later_event(log: Log) -> None:
    noon = log.story.begins
    report = log.audit.replay(log.audit.cut(at=noon + timedelta(hours=1), by_occurred=True))
    (mine,) = [it for it in report.portfolios if it.portfolio_id == log.story.portfolio]
    # The bot's order reserved cash at two; the withdrawal recorded after it must not count either.
    usd = next(it for it in mine.balances if it.currency == "USD")
    assert usd.reserved == "0"
    assert usd.free.rpartition(".")[2] == "11925"


def test_business_time_that_never_falls_gives_a_prefix(log: Log) -> None:
    at = log.story.begins + 5 * A_MINUTE
    cut = log.audit.cut(at=at, by_occurred=True)
    prefix = log.audit.cut(index=cut.size)
    assert cut.left_out == 0
    assert (cut.root, cut.last_recorded_at) == (prefix.root, prefix.last_recorded_at)
    assert log.audit.replay(cut).fingerprint == log.audit.replay(prefix).fingerprint


def test_before_anything_happened_there_is_nothing(log: Log) -> None:
    for by_occurred in (False, True):
        cut = log.audit.cut(at=log.story.begins - A_MINUTE, by_occurred=by_occurred)
        assert (cut.size, cut.last_recorded_at) == (0, None)
        report = log.audit.replay(cut)
        assert (report.orders, report.portfolios, report.users) == ((), (), 0)


# --- a log that cannot be folded --------------------------------------------------------------


def test_an_unreadable_event_stops_the_replay_at_it(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.rewrite(stream, 4, lambda body: body.replace(b'"fill"', b'"phil"'))
    with pytest.raises(CorruptHistoryError, match=r"order\.filled"):
        log.audit.replay(log.audit.cut())


def test_an_event_of_another_aggregate_is_corrupt_history(log: Log) -> None:
    position = log.event(f"order-{log.story.bought}", 4)["position"]
    for stream in (
        f"user-{log.story.alice}",
        f"bot-{log.story.bot_run}",
        "order-0192f0c1-0000-7000-8000-fffffffffff2",
        "thing-0192f0c1-0000-7000-8000-fffffffffff2",
    ):
        log.change(
            "UPDATE events SET stream_id = :s, version = 77 WHERE position = :p",
            s=stream,
            p=position,
        )
        with pytest.raises(CorruptHistoryError):
            log.audit.replay(log.audit.cut())
        with pytest.raises(CorruptHistoryError):
            log.audit.diff()


def test_a_leaf_hash_that_is_no_bytes_is_corrupt_history(sqlite_log: Log) -> None:
    sqlite_log.change("UPDATE events SET leaf_hash = 'text' WHERE position = 1")
    with pytest.raises(CorruptHistoryError):
        sqlite_log.audit.cut()


def test_a_cut_made_earlier_still_means_the_same(log: Log) -> None:
    cut = log.audit.cut()
    before = log.audit.replay(cut)
    teller = Teller(log.url, log.story.ends, seed="more")
    with teller.bot:
        teller.user("carol@example.org")
    assert log.audit.cut().size == cut.size + 1
    assert log.audit.replay(cut) == before
    assert isinstance(before.cut, Cut)
