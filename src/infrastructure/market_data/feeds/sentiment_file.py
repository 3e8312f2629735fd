"""Moods from a CSV or JSON file, each seen only from the instant it was published."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from traderbot.domain.market.sentiment import Mood, Sentiment, newest_mood
from traderbot.domain.shared.errors import DomainError, InvalidValueError
from traderbot.domain.shared.values import Symbol, symbol

_FIELDS = ("at", "known_at", "symbol", "score", "confidence")
_MAX_FINDINGS = 20


class BadMoodsError(DomainError):
    """A file of moods was refused as a whole; the message names every bad row, up to 20."""

    code: ClassVar[str] = "BAD_MOODS"


class SentimentFile:
    """`SentimentFeed` on a file, which is read once."""

    def __init__(self, path: Path) -> None:
        """Read a `.csv` file with a header, or a `.json` file with a list of objects.

        The fields are at, known_at, symbol, score and confidence. `at` is what a mood is of;
        `known_at` is when it was published, and is never left out.

        Raises:
            BadMoodsError: a row is bad; nothing of it is used.
            OSError: it cannot be read.
        """
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(text) if path.suffix.lower() == ".json" else _csv_rows(text)
        self._moods: dict[Symbol, list[Mood]] = {}
        for mood in _moods(rows, f"file:{path.name}"):
            self._moods.setdefault(mood.symbol, []).append(mood)

    def mood(self, symbol: Symbol, at: datetime) -> Mood | None:
        """Return the newest mood that was known at an instant; None if there was none."""
        return newest_mood(self._moods.get(symbol, ()), symbol, at)


def _moods(rows: Iterable[tuple[str, Any]], source: str) -> list[Mood]:
    found: list[Mood] = []
    findings: list[str] = []
    for place, row in rows:
        try:
            found.append(_mood(row, source))
        except InvalidValueError as error:
            findings.append(f"{place}: {error}")
            if len(findings) >= _MAX_FINDINGS:
                findings.append("reading stopped there")
                break
    if findings:
        raise BadMoodsError("no mood was read: " + "; ".join(findings))
    return found


def _mood(row: Any, source: str) -> Mood:  # noqa: ANN401 - whatever the file holds
    if not isinstance(row, Mapping):
        msg = f"not an object: {row!r:.60}"
        raise InvalidValueError(msg)
    for name in _FIELDS:
        if not isinstance(row.get(name), str):
            msg = f"{name} is missing"
            raise InvalidValueError(msg)
    return Mood(
        symbol=symbol(row["symbol"]),
        sentiment=Sentiment(row["score"], row["confidence"]),
        at=_instant("at", row["at"]),
        known_at=_instant("known_at", row["known_at"]),
        source=source,
    )


def _instant(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{name}: not an ISO datetime: {text!r:.60}"
        raise InvalidValueError(msg) from error
    if at.tzinfo is None:
        msg = f"{name}: {text} has no time zone; write it in UTC, with a Z at the end"
        raise InvalidValueError(msg)
    return at.astimezone(UTC)


def _csv_rows(text: str) -> Iterator[tuple[str, Any]]:
    try:
        for number, row in enumerate(csv.DictReader(text.splitlines(), strict=True), start=2):
            yield f"line {number}", {str(key).strip().lower(): it for key, it in row.items()}
    except csv.Error as error:
        msg = f"not comma-separated values: {error}"
        raise BadMoodsError(msg) from error


def _json_rows(text: str) -> Iterator[tuple[str, Any]]:
    try:
        rows = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        msg = f"not JSON: {error}"
        raise BadMoodsError(msg) from error
    if not isinstance(rows, list):
        msg = "a JSON file of moods is a list of objects"
        raise BadMoodsError(msg)
    for number, row in enumerate(rows, start=1):
        yield f"object {number}", row
