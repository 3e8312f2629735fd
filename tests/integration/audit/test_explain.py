"""Why there is an order: its decision, its events, what they changed, and the money they moved."""

from __future__ import annotations

import time
from dataclasses import asdict
from decimal import Decimal

import pytest

from tests.integration.audit.log import Log
from tests.integration.audit.sealed import SealedLog
from traderbot.application.errors import NotFoundError
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import OrderId
from traderbot.infrastructure.persistence.views import SqlViews


def test_an_explanation_tells_everything_in_the_order_it_happened(log: Log) -> None:
    story = log.audit.explain(log.story.bought)
    assert [(it.type, it.version) for it in story.events] == [
        ("order.placed", 1),
        ("order.approved", 2),
        ("portfolio.exposure_reserved", 3),
        ("order.accepted", 3),
        ("order.filled", 4),
        ("portfolio.fill_booked", 4),
        ("order.filled", 5),
        ("portfolio.fill_booked", 5),
    ]
    positions = [it.position for it in story.events]
    assert positions == sorted(positions)
    assert story.order == SqlViews(log.reading).order(None, log.story.bought)
    assert story.decision is None


def test_each_event_says_what_it_changed(log: Log) -> None:
    changes = [dict(it.changes) for it in log.audit.explain(log.story.bought).events]
    assert changes[0] == {"status": "placed"}
    assert changes[1] == {"status": "placed → approved", "reserved": "0 → 1001"}
    assert changes[2] == {"cash:free": "-1001 USD", "cash:reserved": "+1001 USD"}
    assert changes[3]["status"] == "approved → accepted"
    assert changes[3]["venue_order_id"].startswith("none → paper-")
    assert changes[4] == {
        "status": "accepted → partially_filled",
        "filled": "0 → 4",
        "remaining": "10 → 6",
        "average_price": "none → 99.5",
        "fees": "0 → 1",
        "reserved": "1001 → 600.6",
    }
    assert changes[5]["position:AAPL"] == "+398 USD"
    assert changes[5]["expense:fees"] == "+1 USD"
    assert changes[6]["status"] == "partially_filled → filled"


def test_a_refusal_names_the_limits(log: Log) -> None:
    story = log.audit.explain(log.story.refused)
    assert [it.type for it in story.events] == ["order.placed", "order.refused"]
    assert (
        "ORDER_NOTIONAL_MAX: limit 10000 USD, value 100000 USD"
        in story.events[1].changes["reasons"]
    )
    assert story.ledger == []


def test_an_event_says_who_and_why(log: Log) -> None:
    placed = log.audit.explain(log.story.bought).events[0]
    row = log.event(f"order-{log.story.bought}", 1)
    assert placed.actor == f"user {log.story.alice} via test"
    assert (placed.id, placed.position) == (row["event_id"], row["position"])
    assert (placed.stream, placed.command_id) == (row["stream_id"], row["command_id"])
    assert placed.causation_id == row["causation_id"]
    assert placed.data["ticket"]["limit_price"] == "100"


def test_it_names_what_the_gate_read(log: Log) -> None:
    inputs = log.audit.explain(log.story.bought).inputs
    assert inputs["reference"] == "100"
    assert [it["code"] for it in inputs["checks"]] == ["INSUFFICIENT_FUNDS", "ORDER_NOTIONAL_MAX"]
    assert inputs["checks"][1] == {
        "code": "ORDER_NOTIONAL_MAX",
        "limit": "10000 USD",
        "value": "1000 USD",
    }
    refused = log.audit.explain(log.story.refused).inputs["checks"]
    assert [it["code"] for it in refused] == ["INSUFFICIENT_FUNDS", "ORDER_NOTIONAL_MAX"]


def test_it_tells_what_handlers_did_and_could_not_do(log: Log) -> None:
    event = log.event(f"order-{log.story.bought}", 1)["event_id"]
    at = "2025-01-02T12:00:00.000000Z"
    later = "2025-01-02T12:00:01.000000Z"
    assert log.audit.explain(log.story.bought).effects == []
    log.insert(
        "subscriptions",
        {
            "name": "notifications",
            "kind": "reactor",
            "position": 0,
            "generation": 1,
            "status": "running",
            "updated_at": at,
        },
    )
    log.insert(
        "effects",
        {
            "subscription": "notifications",
            "event_id": event,
            "token": "t-1",
            "status": "done",
            "attempts": 2,
            "updated_at": later,
        },
    )
    log.insert(
        "parked_events",
        {
            "subscription": "notifications",
            "log_index": 4,
            "event_id": event,
            "sequence_key": "k",
            "attempts": 5,
            "first_at": at,
            "last_at": at,
            "error_type": "OSError",
            "error": "away",
            "status": "parked",
        },
    )
    told = log.audit.explain(log.story.bought).effects
    assert [(it.status, it.attempts, it.detail) for it in told] == [
        ("parked", 5, "OSError: away"),
        ("done", 2, "t-1"),
    ]
    assert {it.handler for it in told} == {"notifications"}


