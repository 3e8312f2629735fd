"""The words of trading that other programs may import from here."""

from __future__ import annotations

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.sentiment import Sentiment
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Currency, Money, Price, Quantity, Symbol

__all__ = [
    "Bar",
    "Currency",
    "Money",
    "Price",
    "Quantity",
    "Sentiment",
    "Symbol",
    "Timeframe",
]
