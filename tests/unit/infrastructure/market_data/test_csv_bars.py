from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_bar
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.decimals import plain
from traderbot.domain.shared.values import Quantity, symbol, trusted_price
from traderbot.infrastructure.market_data import csv_bars
from traderbot.infrastructure.market_data.csv_bars import (
    MAX_FINDINGS,
    BadBarsError,
    BadRow,
    read_csv,
)

IBM = symbol("IBM")
HEADER = "timestamp,open,high,low,close,volume"
FIRST = "2000-03-01T00:00:00Z,102.0,105.5,100.06,100.25,10807800"
SECOND = "2000-03-02T00:00:00Z,100.5,105.44,99.5,103.12,11192900"


def read(*lines: str, timeframe: Timeframe = Timeframe.D1) -> list[Bar]:
    return read_csv(io.StringIO("\n".join(lines) + "\n"), IBM, timeframe)


def findings(*lines: str, timeframe: Timeframe = Timeframe.D1) -> list[str]:
    with pytest.raises(BadBarsError) as caught:
        read(*lines, timeframe=timeframe)
    return [str(finding) for finding in caught.value.findings]


def refused(content: bytes, folder: Path, name: str = "bars.csv") -> list[BadRow]:
    (folder / name).write_bytes(content)
    with pytest.raises(BadBarsError) as caught:
        read_csv(folder / name, IBM, Timeframe.D1)
    return list(caught.value.findings)


def test_a_row_becomes_a_bar_digit_for_digit() -> None:
    assert read(HEADER, FIRST) == [
        a_bar(
            symbol_code="IBM",
            timeframe=Timeframe.D1,
            at=datetime(2000, 3, 1, tzinfo=UTC),
            open="102",
            high="105.5",
            low="100.06",
            close="100.25",
            volume="10807800",
        )
    ]


def test_columns_may_come_in_any_order_and_case_beside_others() -> None:
    header = "Volume,Adj Close,CLOSE,Low,high, Open ,Date"
    row = "10807800,99,100.25,100.06,105.5,102.0,2000-03-01"
    assert read(header, row) == read(HEADER, FIRST)


@pytest.mark.parametrize(
    "written",
    [
        "2000-03-01",
        "2000-03-01T00:00Z",
        "2000-03-01 00:00:00Z",
        "2000-03-01T00:00:00.000000+00:00",
        '"2000-03-01"',
    ],
)
def test_an_instant_may_be_written_in_several_ways(written: str) -> None:
    row = FIRST.replace("2000-03-01T00:00:00Z", written)
    assert read(HEADER, row) == read(HEADER, FIRST)


