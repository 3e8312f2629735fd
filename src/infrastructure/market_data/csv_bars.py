"""Bars from a CSV file: the whole file, or the list of what is wrong with it."""

from __future__ import annotations

import csv
import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import DomainError, InvalidValueError
from traderbot.domain.shared.values import Price, Quantity, Symbol
from traderbot.infrastructure.market_data.csv_dialects import Columns, columns_of

A = TypeVar("A", Price, Quantity)

MAX_FINDINGS = 20
MAX_ROWS = 2_000_000
_MAX_LINE = 4_096  # characters; a bar needs about 80
_OF_TIME = "write when the bar opens, in UTC, such as 2020-01-31T14:30:00Z"
_OF_NUMBER = "correct the number at its source, or take the row out: nothing is guessed"
_OF_ORDER = "sort the file by time, oldest first"
_OF_TWINS = "keep one of the two rows"
_OF_TIMEFRAME = "name the timeframe the bars have"
_OF_PRICES = "correct the prices at their source, or take the row out"


class _BadFieldError(InvalidValueError):
    """A field is bad: which, and what to do about it."""

    def __init__(self, column: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.column, self.remedy = column, remedy


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong with one line of a file; lines count from 1, the header among them.

    `column` is the one to blame, and `remedy` what to do, where that is known.
    """

    line: int
    reason: str
    column: str = field(default="", compare=False)
    remedy: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class BadBarsError(DomainError):
    """A file of bars was refused as a whole; `findings` names every bad line, up to 20."""

    code: ClassVar[str] = "BAD_BARS"

    def __init__(self, findings: Sequence[BadRow]) -> None:
        self.findings = tuple(findings)
        reasons = "; ".join(str(finding) for finding in self.findings)
        stopped = "; reading stopped there" if len(self.findings) >= MAX_FINDINGS else ""
        remedies = "; ".join(dict.fromkeys(it.remedy for it in self.findings if it.remedy))
        todo = f". What to do: {remedies}" if remedies else ""
        super().__init__(f"nothing was imported: {reasons}{stopped}{todo}")


def read_csv(
    source: str | PathLike[str] | Lines, symbol: Symbol, timeframe: Timeframe
) -> list[Bar]:
    """Return the bars of a `.csv` or `.csv.gz` file, or of an open text stream, oldest first.

    The first line names the columns, in any order and case: timestamp (or date), open, high, low,
    close, volume; columns of other names are ignored. A timestamp is when the bar opens: an ISO
    datetime in UTC such as 2020-01-31T14:30:00Z, or an ISO date for bars of a day or a week.
    Files as TradingView, Yahoo, Binance and Alpaca write them are known by their first line.

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
            return _Reading(symbol, timeframe).read(unpacked)


class Lines(Protocol):
    """What lines are read from: an open file, or rows of another kind written as lines."""

    def readline(self, limit: int = -1, /) -> bytes | str:
        """Return the next line, at most so many characters of it; nothing at the end."""
        ...


class _Reading:
    """One file on its way in: the bars so far, and what is wrong with it so far."""

    def __init__(self, symbol: Symbol, timeframe: Timeframe) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._bars: list[Bar] = []
        self._findings: list[BadRow] = []
        self._lines_by_instant: dict[datetime, int] = {}
        self._newest: datetime | None = None

    def read(self, stream: Lines) -> list[Bar]:
        line = 0
        try:
            lines = _lines(stream)
            first = next(lines, b"")
            columns = columns_of(_fields(_without_mark(first)))
            line = 1
            if not columns.has_header:
                self._row(1, _without_mark(first), columns)
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

    def _row(self, line: int, raw: bytes | str, columns: Columns) -> None:
        try:
            fields = columns.checked(_fields(raw), self._symbol)
            if not fields:
                return  # an empty line, as editors leave them at the end
            at = self._instant(fields[columns.places["timestamp"]], columns)
            self._in_order(line, at)
            self._bars.append(self._bar(at, fields, columns))
        except _BadFieldError as error:
            self._findings.append(BadRow(line, str(error), error.column, error.remedy))
        except InvalidValueError as error:
            self._findings.append(BadRow(line, str(error)))

    def _instant(self, text: str, columns: Columns) -> datetime:
        try:
            return columns.dialect.instant(text, self._symbol, self._timeframe)
        except InvalidValueError as error:
            raise _BadFieldError("timestamp", str(error), _OF_TIME) from error

    def _in_order(self, line: int, at: datetime) -> None:
        twin = self._lines_by_instant.setdefault(at, line)
        if twin != line:
            raise _BadFieldError("timestamp", f"the same time as line {twin}", _OF_TWINS)
        newest = self._newest
        if newest is not None and at < newest:
            msg = f"out of order: {_shown(at)} after {_shown(newest)} (oldest first)"
            raise _BadFieldError("timestamp", msg, _OF_ORDER)
        self._newest = at
        # Half, because a day of local time may be an hour shorter in UTC.
        if newest is not None and at - newest < self._timeframe.duration / 2:
            msg = f"{at - newest} after the bar before; these are no {self._timeframe} bars"
            raise _BadFieldError("timestamp", msg, _OF_TIMEFRAME)

    def _bar(self, at: datetime, fields: list[str], columns: Columns) -> Bar:
        if len(self._bars) >= MAX_ROWS:
            msg = f"more than {MAX_ROWS} bars; split the file"
            raise InvalidValueError(msg)
        price = {
            name: _amount(name, fields, columns, Price) for name in ("open", "high", "low", "close")
        }
        volume = _amount("volume", fields, columns, Quantity)
        try:
            return Bar(
                symbol=self._symbol, timeframe=self._timeframe, at=at, volume=volume, **price
            )
        except InvalidValueError as error:
            raise _BadFieldError("open, high, low, close", str(error), _OF_PRICES) from error


def _without_mark(raw: bytes | str) -> bytes | str:
    """Return the first line without the byte order mark that spreadsheets write in front."""
    return raw.removeprefix("\ufeff") if isinstance(raw, str) else raw.removeprefix(BOM_UTF8)


def _lines(stream: Lines) -> Iterator[bytes | str]:
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


def _amount(
    name: str, fields: list[str], columns: Columns, make: Callable[[Decimal | str], A]
) -> A:
    try:
        return make(columns.dialect.amount(fields[columns.places[name]]))
    except InvalidValueError as error:
        raise _BadFieldError(name, f"{name}: {error}", _OF_NUMBER) from error


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
