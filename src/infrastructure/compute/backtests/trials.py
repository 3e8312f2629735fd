"""Trials as durable rows: a SQLite file of its own, so that a sweep may stop and go on.

Trials are computed from what is given and can be computed again; they are no history of anybody's
money. So they are not in the database with the log, where a hundred thousand rows would wait in
the one writer's queue, and the file may be deleted at any time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.compute.backtests.chunks import Rows
from traderbot.infrastructure.compute.backtests.grid import sets_of
from traderbot.infrastructure.compute.backtests.terms import Terms, scaled
from traderbot.infrastructure.compute.backtests.trial import Sweep, empty_sweep
from traderbot.infrastructure.compute.kernels.trading import settling

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sweeps (
    digest TEXT PRIMARY KEY,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    about TEXT NOT NULL,
    sets INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
    digest TEXT NOT NULL REFERENCES sweeps,
    number INTEGER NOT NULL,
    totals BLOB NOT NULL,
    sums BLOB NOT NULL,
    PRIMARY KEY (digest, number)
) WITHOUT ROWID;
"""
_INTEGERS, _FLOATS = np.dtype("<i8"), np.dtype("<f8")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSweep:
    """A sweep that was begun: what it tries, and how far it is."""

    digest: str
    started_at: str
    about: Mapping[str, Any]
    sets: int
    done: int


class TrialStore:
    """The trials of all sweeps, in one file."""

    def __init__(self, path: Path) -> None:
        """Make the file if there is none."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")

    def begin(self, digest: str, about: Mapping[str, Any], sets: int) -> None:
        """Note that a sweep begins; one that was begun before goes on."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO sweeps (digest, about, sets) VALUES (?, ?, ?) "
                "ON CONFLICT (digest) DO NOTHING",
                (digest, json.dumps(about, default=str), sets),
            )

    def add(self, digest: str, rows: Rows) -> None:
        """Store some trials in one transaction; those that are there already stay."""
        with self._connected() as connection:
            connection.executemany(
                "INSERT INTO trials VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    (digest, number, totals.astype(_INTEGERS).tobytes(), sums.tobytes())
                    for number, totals, sums in zip(
                        rows.numbers, rows.totals, rows.sums.astype(_FLOATS), strict=True
                    )
                ],
            )

    def fill(self, sweep: Sweep) -> None:
        """Take over the trials of a sweep that are stored.

        Raises:
            InvalidValueError: a row of the file does not belong to it; delete the file.
        """
        with self._connected() as connection:
            for number, totals, sums in connection.execute(
                "SELECT number, totals, sums FROM trials WHERE digest = ?", (sweep.digest,)
            ):
                if not (
                    0 <= number < len(sweep)
                    and len(totals) == 8 * settling.TOTALS
                    and len(sums) == sweep.sums[0].nbytes
                ):
                    raise InvalidValueError(
                        f"{self._path} has a row {number} that no sweep wrote; delete the file"
                    )
                sweep.totals[number] = np.frombuffer(totals, _INTEGERS)
                sweep.sums[number] = np.frombuffer(sums, _FLOATS)
                sweep.done[number] = True

    def sweeps(self) -> list[StoredSweep]:
        """Return every sweep, the newest first."""
        with self._connected() as connection:
            found = connection.execute(
                "SELECT digest, started_at, about, sets, "
                "(SELECT count(*) FROM trials t WHERE t.digest = s.digest) "
                "FROM sweeps s ORDER BY started_at DESC, digest"
            ).fetchall()
        return [
            StoredSweep(digest=digest, started_at=at, about=json.loads(about), sets=sets, done=done)
            for digest, at, about, sets, done in found
        ]

    def load(self, digest: str) -> Sweep:
        """Return a sweep as far as it was run, by its digest or the beginning of it.

        Raises:
            InvalidValueError: no sweep, or more than one, begins like that.
        """
        found = [each for each in self.sweeps() if digest and each.digest.startswith(digest)]
        if len(found) != 1:
            there = f"{len(found)} sweeps begin" if found else "no sweep begins"
            raise InvalidValueError(
                f"{there} with {digest!r:.40}; see them with: traderbot sweep list"
            )
        (stored,) = found
        about = stored.about
        amounts = {name: Decimal(text) for name, text in about["terms"].items() if text}
        terms = scaled(Terms(**amounts), about["places"], keep=False, curve=about["curve"])
        sweep = empty_sweep(stored.digest, sets_of(about["grid"]), terms, about["bars"])
        self.fill(sweep)
        return sweep

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30.0)) as connection, connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
