"""The running program as its doors see it: what it can do, and whom it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from traderbot.application.bots.parity_report import ParityReport, Progress
from traderbot.application.gate import Gate
from traderbot.application.key_safe import KeySafe, no_key_safe
from traderbot.application.ports.audit import Audit
from traderbot.application.ports.backtests import Backtests
from traderbot.application.ports.bar_venue import BarVenue
from traderbot.application.ports.bundle import Bundles
from traderbot.application.ports.checkpoints import Checkpoints
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import CommandExecutor
from traderbot.application.ports.event_pages import EventPages
from traderbot.application.ports.health import HealthCheck
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.password_hasher import PasswordHasher
from traderbot.application.ports.rate_limiter import LimitGroup, RateLimiter
from traderbot.application.ports.risk import NothingAtRisk, RiskReading
from traderbot.application.ports.sealing import Sealing
from traderbot.application.ports.subscriptions import NoSubscriptions, Subscriptions
from traderbot.application.ports.token_codec import TokenCodec
from traderbot.application.ports.views import Views
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Every port a door may use. Build it with `traderbot.bootstrap`."""

    executor: CommandExecutor
    views: Views
    bars: BarStore
    audit: Audit
    event_pages: EventPages
    checkpoints: Checkpoints
    venue: BarVenue
    clock: Clock
    ids: IdSource
    passwords: PasswordHasher
    tokens: Callable[[], TokenCodec]  # asked only by doors that let strangers in
    sealing: Callable[[], Sealing]  # asked only where something is sealed: it needs the key
    bundles: Callable[[], Bundles]  # the same
    subscriptions: Subscriptions = field(default_factory=NoSubscriptions)
    health: Sequence[HealthCheck] = field(default=())
    # Asked only by doors that let strangers in, which do not open without all of them.
    limiters: Callable[[], Mapping[LimitGroup, RateLimiter]] = dict
    # Asked only where exchange keys are stored or sealed again: it needs the keys of the settings.
    key_safe: Callable[[], KeySafe] = no_key_safe
    gate: Gate = field(default_factory=Gate)  # its limits as installed, and its latch
    risk: RiskReading = field(default_factory=NothingAtRisk)
    # The paper venue, as far as one portfolio goes: for whoever brings it bars of the past.
    replay_venue: Callable[[PortfolioId], BarVenue] | None = None
    parity: Callable[[BotRunId, UserId | None, Progress], ParityReport] | None = None
    backtests: Callable[[UserId], Backtests] | None = None  # of a person
