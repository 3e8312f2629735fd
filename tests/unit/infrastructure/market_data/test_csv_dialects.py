from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.csv_bars import BadBarsError, BadRow, read_csv

M1, D1 = Timeframe.M1, Timeframe.D1
TRADINGVIEW = "time,open,high,low,close,Volume"
YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume"
YFINANCE = "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits"
ALPACA = "symbol,timestamp,open,high,low,close,volume,trade_count,vwap"
DAY = datetime(2024, 1, 3, tzinfo=UTC)


def read(*lines: str, timeframe: Timeframe = D1, code: str = "AAPL") -> list[Bar]:
    return read_csv(io.StringIO("\n".join(lines) + "\n"), symbol(code), timeframe)


def refused(*lines: str, timeframe: Timeframe = D1) -> BadRow:
    with pytest.raises(BadBarsError) as caught:
        read(*lines, timeframe=timeframe)
    return caught.value.findings[0]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (TRADINGVIEW, "2024-01-03,184.22,185.88,183.43,184.25,58414460"),
        (TRADINGVIEW, "2024-01-03T00:00:00Z,184.22,185.88,183.43,184.25,58414460"),
        (TRADINGVIEW, "1704292200,184.22,185.88,183.43,184.25,58414460"),  # 09:30 in New York
        (YAHOO, "2024-01-03,184.22,185.88,183.43,184.25,183.1,58414460"),
        (YFINANCE, "2024-01-03 00:00:00-05:00,184.22,185.88,183.43,184.25,58414460,0.0,0.0"),
        (ALPACA, "AAPL,2024-01-03 05:00:00+00:00,184.22,185.88,183.43,184.25,58414460,9,184.3"),
    ],
)
def test_a_day_of_a_share_is_its_date_whoever_wrote_it(header: str, row: str) -> None:
    (bar,) = read(header, row)
    assert bar.at == DAY
    assert [str(it) for it in (bar.open, bar.high, bar.low, bar.close, bar.volume)] == [
        "184.22",
        "185.88",
        "183.43",
        "184.25",
        "58414460",
    ]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (TRADINGVIEW, "2024-01-03T09:30:00-05:00,1,2,1,2,3"),
        (TRADINGVIEW, "1704292200,1,2,1,2,3"),
        (YFINANCE, "2024-01-03 09:30:00-05:00,1,2,1,2,3,0,0"),
        (ALPACA, "AAPL,2024-01-03 14:30:00+00:00,1,2,1,2,3,1,1"),
    ],
)
def test_a_minute_is_the_instant_it_opens_at(header: str, row: str) -> None:
    assert read(header, row, timeframe=M1)[0].at == datetime(2024, 1, 3, 14, 30, tzinfo=UTC)


def test_a_day_in_summer_is_its_date_as_well() -> None:
    row = "AAPL,2024-07-03 04:00:00+00:00,1,2,1,2,3,1,1"
    assert read(ALPACA, row)[0].at == datetime(2024, 7, 3, tzinfo=UTC)


@pytest.mark.parametrize("opens", ["1735689600000", "1735689600000000"])
def test_a_dump_of_binance_has_no_header_and_milliseconds_or_microseconds(opens: str) -> None:
    rest = "93576.00000000,93610.93000000,93537.50000000,93610.93000000,8.21827000"
    row = f"{opens},{rest},1735689659999,768978.91522600,2631,3.95157000,369757.32652890,0"
    header = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    for lines in ([row], [header, row]):
        (bar,) = read(*lines, timeframe=M1, code="BTC/USDT")
        assert bar.at == datetime(2025, 1, 1, tzinfo=UTC)
        assert (str(bar.close), str(bar.volume)) == ("93610.93", "8.21827")


def test_an_exponent_is_read_exactly_where_others_write_one() -> None:
    (bar,) = read(YFINANCE, "2024-01-03 00:00:00-05:00,1.5e-05,2E-05,1e-05,1.25e-05,1e3,0,0")
    assert (str(bar.close), str(bar.volume)) == ("0.0000125", "1000")


@pytest.mark.parametrize(
    ("header", "row", "column", "says"),
    [
        (YAHOO, "2024-01-03,null,null,null,null,null,null", "open", "not a decimal number"),
        (YAHOO, "2024-01-03,1,2,nan,2,2,3", "low", "not a decimal number"),
        (YAHOO, "2024-01-03,1,2,1,2,2,", "volume", "not a decimal number"),
        (YAHOO, "2024-01-03,-1,2,1,2,2,3", "open", "above zero"),
        (YFINANCE, "2024-01-03 00:00:00,1,2,1,2,3,0,0", "timestamp", "no time zone"),
        (TRADINGVIEW, "17042922001,1,2,1,2,3", "timestamp", "neither seconds nor"),
        (TRADINGVIEW, "2024-13-03,1,2,1,2,3", "timestamp", "no such date"),
        (YAHOO, "2024-01-03,1,0.5,1,2,2,3", "open, high, low, close", "does not hold"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_its_column_and_what_to_do(
    header: str, row: str, column: str, says: str
) -> None:
    found = refused(header, row)
    assert (found.line, found.column) == (2, column)
    assert says in found.reason
    assert found.remedy


def test_a_file_that_begins_with_a_zone_and_goes_on_without_is_refused() -> None:
    rows = ("2024-01-03T09:30:00-05:00,1,2,1,2,3", "2024-01-03T09:31:00,1,2,1,2,3")
    assert refused(TRADINGVIEW, *rows, timeframe=M1).line == 3


def test_bars_of_another_symbol_are_refused() -> None:
    row = "MSFT,2024-01-03 05:00:00+00:00,1,2,1,2,3,1,1"
    assert refused(ALPACA, row).reason == "a bar of 'MSFT' among those of AAPL"


def test_what_to_do_is_told_once_for_all_lines() -> None:
    with pytest.raises(BadBarsError) as caught:
        read(YAHOO, *(f"2024-01-0{day},null,null,null,null,null,null" for day in (2, 3, 4)))
    assert str(caught.value).count("What to do") == 1
    assert str(caught.value).endswith("take the row out: nothing is guessed")
