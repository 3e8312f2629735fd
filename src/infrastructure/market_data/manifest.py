"""What a folder of Parquet files holds, in one small JSON file that is replaced as a whole.

A file that the manifest does not name is not there: so an import that is killed leaves nothing
behind, and several series change together or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from traderbot.domain.market.calendar import Hole
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.instants import instant, instant_text
from traderbot.domain.shared.values import Symbol, symbol

SPEC: Final = "traderbot.bars/1"
FILE_NAME: Final = "manifest.json"

SeriesKey = tuple[Symbol, Timeframe]


class DamagedManifestError(ValueError):
    """The manifest is not what this program wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a series: the bars that open in one year, or all of a series of days."""

    file: str
    rows: int
    first: datetime
    last: datetime
    digest: str  # SHA-256 over its bars; see `digest_of`


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesManifest:
    """One series. `holes` are the bars that are missing, by the calendar read off the series."""

    parts: tuple[Part, ...]  # oldest first; they do not overlap
    sources: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()

    @property
    def rows(self) -> int:
        """How many bars."""
        return sum(part.rows for part in self.parts)

    @property
    def first(self) -> datetime:
        """When the first bar opens."""
        return self.parts[0].first

    @property
    def last(self) -> datetime:
        """When the last bar opens."""
        return self.parts[-1].last


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All series of a folder."""

    series: Mapping[SeriesKey, SeriesManifest] = field(default_factory=dict)

    def with_series(self, changed: Mapping[SeriesKey, SeriesManifest]) -> Manifest:
        """Return the manifest with some series replaced."""
        return replace(self, series={**self.series, **changed})

    def files(self) -> frozenset[str]:
        """Return every file that belongs to it."""
        return frozenset(part.file for it in self.series.values() for part in it.parts)


def read_manifest(folder: Path) -> Manifest:
    """Return what a folder holds; nothing if it is not there.

    Raises:
        OSError: it cannot be read.
        DamagedManifestError: it is not what `write_manifest` wrote.
    """
    try:
        text = (folder / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Manifest()
    try:
        return _manifest(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{folder / FILE_NAME} is damaged ({error}); import its bars again elsewhere"
        raise DamagedManifestError(msg) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably. Raises OSError, and then the old one still stands."""
    text = json.dumps(_document(manifest), indent=1, sort_keys=True)
    waiting = folder / f"{FILE_NAME}.new"
    with waiting.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(folder / FILE_NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _document(manifest: Manifest) -> dict[str, Any]:
    return {
        "spec": SPEC,
        "series": [
            {
                "symbol": of.code,
                "timeframe": timeframe.value,
                "rows": it.rows,
                "first_at": instant_text(it.first),
                "last_at": instant_text(it.last),
                "sources": list(it.sources),
                "gaps": [
                    {
                        "after": instant_text(hole.after),
                        "before": instant_text(hole.before),
                        "missing": hole.missing,
                    }
                    for hole in it.holes
                ],
                "parts": [
                    {
                        "file": part.file,
                        "rows": part.rows,
                        "first_at": instant_text(part.first),
                        "last_at": instant_text(part.last),
                        "digest": part.digest,
                    }
                    for part in it.parts
                ],
            }
            for (of, timeframe), it in sorted(
                manifest.series.items(), key=lambda it: (it[0][0], it[0][1].duration)
            )
        ],
    }


def _manifest(told: Mapping[str, Any]) -> Manifest:
    if told["spec"] != SPEC:
        msg = f"its form is {told['spec']!r:.40}, and {SPEC} is known"
        raise ValueError(msg)
    return Manifest(
        series={
            (symbol(it["symbol"]), Timeframe(it["timeframe"])): SeriesManifest(
                sources=tuple(it["sources"]),
                holes=tuple(_holes(it["gaps"])),
                parts=tuple(_parts(it["parts"])),
            )
            for it in told["series"]
        }
    )


def _parts(told: Iterable[Mapping[str, Any]]) -> Iterable[Part]:
    for it in told:
        if Path(it["file"]).name != it["file"]:
            msg = f"{it['file']!r:.80} is no file of this folder"
            raise ValueError(msg)
        yield Part(
            file=it["file"],
            rows=it["rows"],
            first=instant(it["first_at"]),
            last=instant(it["last_at"]),
            digest=it["digest"],
        )


def _holes(told: Iterable[Mapping[str, Any]]) -> Iterable[Hole]:
    for it in told:
        yield Hole(after=instant(it["after"]), before=instant(it["before"]), missing=it["missing"])