def test_empty_lines_are_no_rows() -> None:
    assert read(HEADER, "", FIRST, "", "") == read(HEADER, FIRST)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_read_with_any_line_end_and_a_byte_order_mark(tmp_path: Path, end: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(("\ufeff" + end.join([HEADER, FIRST, SECOND])).encode())
    assert read_csv(path, IBM, Timeframe.D1) == read(HEADER, FIRST, SECOND)
    assert read_csv(str(path), IBM, Timeframe.D1) == read("\ufeff" + HEADER, FIRST, SECOND)


def test_a_compressed_file_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "bars.CSV.GZ"
    path.write_bytes(gzip.compress(f"{HEADER}\n{FIRST}\n".encode()))
    assert read_csv(path, IBM, Timeframe.D1) == read(HEADER, FIRST)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2000-03-01T00:00:00Z,102.0,105.5,100.06,NaN,1", "close: not a plain decimal number"),
        ("2000-03-01T00:00:00Z,1e5,105.5,100.06,100.25,1", "open: not a plain decimal number"),
        ("2000-03-01T00:00:00Z,١٠٢,105.5,100.06,100.25,1", "open: not a plain decimal number"),
        ("2000-03-01T00:00:00Z,102,Infinity,100.06,100.25,1", "high: not a plain decimal number"),
        ("2000-03-01T00:00:00Z,102,105.5,-1,100.25,1", "low: a price is above zero: -1"),
        ("2000-03-01T00:00:00Z,102,105.5,0,100.25,1", "low: a price is above zero: 0"),
        ("2000-03-01T00:00:00Z,102,105.5,100.06,100.25,-1", "volume: a quantity is never negative"),
        ("2000-03-01T00:00:00Z,102,105.5,100.06,100.25,1_000", "volume: not a plain decimal"),
        ("2000-03-01T00:00:00Z,102,105.5,100.06,100.25,", "volume: not a plain decimal number: ''"),
        ("2000-03-01T00:00:00Z,102,105.5,103,104,1", "low <= open, close <= high does not hold"),
        ("2000-03-01T00:00:00Z,102,105.5,100.06,100.25", "5 fields where the header has 6"),
        ("2000-03-01T00:00:00Z,102,105.5,100.06,100.25,1,1", "7 fields where the header has 6"),
        ("2000-02-30,102,105.5,100.06,100.25,1", "no such date or time: 2000-02-30"),
        ("2000-03-01T24:30:00Z,102,105.5,100.06,100.25,1", "no such date or time"),
        ("01.03.2000,102,105.5,100.06,100.25,1", "not an ISO date or datetime: '01.03.2000'"),
        ("951868800,102,105.5,100.06,100.25,1", "not an ISO date or datetime: '951868800'"),
        ("٢٠٠٠-03-01,102,105.5,100.06,100.25,1", "not an ISO date or datetime"),
        ("2000-03-01T00:00:00,102,105.5,100.06,100.25,1", "not UTC: 2000-03-01T00:00:00 (write"),
        ("2000-03-01T00:00:00-05:00,102,105.5,100.06,100.25,1", "not UTC: 2000-03-01T00:00:00-05"),
        ("0200-03-01,102,105.5,100.06,100.25,1", "a year outside 1800 to 2199: 0200-03-01"),
        ('2000-03-01,102,105.5,100.06,100.25,"1', "not a row of comma-separated values"),
        ("2000-03-01,102,105.5,100.06,100.25,1\0", "a NUL character; is this a text file?"),
        (f"2000-03-01,102,105.5,100.06,100.25,{'1' * 5000}", "longer than 4096 characters"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_its_line_and_its_reason(row: str, reason: str) -> None:
    (finding,) = findings(HEADER, row)
    assert finding.startswith(f"line 2: {reason}")


def test_every_bad_row_is_named_and_nothing_is_imported() -> None:
    found = findings(
        HEADER,
        "2000-03-01,102,105.5,100.06,100.25,1",
        "2000-03-02,102,105.5,100.06,oops,1",
        "2000-03-03,102,105.5,100.06,100.25,1",
        "",
        "never,102,105.5,100.06,100.25,1",
    )
    assert [finding.split(":")[0] for finding in found] == ["line 3", "line 6"]


def test_the_error_says_it_all_in_one_sentence() -> None:
    with pytest.raises(BadBarsError) as caught:
        read(HEADER, "2000-03-01,102,105.5,100.06,100.25", "2000-03-02,102")
    assert str(caught.value) == (
        "nothing was imported: line 2: 5 fields where the header has 6; "
        "line 3: 2 fields where the header has 6"
    )


def test_reading_stops_after_twenty_findings() -> None:
    found = findings(HEADER, *["oops"] * 1000)
    assert len(found) == MAX_FINDINGS == 20
    assert found[-1] == "line 21: 1 fields where the header has 6"


def test_a_repeated_time_is_named_with_its_first_line() -> None:
    assert findings(HEADER, FIRST, SECOND, SECOND) == ["line 4: the same time as line 3"]
    assert findings(HEADER, FIRST, SECOND, FIRST) == ["line 4: the same time as line 2"]


def test_a_row_out_of_order_is_named_and_the_next_is_compared_with_the_newest() -> None:
    later = "2000-03-03,102,105.5,100.06,100.25,1"
    assert findings(HEADER, SECOND, FIRST, later) == [
        "line 3: out of order: 2000-03-01T00:00:00Z after 2000-03-02T00:00:00Z (oldest first)"
    ]


def test_a_bad_row_still_counts_for_the_order() -> None:
    bad = "2000-03-01,oops,105.5,100.06,100.25,1"
    assert [each.split(": ")[1] for each in findings(HEADER, bad, FIRST)] == [
        "open",
        "the same time as line 2",
    ]


def test_bars_of_another_timeframe_are_found_out() -> None:
    rows = [f"2000-03-01T00:{minute:02}:00Z,1,1,1,1,1" for minute in range(3)]
    assert len(read(HEADER, *rows, timeframe=Timeframe.M1)) == 3
    assert findings(HEADER, *rows, timeframe=Timeframe.D1) == [
        "line 3: 0:01:00 after the bar before; these are no 1d bars",
        "line 4: 0:01:00 after the bar before; these are no 1d bars",
    ]


def test_a_day_that_is_an_hour_shorter_is_a_day() -> None:
    rows = ["2021-03-13T05:00:00Z,1,1,1,1,1", "2021-03-14T04:00:00Z,1,1,1,1,1"]
    assert len(read(HEADER, *rows)) == 2


def test_bars_within_the_day_need_a_time_of_day() -> None:
    assert findings(HEADER, "2000-03-01,1,1,1,1,1", timeframe=Timeframe.H1) == [
        "line 2: 2000-03-01 has no time of day, which 1h bars need"
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "empty; the first line names the columns: timestamp,open,high,low,close,volume"),
        ("timestamp,open,high,low", "the header has no close, volume; it is"),
        ("timestamp;open;high;low;close;volume", "the header has no timestamp, open"),
        ("date,timestamp,open,high,low,close,volume", "the header has more than one timestamp"),
        ("timestamp,open,high,low,close,volume,CLOSE", "the header has more than one close"),
        (FIRST, "the header has no timestamp, open, high, low, close, volume; it is"),
    ],
)
def test_a_bad_header_is_named_and_nothing_else_is_read(header: str, reason: str) -> None:
    (finding,) = findings(header, "oops")
    assert finding.startswith(f"line 1: {reason}")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert refused(b"", tmp_path)[0].reason.startswith("empty")


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    assert refused(HEADER.encode(), tmp_path) == [BadRow(1, "no bars after the header")]


