"""An event with everything that was recorded about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from traderbot.domain.bots.events import BotEvent
from traderbot.domain.market.events import MarketEvent
from traderbot.domain.operations.events import OperationsEvent
from traderbot.domain.orders.events import OrderEvent
from traderbot.domain.portfolio.events import PortfolioEvent
from traderbot.domain.risk.events import RiskEvent
from traderbot.domain.simulation.events import PaperEvent
from traderbot.domain.users.events import UserEvent
from traderbot.domain.venues.events import VenueEvent

DomainEvent = (
    OrderEvent
    | PortfolioEvent
    | UserEvent
    | BotEvent
    | OperationsEvent
    | MarketEvent
    | PaperEvent
    | VenueEvent
    | RiskEvent
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused it: `type` is user, bot, system or operator; `via` the door they came by."""

    type: str
    id: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One event of the log, decoded. `position` is its place in the store it was read from."""

    position: int
    id: str
    stream: str
    version: int
    type: str
    schema: int
    occurred_at: datetime
    recorded_at: datetime
    command_id: str
    correlation_id: str
    causation_id: str
    actor: Actor
    leaf_hash: bytes
    event: DomainEvent
