"""Bots: bodies in, views out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal

from fastapi import Path
from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from traderbot.application.bots.starting import live_bot
from traderbot.application.commands.bots import PauseBot, ResumeBot, StartBot, StopBot
from traderbot.application.views import BotRunView, Page
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import symbol
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    EXAMPLE_ORDER,
    EXAMPLE_PORTFOLIO,
    EXAMPLE_USER,
    Amount,
    Body,
    DecimalText,
    IdText,
    Instant,
    NameText,
    Out,
    ReasonText,
    SymbolText,
    known_form,
    uuid_schema,
)

EXAMPLE_BOT: Final = "0199a1b2-0000-7000-8000-000000000004"
_MOST_PARAMETERS = 50

BotIdPath = Annotated[
    str,
    Path(description="the bot run's id", examples=[EXAMPLE_BOT]),
    AfterValidator(known_form("bot run")),
    uuid_schema(EXAMPLE_BOT),
]
UserIdPath = Annotated[
    str,
    Path(description="your own id", examples=[EXAMPLE_USER]),
    AfterValidator(known_form("user")),
    uuid_schema(EXAMPLE_USER),
]
ParameterText = Annotated[str, Field(max_length=200)]


class StartBotBody(Body):
    """A strategy, what it trades, and how much of the portfolio one order may use."""

    portfolio_id: IdText
    strategy: NameText
    symbol: SymbolText
    timeframe: Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"] = "1h"
    allocation: DecimalText = Field(
        default="0.1", description="the share of equity one order may use: above 0, at most 1"
    )
    parameters: Mapping[NameText, ParameterText] = Field(
        default_factory=dict,
        max_length=_MOST_PARAMETERS,
        description="of the strategy, as text; what is left out keeps its default",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "portfolio_id": EXAMPLE_PORTFOLIO,
                    "strategy": "RSI_CROSS",
                    "symbol": "AAPL",
                    "timeframe": "1h",
                    "allocation": "0.1",
                    "parameters": {"rsi_period": "14"},
                }
            ]
        }
    )

    def to_command(self, owner_id: UserId) -> StartBot:
        """Return the wish. Raises UnknownStrategyError, InvalidParameterError."""
        return live_bot(
            owner_id,
            PortfolioId(self.portfolio_id),
            self.strategy,
            self.parameters,
            symbol=symbol(self.symbol),
            timeframe=Timeframe(self.timeframe),
            allocation=Decimal(self.allocation),
        )


class BotWishBody(Body):
    """Which bot, and why."""

    bot_run_id: Annotated[IdText, WithJsonSchema({"type": "string", "format": "uuid"})]
    reason: ReasonText = "asked by the owner"

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"bot_run_id": EXAMPLE_BOT, "reason": "news at noon"}]}
    )

    def to_stop(self, owner_id: UserId) -> StopBot:
        """Return the wish to end it."""
        id_ = BotRunId(self.bot_run_id)
        return StopBot(owner_id=owner_id, bot_run_id=id_, reason=self.reason)

    def to_pause(self, owner_id: UserId) -> PauseBot:
        """Return the wish for no more orders."""
        id_ = BotRunId(self.bot_run_id)
        return PauseBot(owner_id=owner_id, bot_run_id=id_, reason=self.reason)

    def to_resume(self, owner_id: UserId) -> ResumeBot:
        """Return the wish to go on."""
        id_ = BotRunId(self.bot_run_id)
        return ResumeBot(owner_id=owner_id, bot_run_id=id_, reason=self.reason)


class ChangeBotBody(Body):
    """Other parameters of a bot's strategy; what is left out stays as it is."""

    bot_run_id: IdText
    parameters: Mapping[NameText, ParameterText] = Field(min_length=1, max_length=_MOST_PARAMETERS)
    reason: ReasonText = "asked by the owner"

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"bot_run_id": EXAMPLE_BOT, "parameters": {"rsi_period": "21"}}]
        }
    )


_BOT: JsonDict = {
    "bot_run_id": EXAMPLE_BOT,
    "owner_id": EXAMPLE_USER,
    "portfolio_id": EXAMPLE_PORTFOLIO,
    "strategy": "RSI_CROSS",
    "parameters": {"rsi_period": "14", "oversold": "30", "overbought": "70"},
    "symbol": "AAPL",
    "timeframe": "1h",
    "allocation": "0.1",
    "status": "running",
    "reason": "",
    "code": "",
    "feed": "live",
    "holder": "trading-1:4711:9f2c01",
    "started_at": EXAMPLE_INSTANT,
    "updated_at": EXAMPLE_INSTANT,
    "last_bar_at": EXAMPLE_INSTANT,
    "decisions": 12,
    "order_id": EXAMPLE_ORDER,
    "version": 14,
}


class BotOut(Out):
    """A bot run. `reason` says why it is paused or stopped, `code` what failed, if that did it."""

    bot_run_id: str
    owner_id: str
    portfolio_id: str
    strategy: str
    parameters: Mapping[str, str]
    symbol: str
    timeframe: str
    allocation: Amount
    status: Literal["running", "paused", "stopped"]
    reason: str
    code: str
    feed: str = Field(description="live, replay, or empty: its starter brings the bars")
    holder: str = Field(description="the process that runs it; empty: none has yet")
    started_at: Instant
    updated_at: Instant
    last_bar_at: Instant | None = Field(description="when the newest bar it decided on opened")
    decisions: int
    order_id: str | None = Field(description="the newest order it asked for")
    version: int = Field(description="how many events made it")

    model_config = ConfigDict(json_schema_extra={"examples": [_BOT]})

    @classmethod
    def of(cls, view: BotRunView) -> BotOut:
        """Show a view."""
        return cls.model_validate(view)


class BotPage(Out):
    """Some bots, newest first; `next_cursor` asks for more."""

    items: list[BotOut]
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_BOT], "next_cursor": None}]}
    )

    @classmethod
    def of(cls, page: Page[BotRunView]) -> BotPage:
        """Show a page of views."""
        items = [BotOut.of(view) for view in page.items]
        return cls(items=items, next_cursor=page.next_cursor)
