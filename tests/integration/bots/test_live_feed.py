"""A bot on a live source: its bars are stored and recorded before it decides on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.bots import life
from tests.integration.bots.conftest import AAPL, Place, minute_bars, opened
from tests.integration.bots.life import Volumes, until
from tests.venues.faults import Call, Fault
from tests.venues.market import AlpacaMarket
from traderbot.application.views import BotRunView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.infrastructure.market_data.feeds.recording_file import RecordingFile
from traderbot.infrastructure.settings import load_settings

M1 = Timeframe.M1
KEY, SECRET = "a-key-of-nobody", "a-secret-of-nobody"


class Past:
    """A clock an hour ago; it stands until it is moved."""

    def __init__(self) -> None:
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        self.at = hour_ago.replace(second=1, microsecond=0)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def market() -> Iterator[AlpacaMarket]:
    with AlpacaMarket() as made:
        made.book.open_account(KEY, SECRET, {})
        yield made


@pytest.fixture
def here(tmp_path: Path) -> Place:
    url = f"sqlite:///{tmp_path / 'bots.db'}"
    with opened(url, tmp_path) as bot:
        owner = bot.register_user("a@example.org", "correct horse battery staple")
        portfolio = bot.open_portfolio(owner, "savings", "100000 USD")
    return Place(url, tmp_path, UserId(owner.user_id), PortfolioId(portfolio.portfolio_id))


def last_bar(bot: Traderbot, run: BotRunView) -> datetime | None:
    found = bot.application.views.bot_run(None, BotRunId(run.bot_run_id))
    assert found is not None
    return found.last_bar_at


def test_a_bot_decides_on_each_bar_of_a_live_source_once(here: Place, market: AlpacaMarket) -> None:
    assert life.Volumes is Volumes  # registered with it
    clock = Past()
    first = clock.at.replace(second=0)
    bars = minute_bars(first, *["3"] * 12)
    market.have(bars)
    settings = load_settings(
        env_file=None,
        arguments={
            "database": {"url": here.url},
            "data": {"dir": str(here.folder)},
            "broker": {"alpaca": {"key": KEY, "secret": SECRET}},
            "feed": {"source": "alpaca", "base_url": market.url},
        },
    )
    with Traderbot.open(settings, clock=clock) as bot, bot.background():
        run = here.start(bot)
        clock.at += timedelta(minutes=5)
        until(lambda: last_bar(bot, run) == bars[4].at)
        # Away for a while: nothing is decided, and nothing is missed.
        rule = market.faults.add(Fault.ERROR_BEFORE, Call.MARKET)
        clock.at += timedelta(minutes=5)
        until(lambda: market.faults.happened[Call.MARKET, Fault.ERROR_BEFORE])
        assert last_bar(bot, run) == bars[4].at
        market.faults.remove(rule)
        until(lambda: last_bar(bot, run) == bars[9].at)
        # The first one had begun when the bot was started.
        assert bot.application.bars.bars(AAPL, M1) == bars[1:10]
    (path,) = (here.folder / "recordings").glob("*.jsonl")
    seen = RecordingFile(path).sightings()
    assert [it.bar for it in seen] == bars[1:10]
    assert {it.source for it in seen} == {"alpaca"}
    assert all(it.known_at >= it.bar.closes_at for it in seen)
