"""Writes the log of a backtest into a database of its own."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from traderbot.application.backtesting.errors import InvalidBacktestError
from traderbot.application.backtesting.log import RecordDeed, Script, record_deed, write
from traderbot.application.commands.market import RecordBars, RecordBarsHandler
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.market_data.bar_store import SqlBarStore
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.storages import open_storage
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds

if TYPE_CHECKING:
    from collections.abc import Callable

    from traderbot.application.backtesting.result import BacktestResult


def write_log(
    result: BacktestResult, path: str | Path, on_progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the log of a run into a new SQLite database; `traderbot audit` works on it.

    Raises:
        InvalidBacktestError: there is a file already.
        StrategyChangedItsMindError: asked again, the strategy says something else.
    """
    file = Path(path)
    ensure_new(file)
    url = f"sqlite:///{file.resolve().as_posix()}"
    clock = ReplayClock(result.spec.begins_at)
    script = Script(clock, SeededIds(result.run_id, clock))
    writing, reading = writer_engine(url), reader_engine(url)
    try:
        upgrade(writing)
        writer = Writer(
            lambda: open_storage(writing),
            {RecordBars: RecordBarsHandler(clock=script), RecordDeed: record_deed},
            codec=EventCodec(),
            clock=script,
            ids=script,
            sink=EventBus(),
        )
        with closing(writer):
            store = SqlBarStore(writing, reading)
            asyncio.run(write(result.played, store, writer, script, on_progress))
    finally:
        writing.dispose()
        reading.dispose()
    return file


def ensure_new(file: Path) -> None:
    """Raise InvalidBacktestError if there is such a file already."""
    if file.exists():
        msg = f"{file} is there already; a log is written into a new file"
        raise InvalidBacktestError(msg)
