"""What the workers of one runner share, and how each of them ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from sqlalchemy import Engine

from traderbot.infrastructure.following.feed import Feed
from traderbot.infrastructure.following.log_follower import LogFollower
from traderbot.infrastructure.following.pace import Pace
from traderbot.infrastructure.following.subscription_store import SubscriptionStore


@dataclass(slots=True)
class Closing:
    """The word to end, and by when (monotonic)."""

    told: threading.Event = field(default_factory=threading.Event)
    by: float | None = None

    def tell(self, by: float) -> None:
        """Have everybody end by then."""
        self.by = by
        self.told.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What all workers of one runner use."""

    reading: Engine
    writing: Engine
    follower: LogFollower
    feed: Feed
    store: SubscriptionStore
    pace: Pace
    owner: str
    closing: Closing = field(default_factory=Closing)
    moved: threading.Condition = field(default_factory=threading.Condition)  # a checkpoint has
    turn: threading.Lock = field(default_factory=threading.Lock)  # see Progress.in_turn
