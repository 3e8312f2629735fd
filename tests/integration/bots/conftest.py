"""Databases that keep what they have promised, and a trader in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from traderbot.application.commands.bots import StartBot
from traderbot.application.views import BotRunView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.infrastructure.embedded.postgres import postgres
from traderbot.infrastructure.settings import load_settings

AAPL = symbol("AAPL")


@dataclass(frozen=True)
class Place:
    """A database, a folder for the program's files, and whose portfolio is in it."""

    url: str
    folder: Path
    owner: UserId
    portfolio: PortfolioId

    def bot(self) -> Traderbot:
        return opened(self.url, self.folder)

    def start(self, bot: Traderbot, *, history: int = 0, strategy: str = "VOLUMES") -> BotRunView:
        """Start a live bot on bars of a minute."""
        return bot.run(
            StartBot(
                owner_id=self.owner,
                portfolio_id=self.portfolio,
                strategy=strategy,
                parameters={},
                symbol=AAPL,
                timeframe=Timeframe.M1,
                allocation=Decimal("0.01"),
                feed="live",
                history_bars=history,
            )
        )


def opened(url: str, folder: Path) -> Traderbot:
    """Open a database with the program's files in that folder."""
    return Traderbot.open(
        load_settings(arguments={"database": {"url": url}, "data": {"dir": str(folder)}})
    )


def this_minute() -> datetime:
    """Return when the present minute began."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def minute_bars(first: datetime, *volumes: str) -> list[Bar]:
    """Return a bar of a minute for each volume, at 100 dollars or so."""
    return [
        Bar(
            symbol=AAPL,
            timeframe=Timeframe.M1,
            at=first + timedelta(minutes=number),
            open=Price(100 + number % 7),
            high=Price(120),
            low=Price(90),
            close=Price(101 + number % 5),
            volume=Quantity(volume),
        )
        for number, volume in enumerate(volumes)
    ]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'bots.db'}"
        else:
            url = stack.enter_context(postgres(durable=True)).url
        with opened(url, tmp_path) as bot:
            owner = bot.register_user("a@example.org", "correct horse battery staple")
            portfolio = bot.open_portfolio(owner, "savings", "100000 USD")
            # What a market order is measured with; long ago, so that nobody trades it.
            bot.application.bars.add(minute_bars(this_minute() - timedelta(days=9), "3", "3"))
        yield Place(url, tmp_path, UserId(owner.user_id), PortfolioId(portfolio.portfolio_id))
