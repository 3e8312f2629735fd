"""What a bot is not begun with."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import NOON
from traderbot.application.bots.starting import live_bot, replayed_bot
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import symbol
from traderbot.domain.strategies.errors import UnknownStrategyError
from traderbot.domain.strategies.further import Wanted
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy


class Curious(BaseStrategy):
    name = "CURIOUS"
    also = (Wanted("slow", timeframe="4h"),)


@pytest.fixture
def curious() -> Iterator[str]:
    StrategyRegistry.register(Curious.name, Curious)
    yield Curious.name
    StrategyRegistry._strategies.pop(Curious.name)  # there is no public way, and no need of one


def test_a_strategy_that_wants_more_than_bots_are_shown_is_refused(curious: str) -> None:
    of, what = (UserId("ada"), PortfolioId("main")), symbol("IBM")
    terms: Any = {"symbol": what, "timeframe": Timeframe.H1, "allocation": Decimal("0.1")}
    with pytest.raises(InvalidValueError, match="further series"):
        live_bot(*of, curious, {}, **terms)
    with pytest.raises(InvalidValueError, match="further series"):
        replayed_bot(*of, curious, {}, **terms, first_bar_at=NOON)


def test_a_strategy_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownStrategyError):
        live_bot(
            UserId("ada"),
            PortfolioId("main"),
            "NOBODY",
            {},
            symbol=symbol("IBM"),
            timeframe=Timeframe.H1,
            allocation=Decimal("0.1"),
        )
