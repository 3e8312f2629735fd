from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import a_bar, later
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.bar_files import read_bars
from traderbot.infrastructure.market_data.csv_bars import BadBarsError
from traderbot.infrastructure.market_data.parquet_bars import write_parquet

AAPL, H1 = symbol("AAPL"), Timeframe.H1
AT = datetime(2025, 1, 2, 12, tzinfo=UTC)


def written(path: Path, **columns: Any) -> Path:
    whole = {"open": [100], "high": [110], "low": [90], "close": [105], "volume": [1000]}
    pq.write_table(pa.table({"date": [AT], **whole, **columns}), path)
    return path


def test_what_was_written_is_read_digit_for_digit(tmp_path: Path) -> None:
    bars = [a_bar(at=later(60 * n), close=f"{95 + n}.000000000000000001") for n in range(5)]
    write_parquet(tmp_path / "bars.parquet", bars)
    told: list[tuple[int, int]] = []
    found = read_bars(tmp_path / "bars.parquet", AAPL, H1, lambda *it: told.append(it))
    assert found == bars
    assert told == [(5, 5)]


def test_a_foreign_file_is_read_with_floats_as_their_shortest_text(tmp_path: Path) -> None:
    path = written(tmp_path / "a.PARQUET", open=[100.1], low=[0.1], volume=[1e-7])
    (bar,) = read_bars(path, AAPL, H1)
    assert [str(it) for it in (bar.open, bar.low, bar.volume)] == ["100.1", "0.1", "0.0000001"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"date": [AT.replace(tzinfo=None)]}, "line 2: not UTC"),
        ({"close": [float("nan")]}, "line 2: close: not a plain decimal number: 'NaN'"),
        ({"close": [float("inf")]}, "line 2: close: not a plain decimal number: 'Infinity'"),
        ({"close": [None]}, "line 2: close: not a plain decimal number: ''"),
        ({"close": [-1.0]}, "line 2: close: a price is above zero"),
        ({"Date": [AT]}, "more than one timestamp"),
    ],
)
def test_a_bad_row_is_named_as_in_a_text_file(
    tmp_path: Path, columns: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadBarsError, match=says):
        read_bars(written(tmp_path / "bars.parquet", **columns), AAPL, H1)


def test_rows_out_of_order_are_named(tmp_path: Path) -> None:
    bars = [a_bar(at=later(60)), a_bar()]
    write_parquet(tmp_path / "bars.parquet", bars)
    with pytest.raises(BadBarsError, match="line 3: out of order"):
        read_bars(tmp_path / "bars.parquet", AAPL, H1)


def test_what_only_has_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bars.parquet").write_text("timestamp,open,high,low,close,volume\n")
    with pytest.raises(BadBarsError, match="not a Parquet file"):
        read_bars(tmp_path / "bars.parquet", AAPL, H1)
