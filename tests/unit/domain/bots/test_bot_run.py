from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import (
    BOT_RUN_ID,
    NOON,
    ORDER_ID,
    a_bot_run,
    after,
    an_observation,
    decided,
    later,
    started,
    stopped,
)
from traderbot.domain.bots.bot_run import BotRun, BotStatus
from traderbot.domain.bots.errors import BarAlreadyDecidedError, BotStoppedError
from traderbot.domain.bots.events import BotDecided, BotEvent, BotStopped
from traderbot.domain.bots.sizing import Sized
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity

BOUGHT = Sized(side=Side.BUY, quantity=Quantity("9"), arithmetic={"budget": "1000"})
BLOCKED = Sized(blocking_code="NO_SIGNAL")

# --- starting and stopping --------------------------------------------------------------------


@pytest.mark.parametrize("allocation", ["0.000000000000000001", "0.1", "1", "1.000"])
def test_a_run_may_use_a_share_of_the_equity(allocation: str) -> None:
    assert BotRun.start(started(allocation=allocation)) == (started(allocation=allocation),)


@pytest.mark.parametrize(
    "wrong", ["0", "-0.1", "1.000000000000000001", "2", "Infinity", "-Infinity"]
)
def test_a_share_of_nothing_or_of_more_than_all_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValueError):
        BotRun.start(started(allocation=wrong))


def test_a_new_run_is_running_and_has_decided_nothing() -> None:
    run = BotRun.from_events(BotRun.start(started(allocation="0.25", parameters={"period": "14"})))
    assert run.status is BotStatus.RUNNING
    assert (run.decisions, run.last_bar_at, run.input_digest, run.order_id) == (0, None, "", None)
    assert (run.allocation, run.parameters) == (Decimal("0.25"), {"period": "14"})


def test_a_run_can_be_stopped() -> None:
    events = a_bot_run().stop("asked", at=later(1))
    assert events == (BotStopped(bot_run_id=BOT_RUN_ID, at=later(1), reason="asked"),)
    assert after(a_bot_run(), events).status is BotStatus.STOPPED


def test_stopping_twice_changes_nothing() -> None:
    assert after(a_bot_run(), [stopped()]).stop("again", at=later(2)) == ()


# --- one decision on each bar -----------------------------------------------------------------


def test_a_new_run_may_decide_on_any_bar() -> None:
    a_bot_run().ensure_may_decide(NOON - timedelta(days=365))


def test_a_run_decides_once_on_each_bar() -> None:
    run = after(a_bot_run(), [decided(bar_at=NOON)])
    with pytest.raises(BarAlreadyDecidedError, match="2025-01-02T12:00:00") as refusal:
        run.ensure_may_decide(NOON)
    assert refusal.value.code == "BAR_ALREADY_DECIDED"


def test_a_run_does_not_go_back_to_an_earlier_bar() -> None:
    run = after(a_bot_run(), [decided(bar_at=NOON)])
    with pytest.raises(BarAlreadyDecidedError):
        run.ensure_may_decide(NOON - timedelta(microseconds=1))


def test_a_run_goes_on_to_the_next_bar_even_over_a_gap() -> None:
    run = after(a_bot_run(), [decided(bar_at=NOON)])
    run.ensure_may_decide(NOON + timedelta(microseconds=1))
    run.ensure_may_decide(NOON + timedelta(days=3))


def test_a_stopped_run_decides_nothing() -> None:
    run = after(a_bot_run(), [decided(bar_at=NOON), stopped()])
    with pytest.raises(BotStoppedError) as refusal:
        run.ensure_may_decide(NOON + timedelta(hours=1))
    assert refusal.value.code == "BOT_STOPPED"


# --- the decision record ----------------------------------------------------------------------


def test_a_decision_records_all_that_was_seen_and_the_order_it_led_to() -> None:
    seen = an_observation(bar_at=NOON, close="105", signal="BUY", digest="d1")
    assert a_bot_run().decide(seen, BOUGHT, order_id=ORDER_ID) == (
        BotDecided(
            bot_run_id=BOT_RUN_ID,
            at=NOON + timedelta(hours=1),
            bar_at=NOON,
            close=Price("105"),
            input_digest="d1",
            signal="BUY",
            confidence="0.75",
            reason="the line crossed",
            indicators={"rsi": "29.5"},
            rules={"oversold": True},
            sizing={"budget": "1000"},
            quantity=Quantity("9"),
            order_id=ORDER_ID,
            blocking_code=None,
        ),
    )


def test_a_signal_that_sizing_stopped_has_the_code_of_sizing() -> None:
    (event,) = a_bot_run().decide(an_observation(signal="HOLD"), BLOCKED)
    assert isinstance(event, BotDecided)
    assert (event.order_id, event.blocking_code, event.quantity) == (None, "NO_SIGNAL", None)


def test_a_signal_that_the_gate_stopped_has_the_code_of_the_gate() -> None:
    (event,) = a_bot_run().decide(
        an_observation(), BOUGHT, order_id=None, blocking_code="INSUFFICIENT_FUNDS"
    )
    assert isinstance(event, BotDecided)
    assert (event.order_id, event.blocking_code) == (None, "INSUFFICIENT_FUNDS")
    assert event.quantity == Quantity("9")


def test_a_decision_moves_the_run_to_its_bar() -> None:
    run = a_bot_run()
    run = after(run, run.decide(an_observation(digest="d1"), BOUGHT, order_id=ORDER_ID))
    assert (run.last_bar_at, run.input_digest) == (NOON, "d1")
    assert (run.decisions, run.order_id, run.version) == (1, ORDER_ID, 2)
    assert run.updated_at == NOON + timedelta(hours=1)


def test_a_decision_without_an_order_keeps_the_newest_order() -> None:
    newer = OrderId("0192f0c1-0000-7000-8000-0000000000ff")
    run = after(a_bot_run(), [decided(order_id=ORDER_ID, blocking_code=None)])
    run = after(run, [decided(bar_at=later(60), digest="d2")])
    assert (run.order_id, run.decisions, run.input_digest) == (ORDER_ID, 2, "d2")
    run = after(run, [decided(bar_at=later(120), order_id=newer, blocking_code=None)])
    assert run.order_id == newer


# --- histories --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [decided(), stopped()], ids=lambda event: type(event).__name__)
def test_a_history_that_does_not_start_with_a_start_is_corrupt(first: BotEvent) -> None:
    with pytest.raises(CorruptHistoryError, match=type(first).__name__):
        BotRun.from_events([first])


def test_a_run_cannot_be_started_twice() -> None:
    with pytest.raises(CorruptHistoryError, match="started twice"):
        BotRun.from_events([started(), started()])


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_history_folds_the_same_in_two_parts(cut: int) -> None:
    history: list[BotEvent] = [
        started(),
        decided(bar_at=NOON),
        decided(bar_at=later(60), order_id=ORDER_ID, blocking_code=None),
        stopped(at=later(90)),
    ]
    whole = BotRun.from_events(history)
    assert after(BotRun.from_events(history[:cut]), history[cut:]) == whole
    assert whole.version == len(history)


def test_a_run_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_bot_run().status = BotStatus.STOPPED  # type: ignore[misc]
    assert replace(a_bot_run(), decisions=1) != a_bot_run()


@pytest.mark.parametrize("wrong", [0.5, Decimal("NaN"), Decimal("0." + "1" * 30)])
def test_an_allocation_is_an_exact_number(wrong: Any) -> None:
    with pytest.raises(InvalidValueError):
        BotRun.start(replace(started(), allocation=wrong))
