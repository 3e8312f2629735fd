"""Files of bars, whatever their kind: the ending says how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.market_data.csv_bars import BadBarsError, BadRow, Lines, read_csv
from traderbot.infrastructure.market_data.csv_dialects import COLUMNS
from traderbot.infrastructure.market_data.parquet_bars import arrow

PARQUET: Final = ".parquet"
_OURS: Final = {"at": "timestamp", "date": "timestamp", "time": "timestamp"}
_BATCH: Final = 10_000


def read_bars(
    path: Path,
    symbol: Symbol,
    timeframe: Timeframe,
    progress: Callable[[int, int], None] | None = None,
) -> list[Bar]:
    """Return the bars of a `.csv`, `.csv.gz` or `.parquet` file, oldest first.

    `progress` hears now and then how much was read, and how much there is.

    Raises:
        BadBarsError: it is not what it should be; the message names every bad line. The first row
            of a Parquet file counts as line 2, as if there were a header.
        MissingExtraError: Parquet needs an extra.
        OSError: it cannot be opened or read.
    """
    if path.suffix.lower() == PARQUET:
        return read_csv(_ParquetLines(path, progress), symbol, timeframe)
    return read_csv(path, symbol, timeframe)


class _ParquetLines(Lines):
    """The rows of a Parquet file as the lines our CSV reader checks: one road for both."""

    def __init__(self, path: Path, progress: Callable[[int, int], None] | None) -> None:
        library, parquet = arrow(), arrow("pyarrow.parquet")
        try:
            self._file = parquet.ParquetFile(path)
        except library.ArrowInvalid as error:
            raise BadBarsError([BadRow(1, f"not a Parquet file: {error}")]) from error
        self._progress = progress
        self._lines = self._written()

    def readline(self, limit: int = -1, /) -> str:
        del limit
        return next(self._lines, "")

    def _written(self) -> Iterator[str]:
        names = {name: _OURS.get(name.lower(), name.lower()) for name in self._file.schema.names}
        wanted = [name for name, ours in names.items() if ours in COLUMNS]
        yield ",".join(names[name] for name in wanted) + "\n"
        done, rows = 0, self._file.metadata.num_rows
        for batch in self._file.iter_batches(_BATCH, columns=wanted):
            columns = [[_text(it) for it in batch[name].to_pylist()] for name in wanted]
            for row in zip(*columns, strict=True):
                yield ",".join(row) + "\n"
            done += batch.num_rows
            if self._progress is not None:
                self._progress(done, rows)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever the file holds
    """Return the text a person would have written; a float becomes the shortest that is it."""
    if isinstance(value, datetime):
        # One without a zone stays without, and is refused by name.
        if value.tzinfo is None:
            return value.isoformat()
        return instant_text(value.astimezone(UTC))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f") if value == value else "NaN"  # noqa: PLR0124
    return "" if value is None else str(value)