def test_an_unsealed_event_says_so(log: Log) -> None:
    for it in log.audit.explain(log.story.bought).events:
        assert it.inclusion is None
        assert it.log_index == (it.position - 1 if log.writing.dialect.name == "sqlite" else None)


def test_every_event_is_proven_by_the_newest_checkpoint(sealed: SealedLog) -> None:
    order = sealed.story.bought
    before = sealed.audit.explain(order).events
    assert [it.log_index for it in before] == sorted(it.log_index or 0 for it in before)
    for it in before:
        assert it.inclusion is not None
        assert (it.inclusion.checkpoint, it.inclusion.proven) == (600, True)
        assert it.inclusion.root == sealed.verify().tree.root
    sealed.rewrite(f"order-{order}", 1, lambda body: body.replace(b"AAPL", b"GOOG"), rehash=True)
    after = sealed.audit.explain(order).events
    assert [it.inclusion and it.inclusion.proven for it in after] == [False] + [True] * 7


def test_it_answers_within_a_tenth_of_a_second(sealed: SealedLog) -> None:
    sealed.audit.explain(sealed.story.bought)
    began = time.process_time()
    sealed.audit.explain(sealed.story.bought)
    assert time.process_time() - began < 0.1


def test_the_tail_is_the_sealed_log_from_an_index_on(sealed: SealedLog) -> None:
    placed = 610 if sealed.dialect == "sqlite" else 600
    assert [it.log_index for it in sealed.audit.tail()] == list(range(placed - 10, placed))
    rest = sealed.audit.tail(7)
    assert [it.log_index for it in rest] == list(range(7, 507))
    events = sealed.events()
    assert [(it.id, it.stream) for it in rest] == [
        (row["event_id"], row["stream_id"]) for row in events[7:507]
    ]
    assert rest[0].data
    assert sealed.audit.tail(placed) == []
    with pytest.raises(InvalidValueError):
        sealed.audit.tail(-1)


def test_the_ledger_lines_are_those_of_the_order_and_balance(log: Log) -> None:
    story = log.audit.explain(log.story.coins)
    assert {line["currency"] for line in story.ledger} == {"USDT", "BTC"}
    for currency in ("USDT", "BTC"):
        amounts = [Decimal(it["amount"]) for it in story.ledger if it["currency"] == currency]
        assert sum(amounts) == 0
    stored = log.rows(
        "SELECT account, amount FROM ledger_entries WHERE stream_version IN (:a, :b) "
        "AND portfolio_id = :p ORDER BY stream_version, line",
        a=story.events[2].version,
        b=story.events[-1].version,
        p=log.story.portfolio,
    )
    assert [(it["account"], Decimal(it["amount"])) for it in story.ledger] == [
        (it["account"], Decimal(it["amount"])) for it in stored
    ]
    booked = story.events[-1].changes
    assert booked["cash:free"].endswith(" USDT, -0.00005 BTC")


def test_a_bots_order_comes_with_its_decision(log: Log) -> None:
    story = log.audit.explain(log.story.bots_order)
    decision = story.decision
    assert decision is not None
    assert decision["order_id"] == log.story.bots_order
    assert (decision["signal"], decision["reason"]) == ("BUY", "the line crossed")
    assert decision["indicators"] == {"rsi": "29.5"}
    assert decision["rules"] == {"oversold": True}
    assert decision["sizing"]["quantity"] == "95"
    assert decision["bar_at"] == "2025-01-02T13:00:00.000000Z"
    assert story.order.bot_run_id == log.story.bot_run
    assert "bot.decided" not in [it.type for it in story.events]


def test_an_order_that_was_asked_back_waits_for_its_venue(log: Log) -> None:
    asked = log.audit.explain(log.story.canceled).events[-1]
    assert asked.type == "order.cancel_requested"
    assert asked.changes["status"] == "partially_filled → pending_cancel"


def test_others_orders_are_as_missing_as_none(log: Log) -> None:
    assert log.audit.explain(log.story.bobs_order, log.story.bob).order.status == "approved"
    with pytest.raises(NotFoundError) as others:
        log.audit.explain(log.story.bobs_order, log.story.alice)
    nothing = OrderId("0192f0c1-0000-7000-8000-fffffffffff2")
    with pytest.raises(NotFoundError) as none:
        log.audit.explain(nothing, log.story.alice)
    assert str(others.value).replace(log.story.bobs_order, nothing) == str(none.value)


def test_every_order_of_the_story_can_be_explained_as_plain_values(log: Log) -> None:
    for order in log.story.orders:
        story = log.audit.explain(order)
        assert asdict(story)["order"]["order_id"] == order
        assert all(
            it.stream.endswith(order) or it.type.startswith("portfolio.") for it in story.events
        )


def test_an_unreadable_event_is_corrupt_history(log: Log) -> None:
    stream = f"order-{log.story.bought}"
    log.rewrite(stream, 4, lambda body: body.replace(b'"fill"', b'"phil"'))
    with pytest.raises(CorruptHistoryError):
        log.audit.explain(log.story.bought)