def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    content = f"{HEADER}\n{FIRST}\n".encode() + b"2000-03-02,1,1,1,1,\xff\nnever,1,1,1,1,1\n"
    found = refused(content, tmp_path)
    assert [each.line for each in found] == [3, 4]
    assert found[0].reason == "not UTF-8: invalid start byte at byte 20"


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    assert "UTF-8" in refused(HEADER.encode("utf-16"), tmp_path)[0].reason
    assert "NUL" in refused(HEADER.encode("utf-16-le"), tmp_path)[0].reason


def test_a_text_stream_that_cannot_be_decoded_is_refused() -> None:
    stream = io.TextIOWrapper(io.BytesIO(HEADER.encode() + b"\n\xff\n"), encoding="utf-8")
    with pytest.raises(BadBarsError, match="not UTF-8: invalid start byte"):
        read_csv(stream, IBM, Timeframe.D1)


def test_what_only_has_the_name_of_a_compressed_file_is_refused(tmp_path: Path) -> None:
    (finding,) = refused(HEADER.encode(), tmp_path, "bars.csv.gz")
    assert finding.line == 1
    assert finding.reason.startswith("not a complete gzip file")


def test_a_compressed_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(f"{HEADER}\n{FIRST}\n{SECOND}".encode())
    assert "not a complete gzip file" in refused(content[:-12], tmp_path, "bars.csv.gz")[-1].reason


def test_the_line_after_the_last_good_one_is_blamed_when_reading_breaks_off() -> None:
    found = findings(HEADER, FIRST, SECOND, "x" * 5000, "oops")
    assert found == ["line 4: longer than 4096 characters"]


def test_more_bars_than_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_bars, "MAX_ROWS", 1)
    assert findings(HEADER, FIRST, SECOND) == ["line 3: more than 1 bars; split the file"]


def test_a_file_that_is_not_there_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv", IBM, Timeframe.D1)


@given(
    st.lists(
        st.tuples(
            st.lists(
                st.decimals("0.000000000000000001", 10**19, places=18), min_size=4, max_size=4
            ),
            st.decimals(0, 10**19, places=18),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_what_was_written_is_read_digit_for_digit(
    rows: list[tuple[list[Decimal], Decimal]],
) -> None:
    bars = []
    for day, (prices, volume) in enumerate(rows):
        low, open_, close, high = map(trusted_price, sorted(prices))
        bars.append(
            Bar(
                symbol=IBM,
                timeframe=Timeframe.D1,
                at=datetime(2000, 3, 1, tzinfo=UTC) + timedelta(days=day),
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=Quantity(volume),
            )
        )
    lines = [
        ",".join(
            [
                f"{bar.at:%Y-%m-%d}",
                *(plain(each.value) for each in (bar.open, bar.high, bar.low, bar.close)),
                plain(bar.volume.value),
            ]
        )
        for bar in bars
    ]
    assert read(HEADER, *lines) == bars


@given(st.text(max_size=200))
def test_any_text_gives_bars_or_findings(text: str) -> None:
    with pytest.raises(BadBarsError) as caught:
        read_csv(io.StringIO(text), IBM, Timeframe.D1)
    assert caught.value.findings


@given(st.binary(max_size=200))
def test_any_bytes_after_the_header_give_bars_or_findings(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    with pytest.raises(BadBarsError) as caught:
        read_csv(path, IBM, Timeframe.D1)
    assert caught.value.findings
