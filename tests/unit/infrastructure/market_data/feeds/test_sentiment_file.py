from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import later
from traderbot.domain.market.sentiment import Sentiment
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.feeds.sentiment_file import BadMoodsError, SentimentFile

AAPL = symbol("AAPL")
ROW = {
    "at": "2025-01-02T12:00:00Z",
    "known_at": "2025-01-02T13:30:00+01:00",
    "symbol": "AAPL",
    "score": "-0.25",
    "confidence": "0.9",
}


def written(folder: Path, kind: str, *rows: dict[str, str]) -> Path:
    path = folder / f"moods.{kind}"
    if kind == "json":
        path.write_text(json.dumps(rows))
    else:
        lines = [",".join(ROW), *(",".join(row[name] for name in ROW) for row in rows)]
        path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_mood_is_told_from_when_it_was_published(tmp_path: Path, kind: str) -> None:
    feed = SentimentFile(written(tmp_path, kind, ROW, {**ROW, "symbol": "IBM"}))
    assert feed.mood(AAPL, later(29)) is None
    found = feed.mood(AAPL, later(30))
    assert found is not None
    assert found.sentiment == Sentiment("-0.25", "0.9")
    assert (found.at, found.known_at, found.source) == (later(0), later(30), f"file:moods.{kind}")


def test_numbers_of_json_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "moods.json"
    text = json.dumps([ROW]).replace('"-0.25"', "0.123456789012345678")
    path.write_text(text)
    found = SentimentFile(path).mood(AAPL, later(30))
    assert found is not None
    assert str(found.sentiment.score) == "0.123456789012345678"


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("score", "1.5", "score is from -1 to 1"),
        ("score", "NaN", "not a plain decimal number"),
        ("known_at", "2025-01-02T11:00:00Z", "was not known"),
        ("known_at", "2025-01-02T13:00:00", "no time zone"),
        ("at", "yesterday", "at: not an ISO datetime"),
        ("symbol", "apple", "not a symbol"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_read(
    tmp_path: Path, kind: str, field: str, value: str, says: str
) -> None:
    path = written(tmp_path, kind, ROW, {**ROW, field: value})
    with pytest.raises(BadMoodsError, match=says) as caught:
        SentimentFile(path)
    assert ("line 3" if kind == "csv" else "object 2") in str(caught.value)


@pytest.mark.parametrize("text", ["{", "7", '[["at"]]', '[{"at": null}]'])
def test_json_that_is_no_list_of_moods_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "moods.json"
    path.write_text(text)
    with pytest.raises(BadMoodsError):
        SentimentFile(path)


def test_no_more_than_twenty_findings_are_told(tmp_path: Path) -> None:
    rows = [{**ROW, "score": "7"}] * 50
    with pytest.raises(BadMoodsError, match="reading stopped there") as caught:
        SentimentFile(written(tmp_path, "csv", *rows))
    assert str(caught.value).count("line ") == 20
