"""Bars from a CSV file: the whole file, or the list of what is wrong with it."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import BinaryIO, ClassVar, TextIO, cast

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import DomainError, InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, Symbol

MAX_FINDINGS = 20
MAX_ROWS = 2_000_000
_MAX_LINE = 4_096  # characters; a bar needs about 80
_YEARS = range(1800, 2200)  # another year is a slip of the pen
_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
_INSTANT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<zone>Z|[+-][0-9:]+)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong with one line of a file; lines count from 1, the header among them."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class BadBarsError(DomainError):
    """A file of bars was refused as a whole; `findings` names every bad line, up to 20."""

    code: ClassVar[str] = "BAD_BARS"

    def __init__(self, findings: Sequence[BadRow]) -> None:
        self.findings = tuple(findings)
        reasons = "; ".join(str(finding) for finding in self.findings)
        stopped = "; reading stopped there" if len(self.findings) >= MAX_FINDINGS else ""
        super().__init__(f"nothing was imported: {reasons}{stopped}")


def read_csv(
    source: str | PathLike[str] | TextIO, symbol: Symbol, timeframe: Timeframe
) -> list[Bar]:
    """Return the bars of a `.csv` or `.csv.gz` file, or of an open text stream, oldest first.

    The first line names the columns, in any order and case: timestamp (or date), open, high, low,
    close, volume; columns of other names are ignored. A timestamp is when the bar opens: an ISO
    datetime in UTC such as 2020-01-31T14:30:00Z, or an ISO date for bars of a day or a week.

    Raises:
        BadBarsError: a line is bad, repeated or out of order, the header is incomplete, there are
            no bars, or the file is no text. Nothing of it is returned.
        OSError: the file cannot be opened or read.
    """
    if not isinstance(source, str | PathLike):
        return _Reading(symbol, timeframe).read(source)
    path = Path(source)
    with path.open("rb") as stream:
        if path.suffix.lower() != ".gz":
            return _Reading(symbol, timeframe).read(stream)
        with gzip.open(stream) as unpacked:
            return _Reading(symbol, timeframe).read(cast("BinaryIO", unpacked))


class _Reading:
    """One file on its way in: the bars so far, and what is wrong with it so far."""

    def __init__(self, symbol: Symbol, timeframe: Timeframe) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._bars: list[Bar] = []
        self._findings: list[BadRow] = []
        self._lines_by_instant: dict[datetime, int] = {}
        self._newest: datetime | None = None

    def read(self, stream: BinaryIO | TextIO) -> list[Bar]:
        line = 0
        try:
            lines = _lines(stream)
            columns = _header(next(lines, b""))
            line = 1
            for line, raw in enumerate(lines, start=2):
                self._row(line, raw, columns)
                if len(self._findings) >= MAX_FINDINGS:
                    break
        except InvalidValueError as error:  # nothing after it can be read
            self._findings.append(BadRow(line + 1, str(error)))
        if not self._findings and not self._bars:
            self._findings.append(BadRow(1, "no bars after the header"))
        if self._findings:
            raise BadBarsError(self._findings)
        return self._bars

    def _row(self, line: int, raw: bytes | str, columns: _Columns) -> None:
        try:
            fields = columns.checked(_fields(raw))
            if not fields:
                return  # an empty line, as editors leave them at the end
            at = _instant(fields[columns.places["timestamp"]], self._timeframe)
            self._in_order(line, at)
            self._bars.append(self._bar(at, fields, columns))
        except InvalidValueError as error:
            self._findings.append(BadRow(line, str(error)))

    def _in_order(self, line: int, at: datetime) -> None:
        twin = self._lines_by_instant.setdefault(at, line)
        if twin != line:
            msg = f"the same time as line {twin}"
            raise InvalidValueError(msg)
        newest = self._newest
        if newest is not None and at < newest:
            msg = f"out of order: {_shown(at)} after {_shown(newest)} (oldest first)"
            raise InvalidValueError(msg)
        self._newest = at
        # Half, because a day of local time may be an hour shorter in UTC.
        if newest is not None and at - newest < self._timeframe.duration / 2:
            msg = f"{at - newest} after the bar before; these are no {self._timeframe} bars"
            raise InvalidValueError(msg)

    def _bar(self, at: datetime, fields: list[str], columns: _Columns) -> Bar:
        if len(self._bars) >= MAX_ROWS:
            msg = f"more than {MAX_ROWS} bars; split the file"
            raise InvalidValueError(msg)
        price = {name: _price(name, fields, columns) for name in ("open", "high", "low", "close")}
        return Bar(
            symbol=self._symbol,
            timeframe=self._timeframe,
            at=at,
            volume=_volume(fields, columns),
            **price,
        )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where each column stands, and how many fields a row has."""

    places: dict[str, int]
    width: int

    def checked(self, fields: list[str]) -> list[str]:
        """Return the fields of a row, none or all. Raises InvalidValueError."""
        if fields and len(fields) != self.width:
            msg = f"{len(fields)} fields where the header has {self.width}"
            raise InvalidValueError(msg)
        return fields


