"""What only the Parquet store has: a manifest, whole or not at all, and proof of its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from tests.builders import NOON, a_bar, later
from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.market_data import ConflictingBarError
from traderbot.domain.market.bar_series import digest_of
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.calendar import Hole
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import Price, symbol
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore

AAPL, PAIR, H1, D1 = symbol("AAPL"), symbol("BTC/USDT"), Timeframe.H1, Timeframe.D1


def hourly(*numbers: int) -> list[Bar]:
    return [a_bar(symbol_code="BTC/USDT", at=later(60 * n)) for n in numbers]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bars"


def test_the_manifest_says_range_rows_gaps_digest_and_source(folder: Path) -> None:
    store = ParquetBarStore(folder)
    bars = hourly(0, 1, 2, 6, 7)
    store.add(bars[:4], "file:first.csv")
    store.add(bars, "ccxt:binance")
    it = store.manifest().series[PAIR, H1]
    assert (it.rows, it.first, it.last) == (5, NOON, later(420))
    assert it.sources == ("file:first.csv", "ccxt:binance")
    assert it.holes == (Hole(after=later(120), before=later(360), missing=3),)
    assert it.parts[0].digest == digest_of(bars)
    document = json.loads((folder / "manifest.json").read_text())
    assert document["spec"] == "traderbot.bars/1"
    assert document["series"][0]["gaps"][0]["missing"] == 3


def test_each_year_has_a_file_and_days_have_one_for_all(folder: Path) -> None:
    store = ParquetBarStore(folder)
    store.add([a_bar(at=NOON + timedelta(days=200 * n)) for n in range(5)])
    store.add([a_bar(timeframe=D1, at=NOON + timedelta(days=200 * n)) for n in range(5)])
    names = {it: len(series.parts) for it, series in store.manifest().series.items()}
    assert names == {(AAPL, H1): 3, (AAPL, D1): 1}
    files = {path.name for path in folder.glob("*.parquet")}
    assert files == store.manifest().files()


def test_the_files_of_before_are_gone_and_no_other_year_is_touched(folder: Path) -> None:
    store = ParquetBarStore(folder)
    store.add([a_bar(), a_bar(at=NOON + timedelta(days=400))])
    before = store.manifest().files()
    store.add([a_bar(at=later(60))])
    after = store.manifest().files()
    assert len(before & after) == 1
    assert {path.name for path in folder.glob("*.parquet")} == after


def test_a_conflict_leaves_no_file_behind(folder: Path) -> None:
    store = ParquetBarStore(folder)
    store.add(hourly(0))
    before = sorted(folder.iterdir())
    offered = [a_bar(), *hourly(1), replace(hourly(0)[0], close=Price("106"))]
    with pytest.raises(ConflictingBarError):
        store.add(offered)
    assert sorted(folder.iterdir()) == before


def test_a_file_that_was_changed_is_found(folder: Path) -> None:
    store = ParquetBarStore(folder)
    store.add(hourly(0, 1))
    store.add([a_bar()])
    assert store.damaged() == []
    theirs, ours = (store.manifest().series[key].parts[0].file for key in ((AAPL, H1), (PAIR, H1)))
    (folder / ours).write_bytes((folder / theirs).read_bytes())
    assert store.damaged() == [ours]
    with pytest.raises(DatabaseUnavailableError, match="1 bars where the manifest has 2"):
        store.bars(PAIR, H1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spec": "other/1", "series": []}'])
def test_a_damaged_manifest_is_told_and_nothing_is_written_over_it(folder: Path, text: str) -> None:
    store = ParquetBarStore(folder)
    store.add(hourly(0))
    (folder / "manifest.json").write_text(text)
    for ask in (lambda: store.bars(PAIR, H1), lambda: store.add(hourly(1)), store.series):
        with pytest.raises(DatabaseUnavailableError, match="damaged"):
            ask()
    assert (folder / "manifest.json").read_text() == text


def test_a_file_that_is_gone_is_told(folder: Path) -> None:
    store = ParquetBarStore(folder)
    store.add(hourly(0))
    next(folder.glob("*.parquet")).unlink()
    with pytest.raises(DatabaseUnavailableError):
        store.bars(PAIR, H1)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailableError):
        ParquetBarStore(tmp_path / "file" / "bars").add(hourly(0))


def test_a_reader_sees_one_state_or_the_next_while_a_writer_writes(folder: Path) -> None:
    writer, reader = ParquetBarStore(folder), ParquetBarStore(folder)
    writer.add(hourly(0))

    def write() -> None:
        for n in range(1, 60):
            writer.add(hourly(n))

    thread = Thread(target=write)
    thread.start()
    seen = [0]
    while thread.is_alive():
        bars = reader.bars(PAIR, H1)
        assert bars == hourly(*range(len(bars)))
        seen.append(len(bars))
    thread.join()
    assert seen == sorted(seen)
    assert reader.bars(PAIR, H1) == hourly(*range(60))


_KILLED = """
import os, sys
from pathlib import Path
from tests.integration.persistence.test_parquet_store import hourly
from traderbot.infrastructure.market_data import parquet_store
from traderbot.infrastructure.market_data.parquet_store import ParquetBarStore

def killed(*_):
    os._exit(9)

setattr(parquet_store, sys.argv[2], killed)
ParquetBarStore(Path(sys.argv[1])).add(hourly(1, 2))
"""


@pytest.mark.parametrize("at", ["write_parquet", "sync_folder", "write_manifest"])
def test_an_import_that_is_killed_leaves_what_was_there(folder: Path, at: str) -> None:
    ParquetBarStore(folder).add(hourly(0))
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder), at], check=False, env={**os.environ}
    )
    assert done.returncode == 9
    store = ParquetBarStore(folder)
    assert store.bars(PAIR, H1) == hourly(0)
    assert store.add(hourly(1, 2)) == 2
    assert store.bars(PAIR, H1) == hourly(0, 1, 2)
