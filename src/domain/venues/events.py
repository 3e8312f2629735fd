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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadManArmed:
    """The venue cancels every order when it hears nothing of us for so many seconds."""

    venue: str
    account: str
    at: datetime
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadManDisarmed:
    """The venue was told, and said that it understood, to let every order be without us."""

    venue: str
    account: str
    at: datetime


VenueEvent = BaselineRecorded | DifferenceFound | DifferenceEnded | DeadManArmed | DeadManDisarmed