def _header(raw: bytes | str) -> _Columns:
    # Spreadsheets write a byte order mark in front.
    raw = raw.removeprefix("\ufeff") if isinstance(raw, str) else raw.removeprefix(BOM_UTF8)
    names = [name.casefold() for name in _fields(raw)]
    if not names:
        msg = f"empty; the first line names the columns: {','.join(_COLUMNS)}"
        raise InvalidValueError(msg)
    names = ["timestamp" if name == "date" else name for name in names]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        msg = f"the header has no {', '.join(missing)}; it is {','.join(names)!r:.200}"
        raise InvalidValueError(msg)
    repeated = [name for name in _COLUMNS if names.count(name) > 1]
    if repeated:
        msg = f"the header has more than one {', '.join(repeated)} (date is timestamp)"
        raise InvalidValueError(msg)
    return _Columns({name: names.index(name) for name in _COLUMNS}, len(names))


def _lines(stream: BinaryIO | TextIO) -> Iterator[bytes | str]:
    while True:
        try:
            # Bounded: a file without line ends would otherwise be one line as long as itself.
            line = stream.readline(_MAX_LINE + 1)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            msg = f"not a complete gzip file: {error}"
            raise InvalidValueError(msg) from error
        except UnicodeDecodeError as error:  # a text stream decodes ahead, so no line is to blame
            msg = f"at or after this line, not UTF-8: {error.reason}"
            raise InvalidValueError(msg) from error
        if not line:
            return
        if len(line) > _MAX_LINE:
            msg = f"longer than {_MAX_LINE} characters"
            raise InvalidValueError(msg)
        yield line


def _fields(raw: bytes | str) -> list[str]:
    """Return the fields of one line. Every line is a row: no field of a bar has line ends in it."""
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        msg = f"not UTF-8: {error.reason} at byte {error.start + 1}"
        raise InvalidValueError(msg) from error
    if "\0" in text:
        msg = "a NUL character; is this a text file?"
        raise InvalidValueError(msg)
    try:
        rows = list(csv.reader([text.rstrip("\r\n")], strict=True))
    except csv.Error as error:
        msg = f"not a row of comma-separated values: {error}"
        raise InvalidValueError(msg) from error
    return [field.strip(" \t") for field in rows[0]] if rows else []


def _instant(text: str, timeframe: Timeframe) -> datetime:
    match = _INSTANT.fullmatch(text)
    if match is None:
        msg = f"not an ISO date or datetime: {text!r:.60}"
        raise InvalidValueError(msg)
    if match["time"] is None and timeframe.duration < timedelta(days=1):
        msg = f"{text} has no time of day, which {timeframe} bars need"
        raise InvalidValueError(msg)
    if match["time"] is not None and match["zone"] not in {"Z", "+00:00"}:
        msg = f"not UTC: {text} (write it in UTC, with a Z at the end)"
        raise InvalidValueError(msg)
    try:
        at = datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}").replace(
            tzinfo=UTC
        )
    except ValueError as error:
        msg = f"no such date or time: {text}"
        raise InvalidValueError(msg) from error
    if at.year not in _YEARS:
        msg = f"a year outside {_YEARS.start} to {_YEARS.stop - 1}: {text}"
        raise InvalidValueError(msg)
    return at


def _price(name: str, fields: list[str], columns: _Columns) -> Price:
    try:
        return Price(fields[columns.places[name]])
    except InvalidValueError as error:
        msg = f"{name}: {error}"
        raise InvalidValueError(msg) from error


def _volume(fields: list[str], columns: _Columns) -> Quantity:
    try:
        return Quantity(fields[columns.places["volume"]])
    except InvalidValueError as error:
        msg = f"volume: {error}"
        raise InvalidValueError(msg) from error


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
