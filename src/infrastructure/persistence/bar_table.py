"""The table of bars."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from traderbot.infrastructure.persistence.metadata import metadata
from traderbot.infrastructure.persistence.types import ExactDecimal, UtcInstant

bars = Table(
    "bars",
    metadata,
    # The key's order is the order of every question: one series, then a stretch of time.
    Column("symbol", Text, primary_key=True),
    Column("timeframe", Text, primary_key=True),
    Column("at", UtcInstant, primary_key=True),
    Column("open", ExactDecimal, nullable=False),
    Column("high", ExactDecimal, nullable=False),
    Column("low", ExactDecimal, nullable=False),
    Column("close", ExactDecimal, nullable=False),
    Column("volume", ExactDecimal, nullable=False),
)
