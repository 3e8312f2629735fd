"""Bars in a folder of Parquet files with a manifest: for long histories, not for live bars.

A file is written once and never changed. Adding to a series writes the files of the years it
touches anew and then replaces the manifest, which is the moment it happens. One lock keeps the
writers of all processes apart; readers need none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.market_data import BarStore, ConflictingBarError, SeriesSummary
from traderbot.domain.market.bar_series import digest_of, series_id
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.calendar import Calendar, Hole
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.market_data.manifest import (
    FILE_NAME,
    DamagedManifestError,
    Manifest,
    Part,
    SeriesKey,
    SeriesManifest,
    read_manifest,
    sync_folder,
    write_manifest,
)
from traderbot.infrastructure.market_data.parquet_bars import arrow, bars_from, write_parquet

try:
    import fcntl
except ImportError:  # a system without it: one process at a time may write
    fcntl = None  # type: ignore[assignment]

_LONGEST_WAIT: Final = 30.0  # seconds for the lock
_DAY: Final = timedelta(days=1)
_SOURCES: Final = 20  # of one series; the newest are kept
_TRIES: Final = 5  # of a reader whose files are replaced while it reads

T = TypeVar("T")


class ParquetBarStore(BarStore):
    """`BarStore` in a folder."""

    def __init__(self, folder: Path) -> None:
        """Keep bars in that folder; it is made with the first of them. Raises MissingExtraError."""
        arrow()
        self._folder = folder
        self._here = Lock()
        self._known: tuple[tuple[int, int, int], Manifest] | None = None

    def add(self, bars: Sequence[Bar], source: str = "") -> int:
        """Keep these bars, all or none; return how many were new. Raises ConflictingBarError."""
        wanted: dict[SeriesKey, dict[datetime, Bar]] = {}
        for bar in bars:
            first = wanted.setdefault((bar.symbol, bar.timeframe), {}).setdefault(bar.at, bar)
            if first != bar:
                raise ConflictingBarError(first, bar)
        if not wanted:
            return 0
        with _our_errors(), self._locked():
            return self._add(wanted, source)

    def manifest(self) -> Manifest:
        """Return what the folder holds: ranges, gaps, digests, sources."""
        with _our_errors():
            return self._manifest()

    def bars(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> list[Bar]:
        """Return the bars within [start, end), the last `limit` of them, oldest first."""
        for at in (start, end):
            _check_aware(at)
        _check_not_negative(limit or 0)

        def read(manifest: Manifest) -> list[Bar]:
            parts = _parts(manifest, (symbol, timeframe))
            found: list[list[Bar]] = []
            count = 0
            for part in reversed(parts):
                if (start is None or part.last >= start) and (end is None or part.first < end):
                    found.append(
                        [
                            bar
                            for bar in self._read(part, (symbol, timeframe))
                            if (start is None or bar.at >= start) and (end is None or bar.at < end)
                        ]
                    )
                    count += len(found[-1])
                if limit is not None and count >= limit:
                    break
            whole = list(chain.from_iterable(reversed(found)))
            return whole if limit is None else whole[max(len(whole) - limit, 0) :]

        return self._asked(read)

    def following(
        self, symbol: Symbol, timeframe: Timeframe, after: datetime | None, limit: int
    ) -> list[Bar]:
        """Return the first `limit` bars that open after `after`, oldest first."""
        _check_aware(after)
        _check_not_negative(limit)

        def read(manifest: Manifest) -> list[Bar]:
            found: list[Bar] = []
            for part in _parts(manifest, (symbol, timeframe)):
                if len(found) >= limit:
                    break
                if after is None or part.last > after:
                    read = self._read(part, (symbol, timeframe))
                    found += [bar for bar in read if after is None or bar.at > after]
            return found[:limit]

        return self._asked(read)

    def latest(self, symbol: Symbol) -> Bar | None:
        """Return the bar that closes last, over all timeframes; of several, the shortest."""

        def read(manifest: Manifest) -> Bar | None:
            ends = [
                (it.last + key[1].duration, -key[1].duration, key)
                for key, it in manifest.series.items()
                if key[0] == symbol
            ]
            if not ends:
                return None
            key = max(ends, key=lambda it: it[:2])[2]
            return self._read(manifest.series[key].parts[-1], key)[-1]

        return self._asked(read)

    def series(self) -> list[SeriesSummary]:
        """Return what is stored, by symbol and then from the shortest timeframe to the longest."""
        found = [
            SeriesSummary(
                symbol=symbol, timeframe=timeframe, first=it.first, last=it.last, count=it.rows
            )
            for (symbol, timeframe), it in self.manifest().series.items()
        ]
        return sorted(found, key=lambda each: (each.symbol, each.timeframe.duration))

    def damaged(self) -> list[str]:
        """Return the files whose bars are not those the manifest tells of. Reads everything."""
        found: list[str] = []
        for key, it in self.manifest().series.items():
            for part in it.parts:
                try:
                    with _our_errors():
                        bars = self._read(part, key)
                except DatabaseUnavailableError:
                    bars = []
                if digest_of(bars) != part.digest:
                    found.append(part.file)
        return found

    # Writing.

    def _add(self, wanted: dict[SeriesKey, dict[datetime, Bar]], source: str) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        before = read_manifest(self._folder)
        written: list[str] = []
        changed: dict[SeriesKey, SeriesManifest] = {}
        new = 0
        try:
            for key, offered in wanted.items():
                known = before.series.get(key, SeriesManifest(parts=()))
                count, after = self._grown(key, known, offered, source, written)
                new += count
                if count:
                    changed[key] = after
            if changed:
                sync_folder(self._folder)
                write_manifest(self._folder, before.with_series(changed))
        except BaseException:
            self._remove(written)
            raise
        self._remove(before.files() - read_manifest(self._folder).files())
        return new

    def _grown(
        self,
        key: SeriesKey,
        known: SeriesManifest,
        offered: dict[datetime, Bar],
        source: str,
        written: list[str],
    ) -> tuple[int, SeriesManifest]:
        """Return how many bars are new to a series, and the series with them."""
        by_shelf: dict[str, dict[datetime, Bar]] = {}
        for at, bar in offered.items():
            by_shelf.setdefault(_shelf(key, at), {})[at] = bar
        parts = {_shelf(key, part.first): part for part in known.parts}
        new = 0
        for shelf, bars in by_shelf.items():
            there = self._read(parts[shelf], key) if shelf in parts else []
            merged = {bar.at: bar for bar in there}
            for at, bar in bars.items():
                if merged.setdefault(at, bar) != bar:
                    raise ConflictingBarError(merged[at], bar)
            if len(merged) > len(there):
                new += len(merged) - len(there)
                parts[shelf] = self._written(key, shelf, [merged[at] for at in sorted(merged)])
                written.append(parts[shelf].file)
        ordered = tuple(sorted(parts.values(), key=lambda part: part.first))
        sources = tuple(dict.fromkeys([*known.sources, *([source] if source else [])]))
        return new, SeriesManifest(
            parts=ordered,
            sources=sources[-_SOURCES:],
            holes=tuple(self._holes(key, ordered)) if new else known.holes,
        )

    def _written(self, key: SeriesKey, shelf: str, bars: list[Bar]) -> Part:
        digest = digest_of(bars)
        name = f"{series_id(*key)}-{shelf}-{digest[:16]}.parquet"
        path = self._folder / name
        write_parquet(path, bars)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return Part(file=name, rows=len(bars), first=bars[0].at, last=bars[-1].at, digest=digest)

    def _holes(self, key: SeriesKey, parts: Iterable[Part]) -> Iterator[Hole]:
        opens = [at for part in parts for at in self._opens(part)]
        return Calendar.of(*key, opens).holes(opens)

    def _opens(self, part: Part) -> list[datetime]:
        table = arrow("pyarrow.parquet").read_table(self._folder / part.file, columns=["at"])
        return [it.astimezone(UTC) for it in table["at"].to_pylist()]

    def _remove(self, files: Iterable[str]) -> None:
        """Take away what no manifest names; a reader of the old one reads the new one then."""
        for name in files:
            with suppress(OSError):
                (self._folder / name).unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._here:
            file = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _lock(file)
                yield
            finally:
                os.close(file)  # and with it the lock

    # Reading.

    def _asked(self, read: Callable[[Manifest], T]) -> T:
        with _our_errors():
            for _ in range(_TRIES - 1):
                with suppress(FileNotFoundError):  # replaced meanwhile
                    return read(self._manifest())
            return read(self._manifest())

    def _manifest(self) -> Manifest:
        try:
            told = (self._folder / FILE_NAME).stat()
        except FileNotFoundError:
            return Manifest()
        state = (told.st_mtime_ns, told.st_size, told.st_ino)
        known = self._known
        if known is None or known[0] != state:
            known = self._known = (state, read_manifest(self._folder))
        return known[1]

    def _read(self, part: Part, key: SeriesKey) -> list[Bar]:
        path = self._folder / part.file
        # One file of ours: a path with `=` in it is no partition.
        table = arrow("pyarrow.parquet").read_table(path, partitioning=None)
        if table.num_rows != part.rows:
            msg = f"{path} has {table.num_rows} bars where the manifest has {part.rows}"
            raise DatabaseUnavailableError(msg)
        return bars_from(table, *key)


def _parts(manifest: Manifest, key: SeriesKey) -> tuple[Part, ...]:
    found = manifest.series.get(key)
    return () if found is None else found.parts


def _shelf(key: SeriesKey, at: datetime) -> str:
    """Return which file of its series a bar is in: one a year, or one for all days or weeks."""
    return "all" if key[1].duration >= _DAY else f"{at.year:04}"


def _lock(file: int) -> None:
    if fcntl is None:
        return
    deadline = monotonic() + _LONGEST_WAIT
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > deadline:
                raise
            sleep(0.005)
        else:
            return


@contextmanager
def _our_errors() -> Iterator[None]:
    """Say in our words what the disk and the library say in theirs."""
    library: Any = arrow()
    try:
        yield
    except (OSError, DamagedManifestError, library.ArrowException) as error:
        msg = f"bars cannot be kept or asked for: {error}"
        raise DatabaseUnavailableError(msg) from error


def _check_aware(at: datetime | None) -> None:
    if at is not None and at.utcoffset() is None:
        msg = f"an instant has a time zone; {at.isoformat()} has none"
        raise InvalidValueError(msg)


def _check_not_negative(limit: int) -> None:
    if limit < 0:
        msg = f"a limit is not negative: {limit}"
        raise InvalidValueError(msg)
