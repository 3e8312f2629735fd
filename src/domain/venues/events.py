"""What was found when our books were compared with a venue's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from traderbot.domain.shared.values import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRecorded:
    """What the account had of a symbol before this program traded it there; below zero when short.

    `theirs` is what the venue said it holds, `ours` what our books said then.
    """

    venue: str
    account: str
    at: datetime
    symbol: Symbol
    theirs: Decimal
    ours: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFound:
    """The venue's books say something else than ours, and nobody has explained it.

    `key` is the same whenever the same is found again; `raw` is what the venue said.
    """

    venue: str
    account: str
    at: datetime
    key: str
    kind: str
    sentence: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceEnded:
    """It is there no more."""

    venue: str
    account: str
    at: datetime
    key: str


VenueEvent = BaselineRecorded | DifferenceFound | DifferenceEnded
