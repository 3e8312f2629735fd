"""The store of bars the settings name."""

from __future__ import annotations

from sqlalchemy import Engine

from traderbot.application.ports.market_data import BarStore
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.market_data.layered_store import LayeredBarStore
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore
from traderbot.infrastructure.settings import Settings

FOLDER = "bars"  # in the data folder


def bar_store(settings: Settings, engine: Engine, reader: Engine | None = None) -> BarStore:
    """Return where bars are kept: in the database, or with long histories in files beside it.

    Raises:
        MissingExtraError: files need the extra `data`.
    """
    live = SqlBarStore(engine, reader)
    if settings.data.bars == "database":
        return live
    return LayeredBarStore(ParquetBarStore(settings.data.dir / FOLDER), live)
