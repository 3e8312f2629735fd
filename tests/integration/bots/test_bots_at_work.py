"""Bots in processes that are killed, sleep and compete: one of them decides on each bar."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.integration.bots.conftest import Place, minute_bars, this_minute
from tests.integration.bots.life import trading, until
from traderbot.application.commands.bots import (
    ChangeBotParameters,
    DecideOnBar,
    PauseBot,
    ResumeBot,
)
from traderbot.application.ports.views import OrderFilter
from traderbot.application.views import BotRunView, OrderView
from traderbot.bootstrap import Traderbot
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.bots.errors import BotLeasedElsewhereError
from traderbot.domain.bots.events import BotDecided
from traderbot.domain.shared.ids import BotRunId
from traderbot.domain.shared.values import Price
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.persistence.database import reader_engine

LONG = 3600.0


def events(place: Place, run: BotRunView) -> list[object]:
    """Return what is recorded of a run, oldest first."""
    engine, codec = reader_engine(place.url), EventCodec()
    try:
        with engine.connect() as connection:
            bodies = LogReader(connection).stream(f"bot-{run.bot_run_id}")
            return [codec.event_of(it.body) for it in bodies]
    finally:
        engine.dispose()


def decisions(place: Place, run: BotRunView) -> list[BotDecided]:
    return [it for it in events(place, run) if isinstance(it, BotDecided)]


def shown(bot: Traderbot, run: BotRunView) -> BotRunView:
    found = bot.application.views.bot_run(None, BotRunId(run.bot_run_id))
    assert found is not None
    return found


def has_decided(bot: Traderbot, run: BotRunView, at: datetime) -> bool:
    last = shown(bot, run).last_bar_at
    return last is not None and last >= at


def orders_of(bot: Traderbot) -> Sequence[OrderView]:
    return bot.application.views.orders(OrderFilter()).items


def in_doubt(bot: Traderbot) -> set[str]:
    return {it.status for it in orders_of(bot)} & {"submitting", "unknown", "unconfirmed"}


def ahead_of(at: datetime) -> float:
    """Return by how much a clock that shows five seconds after an instant is ahead of now."""
    return (at - datetime.now(UTC)).total_seconds() + 5


def test_a_bot_killed_again_and_again_decides_as_if_it_never_was(place: Place) -> None:
    first = this_minute() + timedelta(minutes=1)
    bars = minute_bars(first, "3", "1", "3", "2", "3", "1", "3", "3")
    with place.bot() as bot:
        killed = place.start(bot)
        for bar in bars:
            # Now is just after the bar closed: it is fresh, and the next is not there yet.
            with trading(place.url, place.folder, ahead_of(bar.closes_at)):
                until(lambda: not in_doubt(bot))  # what the last life was killed in is cleared up
                bot.application.bars.add([bar])
                until(partial(has_decided, bot, killed, bar.at))
        # The last life may have ended before a fill was recorded.
        with trading(place.url, place.folder, ahead_of(bars[-1].closes_at) + 90):
            until(lambda: {it.status for it in orders_of(bot)} == {"filled"})
        found = decisions(place, killed)
        assert [it.bar_at for it in found] == [bar.at for bar in bars]
        signals = ["HOLD", "BUY", "HOLD", "SELL", "HOLD", "BUY", "HOLD", "HOLD"]
        assert [it.signal for it in found] == signals
        assert len({it.input_digest for it in found}) == len(bars)
        assert len(orders_of(bot)) == len([it for it in found if it.order_id])
        assert shown(bot, killed).fence in {len(bars), len(bars) + 1}
        ask = bot.application.parity
        assert ask is not None
        compared = ask(BotRunId(killed.bot_run_id), None, lambda _done, _all: None)
        assert compared.equal, compared
        assert (compared.decisions, compared.orders) == (len(bars), 3)
        assert not bot.application.audit.verify().findings
        assert not bot.application.audit.diff().differences


def test_of_two_processes_one_runs_a_bot_and_the_other_takes_over(place: Place) -> None:
    first = this_minute() + timedelta(minutes=1)
    bars = minute_bars(first, *"333333")
    with place.bot() as bot:
        run = place.start(bot)
        bot.application.bars.add(bars[:3])
        ahead = ahead_of(bars[2].closes_at)
        with (
            trading(place.url, place.folder, ahead) as one,
            trading(place.url, place.folder, ahead) as other,
        ):
            until(lambda: has_decided(bot, run, bars[2].at))
            holder = shown(bot, run).holder
            mine = [it for it in (one, other) if f":{it.pid}:" in holder]
            assert len(mine) == 1
            # A process that sleeps is taken for dead after ten seconds; then it wakes up.
            os.kill(mine[0].pid, signal.SIGSTOP)
            until(lambda: shown(bot, run).fence == 2)
            os.kill(mine[0].pid, signal.SIGCONT)
            bot.application.bars.add(bars[3:5])
        with trading(place.url, place.folder, ahead_of(bars[5].closes_at)):
            bot.application.bars.add(bars[5:])
            until(lambda: has_decided(bot, run, bars[5].at))
        assert [it.bar_at for it in decisions(place, run)] == [bar.at for bar in bars]
        assert not bot.application.audit.diff().differences


def test_a_stale_holder_is_refused_by_the_writer(place: Place) -> None:
    with place.bot() as bot:
        run = place.start(bot)
        with trading(place.url, place.folder, 0):
            until(lambda: shown(bot, run).fence == 1)
        at = this_minute()
        seen = Observation(
            bar_at=at,
            closes_at=at + timedelta(minutes=1),
            close=Price(100),
            input_digest="d",
            signal="BUY",
            confidence="1.0",
            reason="late",
            indicators={},
            rules={},
        )
        late = DecideOnBar(bot_run_id=BotRunId(run.bot_run_id), seen=seen, fence=0)
        with pytest.raises(BotLeasedElsewhereError, match="under fence 1"):
            bot.run(late)
        assert not decisions(place, run)


def test_bars_that_closed_while_nobody_looked_are_decided_on_without_orders(place: Place) -> None:
    first = this_minute() + timedelta(minutes=1)
    bars = minute_bars(first, "1", "1", "1", "3", "1")
    with place.bot() as bot:
        run = place.start(bot)
        bot.application.bars.add(bars)
        with trading(place.url, place.folder, ahead_of(bars[-1].closes_at)):
            until(lambda: has_decided(bot, run, bars[-1].at))
        codes = [it.blocking_code for it in decisions(place, run)]
        assert codes == ["STALE_BAR", "STALE_BAR", "STALE_BAR", "NO_SIGNAL", None]
        why = bot.application.audit.why_not(BotRunId(run.bot_run_id), bars[1].at)
        assert why.code == "STALE_BAR"


@pytest.mark.parametrize(
    ("volume", "code", "said"),
    [("7", "STRATEGY_FAILED", "ArithmeticError"), ("8", "STRATEGY_", "MAYBE")],
)
def test_a_strategy_that_fails_stops_its_bot_and_no_other(
    place: Place, volume: str, code: str, said: str
) -> None:
    first = this_minute() + timedelta(minutes=1)
    bars = minute_bars(first, "3", volume)
    with place.bot() as bot:
        failing, calm = place.start(bot), place.start(bot, strategy="RSI_CROSS")
        bot.application.bars.add(bars)
        with trading(place.url, place.folder, ahead_of(bars[-1].closes_at)):
            until(lambda: shown(bot, failing).status == "stopped")
            until(lambda: has_decided(bot, calm, bars[-1].at))
        stopped = shown(bot, failing)
        assert stopped.code.startswith(code)
        assert said in stopped.reason
        assert stopped.last_bar_at == bars[0].at
        assert shown(bot, calm).status == "running"


def test_a_paused_bot_looks_and_places_nothing_until_it_is_resumed(place: Place) -> None:
    first = this_minute() + timedelta(minutes=1)
    bars = minute_bars(first, "1", "1")
    with place.bot() as bot:
        run = place.start(bot)
        owner, id_ = place.owner, BotRunId(run.bot_run_id)
        paused = bot.run(PauseBot(owner_id=owner, bot_run_id=id_, reason="the news"))
        assert paused.status == "paused"
        bot.application.bars.add(bars[:1])
        with trading(place.url, place.folder, ahead_of(bars[0].closes_at)):
            until(lambda: has_decided(bot, run, bars[0].at))
        resumed = bot.run(ResumeBot(owner_id=owner, bot_run_id=id_, reason="it is over"))
        assert resumed.status == "running"
        same = ChangeBotParameters(owner_id=owner, bot_run_id=id_, parameters={}, reason="so")
        changed = bot.run(same)
        assert changed.version == shown(bot, run).version
        bot.application.bars.add(bars[1:])
        with trading(place.url, place.folder, ahead_of(bars[1].closes_at)):
            until(lambda: has_decided(bot, run, bars[1].at))
        codes: Sequence[str | None] = [it.blocking_code for it in decisions(place, run)]
        assert codes == ["BOT_PAUSED", None]
        why = bot.application.audit.why_not(BotRunId(run.bot_run_id), bars[0].at)
        assert why.code == "BOT_PAUSED"
