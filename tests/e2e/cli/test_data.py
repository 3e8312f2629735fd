"""Bars from files of every kind and from an exchange, by the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.builders import a_bar
from tests.e2e.cli.conftest import Installation
from tests.venues.faults import Call, Fault
from tests.venues.market import BinanceMarket
from traderbot.infrastructure.market_data.parquet_bars import write_parquet

START = datetime(2024, 1, 1, tzinfo=UTC)


def test_bars_of_an_exchange_are_downloaded_and_then_asked_for_no_more(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation("init")
    bars = [
        a_bar(symbol_code="BTC/USDT", at=START + timedelta(hours=n), close=f"{95 + n % 9}.5")
        for n in range(100)
    ]
    words = (
        *("data", "download", "BTC/USDT", "--from", "ccxt:binance", "--timeframe", "1h"),
        *("--since", "2024-01-01", "--until", "2024-01-04T00:00:00Z", "--json"),
    )
    with BinanceMarket() as market:
        monkeypatch.setenv("TRADERBOT_FEED__BASE_URL", market.url)
        market.have(bars)
        market.short = 30
        first = installation(*words)
        assert (first.code, first.json["new"]) == (0, 72)
        assert first.json["last"] == "2024-01-03T23:00:00.000000Z"
        market.faults.add(Fault.ERROR_BEFORE, Call.MARKET)
        assert installation(*words).json["new"] == 0
    (series,) = installation("data", "list", "--json").json["items"]
    assert (series["symbol"], series["timeframe"], series["count"]) == ("BTC/USDT", "1h", 72)
    checked = installation("data", "check", "BTC/USDT", "1h", "--json")
    assert (checked.code, checked.json["findings"]) == (0, [])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "yesterday"), "--since is a day such as 2024-01-01"),
        (("--since", "2024-01-02", "--until", "2024-01-01"), "nothing is between"),
        (("--since", "2024-01-01", "--from", "kraken"), "kraken"),
    ],
)
def test_a_download_that_makes_no_sense_is_refused_in_words(
    installation: Installation, words: tuple[str, ...], says: str
) -> None:
    installation("init")
    source = () if "--from" in words else ("--from", "ccxt:binance")
    told = installation("data", "download", "BTC/USDT", "--timeframe", "1h", *source, *words)
    assert told.code != 0
    assert says in told.err


def test_a_parquet_file_is_imported_like_a_text_file(installation: Installation) -> None:
    installation("init")
    path = installation.folder / "bars.parquet"
    write_parquet(path, [a_bar(at=START + timedelta(hours=n)) for n in range(5)])
    words = ("data", "import", str(path), "--symbol", "AAPL", "--timeframe", "1h", "--json")
    assert installation(*words).json["new"] == 5


def test_a_file_of_somebody_else_is_known_by_its_first_line(installation: Installation) -> None:
    installation("init")
    path: Path = installation.folder / "AAPL.csv"
    path.write_text(
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,1,2,1,2,2,10\n"
        "2024-01-03,2,3,2,3,3,10\n"
    )
    words = ("data", "import", str(path), "--symbol", "AAPL", "--timeframe", "1d", "--json")
    assert installation(*words).json["first"] == "2024-01-02T00:00:00.000000Z"


def test_a_check_tells_row_column_and_what_to_do(installation: Installation) -> None:
    installation("init")
    path: Path = installation.folder / "AAPL.csv"
    path.write_text(
        "date,open,high,low,close,volume\n2024-01-02,10,11,9,10,10\n2024-01-03,10,40,9,10,10\n"
        "2024-01-04,10,11,9,10,10\n"
    )
    words = ("data", "import", str(path), "--symbol", "AAPL", "--timeframe", "1d", "--check")
    told = installation(*words, "--json")
    (finding,) = told.json["findings"]
    assert (told.code, finding["kind"], finding["row"], finding["column"]) == (
        1,
        "spike",
        2,
        "high",
    )
    assert finding["advice"]
    assert finding["advice"] in installation(*words).out


def test_longer_bars_are_made_of_stored_ones_once(installation: Installation) -> None:
    installation("init")
    path = installation.folder / "bars.parquet"
    write_parquet(
        path,
        [a_bar(symbol_code="BTC/USDT", at=START + timedelta(hours=n)) for n in range(30)],
    )
    installation("data", "import", str(path), "--symbol", "BTC/USDT", "--timeframe", "1h")
    words = ("data", "resample", "BTC/USDT", "1h", "1d", "--json")
    told = installation(*words)
    assert (told.code, told.json["bars"], told.json["new"]) == (0, 1, 1)
    assert told.json["left_out"] == ["2024-01-02T00:00:00.000000Z"]
    assert installation(*words).json["new"] == 0
    listed = installation("data", "list", "--json").json["items"]
    assert [(it["timeframe"], it["count"]) for it in listed] == [("1h", 30), ("1d", 1)]
    refused = installation("data", "resample", "BTC/USDT", "1h", "15m")
    assert refused.code != 0
    assert "not shorter" in refused.err
    assert installation("data", "resample", "IBM", "1h", "1d").code != 0
