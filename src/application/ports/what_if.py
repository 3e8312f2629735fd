"""What would have happened: the answer to a question about a history that never was.

Nothing in here is recorded anywhere. Amounts are plain decimal text, prices name their source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from traderbot.application.views import OrderView, TradeView
from traderbot.domain.shared.errors import InvalidValueError, TraderbotError

# Called with how much is done and how much there is.
Progress = Callable[[int, int], None]


class BadQuestionError(InvalidValueError):
    """The file that asks is not what it is meant to be. The message names the key."""

    code: ClassVar[str] = "BAD_QUESTION"


class UnanswerableError(TraderbotError):
    """The log does not hold what an honest answer needs. The message says what is missing."""

    code: ClassVar[str] = "UNANSWERABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """One thing as it was and as it would have been; None where it is not there."""

    fact: str | None
    hypothesis: str | None
    difference: str | None = None  # hypothesis less fact, of amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """The first recorded event that would not have been recorded as it was.

    `recorded` is None where the hypothesis has one event more than the log: it would have stood
    before the event of that index. `hypothetical` is None where the event would not be there.
    """

    index: int
    stream: str
    recorded: str | None  # types of events
    hypothetical: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """An order that is not the same in both, and why, as far as the two histories say."""

    order_id: str
    fact: OrderView | None
    hypothesis: OrderView | None
    changed: Mapping[str, Versus]  # by field of the order, when it is in both
    why: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanges:
    """All orders, counted; those that are not the same, listed in the order they were placed."""

    fact: int
    hypothesis: int
    only_in_fact: Sequence[OrderChange]
    only_in_hypothesis: Sequence[OrderChange]
    different: Sequence[OrderChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChange:
    """A fill that is in both, at another price, size or fee."""

    fact: TradeView
    hypothesis: TradeView


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChanges:
    """All booked fills, counted; those that are not the same, listed as they were booked."""

    fact: int
    hypothesis: int
    only_in_fact: Sequence[TradeView]
    only_in_hypothesis: Sequence[TradeView]
    different: Sequence[TradeChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyChange:
    """What a portfolio has in one currency at the end of the log.

    `equity` is the cash and every position in that currency at the prices of the answer.
    """

    currency: str
    cash: Versus
    realised: Versus
    fees: Versus
    equity: Versus


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChange:
    """What a portfolio holds of one symbol at the end of the log."""

    symbol: str
    quantity: Versus
    cost: Versus
    realised: Versus


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioChange:
    """A portfolio at the end of the log."""

    portfolio_id: str
    currencies: Sequence[CurrencyChange]
    positions: Sequence[PositionChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPrice:
    """What positions are valued with at the end: the last price of a symbol in the log."""

    symbol: str
    price: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWish:
    """Something that was done in fact, and would have been refused."""

    index: int
    command_id: str
    wish: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfAnswer:
    """The difference between the history that is recorded and the one that was asked about.

    Both fingerprints are SHA-256 over one line `stream hash` for each stream, by stream, the hash
    being that of its last event: equal ones mean equal histories, to the last byte.
    """

    question: Mapping[str, Any]
    start: int
    events: int  # of the log
    reproduced: int  # of these, from `start` on, decided again without the change, and the same
    fact: str
    hypothesis: str
    parts_at: Parting | None
    orders: OrderChanges
    trades: TradeChanges
    portfolios: Sequence[PortfolioChange]
    prices: Sequence[EndPrice]
    refused: Sequence[RefusedWish]
    refused_unlisted: int
    unanswered: Sequence[str]  # what nobody can know, and how it was taken

    @property
    def differs(self) -> bool:
        """Whether anything would have been recorded otherwise."""
        return self.fact != self.hypothesis
