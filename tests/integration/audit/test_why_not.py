"""Why a bot placed no order: one code for each bar, and for each silence what it means."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.builders import NOON, a_bar, an_observation
from tests.integration.audit.log import Log
from tests.integration.audit.story import Teller
from traderbot.application.commands.bots import DecideOnBar, StartBot
from traderbot.application.errors import NotFoundError
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import BotRunId, PortfolioId
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.bar_store import SqlBarStore

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("at", "bar_at", "code", "signal"),
    [
        (NOON, NOON, "NO_SIGNAL", "HOLD"),
        (NOON + HOUR - MINUTE, NOON, "NO_SIGNAL", "HOLD"),
        (NOON + HOUR, NOON + HOUR, "ORDERED", "BUY"),
        (NOON + 2 * HOUR, NOON + 2 * HOUR, "ORDER_WORKING", "SELL"),
    ],
)
def test_a_bar_that_was_decided_on_has_one_code(
    log: Log, at: datetime, bar_at: datetime, code: str, signal: str
) -> None:
    found = log.audit.why_not(log.story.bot_run, at)
    decision = found.decision
    assert decision is not None
    assert (found.code, decision.bar_at, decision.signal) == (code, bar_at, signal)
    assert decision.rules == {"oversold": True}
    assert decision.indicators == {"rsi": "29.5"}
    assert (decision.blocking_code or "ORDERED") == code
    row = log.rows("SELECT position FROM events WHERE event_id = :id", id=decision.event)[0]
    sqlite = log.writing.dialect.name == "sqlite"
    assert decision.log_index == (row["position"] - 1 if sqlite else None)


def test_the_decisions_beside_it_are_told(log: Log) -> None:
    first, second, third = (
        log.audit.why_not(log.story.bot_run, NOON + number * HOUR) for number in range(3)
    )
    assert (first.before, first.after) == (None, second.decision)
    assert (second.before, second.after) == (first.decision, third.decision)
    assert (third.before, third.after) == (second.decision, None)


def test_an_order_comes_with_its_sizing_and_what_became_of_it(log: Log) -> None:
    found = log.audit.why_not(log.story.bot_run, NOON + HOUR)
    assert found.decision is not None
    assert found.decision.sizing["quantity"] == found.decision.quantity == "95"
    assert found.order is not None
    assert (found.order.order_id, found.order.status) == (log.story.bots_order, "partially_filled")
    assert str(log.story.bots_order) in found.message


def test_a_run_that_had_not_begun(log: Log) -> None:
    found = log.audit.why_not(log.story.bot_run, NOON - HOUR)
    assert (found.code, found.decision, found.before) == ("NOT_STARTED", None, None)
    assert found.after is not None


def test_a_run_that_was_stopped(log: Log) -> None:
    found = log.audit.why_not(log.story.bot_run, NOON + 9 * HOUR)
    assert (found.code, found.decision) == ("STOPPED", None)
    assert found.message.endswith(": asked")
    assert found.before is not None


def _running(log: Log) -> tuple[Teller, BotRunId]:
    teller = Teller(log.url, log.story.ends, seed="a bot")
    start = StartBot(
        owner_id=log.story.alice,
        portfolio_id=PortfolioId(log.story.portfolio),
        strategy="rsi_cross",
        parameters={},
        symbol=symbol("IBM"),
        timeframe=Timeframe.H1,
        allocation=Decimal("0.1"),
    )
    return teller, BotRunId(teller.tell(start, log.story.alice).bot_run_id)


def test_silence_between_and_after_decisions_is_told_apart(log: Log) -> None:
    teller, run = _running(log)
    later = log.story.ends + HOUR
    begin = later.replace(minute=0, second=0, microsecond=0) + HOUR
    bars = [a_bar(symbol_code="IBM", at=begin + n * HOUR) for n in (0, 1, 3, 4)]
    with teller.bot:
        for number in (0, 3):
            seen = an_observation(bar_at=begin + number * HOUR, signal="HOLD")
            teller.tell(DecideOnBar(bot_run_id=run, seen=seen), run)
    SqlBarStore(log.writing, log.reading).add(bars)

    codes = [log.audit.why_not(run, begin + n * HOUR + MINUTE).code for n in range(6)]
    assert codes == ["NO_SIGNAL", "SKIPPED", "NO_BAR", "NO_SIGNAL", "NOT_RUNNING", "NO_BAR"]
    skipped = log.audit.why_not(run, begin + HOUR)
    assert skipped.before is not None
    assert skipped.after is not None
    assert (skipped.before.bar_at, skipped.after.bar_at) == (begin, begin + 3 * HOUR)


def test_a_run_that_never_decided(log: Log) -> None:
    teller, run = _running(log)
    teller.bot.close()
    found = log.audit.why_not(run, log.story.ends + HOUR)
    assert (found.code, found.before, found.after) == ("NO_BAR", None, None)
    assert log.audit.why_not(run, NOON).code == "NOT_STARTED"


def test_every_bar_of_a_long_run_is_found(log: Log) -> None:
    teller, run = _running(log)
    begin = (log.story.ends + HOUR).replace(minute=0)
    with teller.bot:
        for number in range(40):
            seen = an_observation(bar_at=begin + number * HOUR, signal="HOLD", digest=str(number))
            teller.tell(DecideOnBar(bot_run_id=run, seen=seen), run)
    found = [log.audit.why_not(run, begin + number * HOUR + MINUTE) for number in range(40)]
    assert [it.decision and it.decision.bar_at for it in found] == [
        begin + number * HOUR for number in range(40)
    ]
    assert Counter(it.code for it in found) == {"NO_SIGNAL": 40}


def test_others_bots_are_as_missing_as_none(log: Log) -> None:
    run = log.story.bot_run
    assert log.audit.why_not(run, NOON, log.story.alice).code == "NO_SIGNAL"
    for asked, owner in ((run, log.story.bob), (BotRunId(log.story.bought), None)):
        with pytest.raises(NotFoundError, match=f"no bot run {asked}"):
            log.audit.why_not(asked, NOON, owner)


def test_it_can_be_told_as_plain_values(log: Log) -> None:
    told = asdict(log.audit.why_not(log.story.bot_run, NOON + HOUR))
    assert told["decision"]["close"] == "105"
