"""Interrupted anywhere, trading on paper comes to the same end: nothing is lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest

from tests.builders import NOON
from tests.integration.brokers.paper_trading import AAPL, Cast, bars, begin, runner
from traderbot.application.application import Application
from traderbot.application.bot_runner import BotRunner
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.ports.commands import Command, Origin
from traderbot.application.ports.venue import Acknowledged, VenueOrder
from traderbot.application.views import TradeView
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.values import USD
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.repeatable import ReplayClock

ROUNDS = 5
_ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Name a database that keeps what it has promised."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path / 'paper.db'}"
        else:
            yield stack.enter_context(postgres(durable=True)).url


def outcome(application: Application, cast: Cast) -> list[tuple[Any, ...]]:
    """Return everything that was traded, without the names that differ from run to run."""
    return sorted(
        (it.at, it.side, it.quantity, it.price, it.fee) for it in trades(application, cast)
    )


def trades(application: Application, cast: Cast) -> list[TradeView]:
    page = application.views.trades(None, cast.portfolio, limit=200)
    assert page.next_cursor is None
    return list(page.items)


def check_the_books(application: Application, cast: Cast) -> None:
    """The venue's books and ours say the same, to the last digit; so do log and tables."""
    venue, views = application.venue, application.views
    ours = {f"{it.order_id}:{it.fill_id.rpartition(':')[2]}" for it in trades(application, cast)}
    theirs = [it.trade_id for it in venue.trades(AAPL)]
    assert len(theirs) == len(set(theirs))
    assert set(theirs) == ours
    portfolio = views.portfolio(None, cast.portfolio)
    assert portfolio is not None
    held = {it.symbol: Decimal(it.quantity) for it in portfolio.positions}
    assert venue.positions().get(AAPL, Decimal(0)) == held.get("AAPL", Decimal(0))
    (cash,) = [Decimal(it.total) for it in portfolio.balances if it.currency == "USD"]
    assert Decimal(100_000) + venue.balances()[USD] == cash
    working = {it.client_order_id for it in views.working_orders()}
    listed = [it for it in venue.open_orders() if isinstance(it, VenueOrder)]
    assert {it.client_order_id for it in listed} == working
    for order in views.working_orders():
        found = venue.find(order)
        assert isinstance(found, Acknowledged)
        assert found.order.filled == order.filled
    assert not application.audit.verify().findings
    assert not application.audit.diff().differences


def undisturbed(folder: Path) -> tuple[list[tuple[Any, ...]], int]:
    """Return what is traded when nothing goes wrong, and with how many commands."""
    with Traderbot.open(f"sqlite:///{folder / 'whole.db'}", clock=ReplayClock(NOON)) as bot:
        cast, counting = begin(bot), Crashing(bot, at=-1)
        to_the_end(counting.runner(cast))
        check_the_books(bot.application, cast)
        return outcome(bot.application, cast), counting.count


def to_the_end(at_work: BotRunner) -> None:
    """Let a runner see every bar."""
    for bar in bars():
        at_work.on_bar(bar)


class Crash(BaseException):
    """The process is gone: nobody catches that."""


class Crashing:
    """Runs commands, the venue's own included, until the one before or after which it is over."""

    def __init__(self, bot: Traderbot, at: int, *, after: bool = False) -> None:
        self._bot = bot
        self._inner = bot.application.executor
        self._at = at
        self._after = after
        self.count = 0
        self.execute = self._inner.execute

    def run(self, command: Command[Any], origin: Origin) -> Any:
        if self.count == self._at and not self._after:
            raise Crash
        answer = self._inner.run(command, origin)
        if self.count == self._at:
            raise Crash
        self.count += 1
        return answer

    def runner(self, cast: Cast) -> BotRunner:
        application = self._bot.application
        shipped = application.venue
        assert isinstance(shipped, PaperVenue)
        venue = PaperVenue(WritingPaperDesk(self), shipped.books, application.clock, shipped.model)
        return runner(replace(application, venue=venue), cast.run, self)


def test_a_crash_before_or_after_any_command_changes_nothing_in_the_end(tmp_path: Path) -> None:
    whole, commands = undisturbed(tmp_path)
    assert len(whole) > 20
    points = [(at, after) for at in range(0, commands, 9) for after in (False, True)]
    for at, after in points:
        url = f"sqlite:///{tmp_path / f'{at}-{after}.db'}"
        with Traderbot.open(url, clock=ReplayClock(NOON)) as bot:
            cast = begin(bot)
            with pytest.raises(Crash):
                to_the_end(Crashing(bot, at, after=after).runner(cast))
            to_the_end(Crashing(bot, -1).runner(cast))
            assert outcome(bot.application, cast) == whole, (at, after)
            check_the_books(bot.application, cast)


def test_killed_again_and_again_it_ends_as_if_nothing_had_been(url: str, tmp_path: Path) -> None:
    whole, _ = undisturbed(tmp_path)
    with Traderbot.open(url, clock=ReplayClock(NOON)) as bot:
        cast = begin(bot)
    random = Random(20)  # noqa: S311 - a test's own, so that it can be repeated
    done = killed = 0
    while done < len(bars()) and killed < ROUNDS:
        done, gone = let_it_run(url, cast, random, done)
        killed += gone
    assert killed >= 4
    finished, _ = let_it_run(url, cast, None, 0)
    assert finished == len(bars())
    with Traderbot.open(url) as bot:
        assert outcome(bot.application, cast) == whole
        check_the_books(bot.application, cast)


def let_it_run(url: str, cast: Cast, random: Random | None, from_: int) -> tuple[int, bool]:
    """Start the program and kill it some bars beyond `from_`; return how far it came."""
    command = [sys.executable, "-m", "tests.integration.brokers.paper_trading", url, cast.run]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        until = from_ + random.randint(4, 9) if random else len(bars()) + 1
        done = 0
        for line in process.stdout:
            if line.strip().isdigit():
                done = int(line) + 1
            if done >= until and random:
                sleep(random.uniform(0, 0.01))  # within the next bar
                break
        process.send_signal(signal.SIGKILL)
        rest = [line.strip() for line in process.stdout]
        process.wait()
    done = max([done, *(int(line) + 1 for line in rest if line.isdigit())])
    return done, process.returncode == -signal.SIGKILL
