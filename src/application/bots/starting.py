"""The wish to start a bot, checked as far as it can be before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from traderbot.application.bots.keeper import LIVE, REPLAY
from traderbot.application.commands.bots import StartBot
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import PortfolioId, UserId
from traderbot.domain.shared.values import Symbol
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.strategies.strategy import BaseStrategy

_HISTORY: Final = 1_000  # bars a new bot looks at first, if its strategy would look at all of them
_LONGEST_HISTORY: Final = 20_000  # and at most


def live_bot(
    owner_id: UserId,
    portfolio_id: PortfolioId,
    strategy: str,
    parameters: Mapping[str, str],
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    allocation: Decimal,
) -> StartBot:
    """Return the wish for a bot that decides on every bar that closes from now on.

    It looks at as many bars before as its strategy does, so that it need not wait to warm up.

    Raises:
        UnknownStrategyError: there is no such strategy here.
        InvalidParameterError: the strategy does not take these parameters.
        InvalidValueError: it wants to see further series, and no bot is shown any.
    """
    made = _made(strategy, parameters)
    return StartBot(
        owner_id=owner_id,
        portfolio_id=portfolio_id,
        strategy=strategy,
        parameters=made.parameters(),
        symbol=symbol,
        timeframe=timeframe,
        allocation=allocation,
        feed=LIVE,
        history_bars=min(max(made.window or _HISTORY, made.warm_up), _LONGEST_HISTORY),
    )


def _made(name: str, parameters: Mapping[str, str]) -> BaseStrategy:
    made = StrategyRegistry.create(name, parameters)
    if made.also:
        # Without them it would decide something else than its backtest did.
        msg = (
            f"{name} wants to see further series, which bots are not shown yet; "
            "it can be backtested: traderbot backtest run"
        )
        raise InvalidValueError(msg)
    return made


def replayed_bot(
    owner_id: UserId,
    portfolio_id: PortfolioId,
    strategy: str,
    parameters: Mapping[str, str],
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    allocation: Decimal,
    first_bar_at: datetime,
) -> StartBot:
    """Return the wish for a bot that decides on stored bars, from the first of them on.

    Raises:
        UnknownStrategyError: there is no such strategy here.
        InvalidParameterError: the strategy does not take these parameters.
        InvalidValueError: it wants to see further series, and no bot is shown any.
    """
    made = _made(strategy, parameters)
    return StartBot(
        owner_id=owner_id,
        portfolio_id=portfolio_id,
        strategy=strategy,
        parameters=made.parameters(),
        symbol=symbol,
        timeframe=timeframe,
        allocation=allocation,
        feed=REPLAY,
        first_bar_at=first_bar_at,
    )
