"""What can happen to a bot run. `BotDecided` is its decision record: one for every closed bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from traderbot.domain.bots.sizing_rule import Sizing
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.fields import LATER
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Price, Quantity, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStarted:
    """A strategy begins to trade one symbol for one portfolio."""

    bot_run_id: BotRunId
    at: datetime
    owner_id: UserId
    portfolio_id: PortfolioId
    strategy: str
    parameters: Mapping[str, str]
    symbol: Symbol
    timeframe: Timeframe
    allocation: Decimal  # the share of equity at cost one order may use
    # Where its bars come from; empty: whoever started it brings them.
    feed: str = field(default="", metadata=LATER)
    # The run's bars open then or later; what closed before `at` is looked at, and not decided on.
    first_bar_at: datetime | None = field(default=None, metadata=LATER)
    sizing: Sizing | None = field(default=None, metadata=LATER)  # else by `allocation`


@dataclass(frozen=True, slots=True, kw_only=True)
class BotDecided:
    """Why the bot did what it did, or did not, on one closed bar.

    `input_digest` chains SHA-256 over every bar the run has seen, so the same digest means the same
    inputs. Indicator values are the shortest text that reads back to the same float. A signal
    without an order has exactly one `blocking_code`.
    """

    bot_run_id: BotRunId
    at: datetime
    bar_at: datetime
    close: Price
    input_digest: str
    signal: str
    confidence: str
    reason: str
    indicators: Mapping[str, str]
    rules: Mapping[str, bool]
    sizing: Mapping[str, str] = field(default_factory=dict)
    quantity: Quantity | None = None
    order_id: OrderId | None = None
    blocking_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLeased:
    """A process takes the run over. Decisions under an older `fence` count no more."""

    bot_run_id: BotRunId
    at: datetime
    holder: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BotPaused:
    """The run goes on looking, and places no order."""

    bot_run_id: BotRunId
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotResumed:
    """The run places orders again, from the next bar on."""

    bot_run_id: BotRunId
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotParametersChanged:
    """The strategy has other parameters from the next bar on; it has seen all bars with them."""

    bot_run_id: BotRunId
    at: datetime
    parameters: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStopped:
    """The run is over."""

    bot_run_id: BotRunId
    at: datetime
    reason: str
    code: str = field(default="", metadata=LATER)  # what failed, when nobody asked for it


BotEvent = (
    BotStarted | BotDecided | BotLeased | BotPaused | BotResumed | BotParametersChanged | BotStopped
)
