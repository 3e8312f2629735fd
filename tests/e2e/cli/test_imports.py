"""Bars that are imported are a fact of the log."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from tests.e2e.cli.conftest import Installation
from traderbot.infrastructure.database_event_store import DatabaseEventStore

LINES = """date,open,high,low,close,volume
2025-01-02,100,110,90,105,7
2025-01-03,105,106,99,99.5,3
"""
WORDS = ("--symbol", "BRK.B", "--timeframe", "1d", "--json")


def facts(installation: Installation) -> list[tuple[str, str, str]]:
    with DatabaseEventStore(str(installation.folder / "data" / "traderbot.db")) as store:
        return [(it.stream, it.event.digest, it.event.source) for it in store.events()]  # type: ignore[union-attr]


def test_an_import_says_what_is_stored_and_the_log_says_it_too(
    installation: Installation, tmp_path: Path
) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text(LINES)
    assert installation("init").code == 0
    told = installation("data", "import", str(bars), *WORDS)
    assert told.code == 0, told.err
    stored = (
        "BRK.B 1d 2025-01-02T00:00:00.000000Z 100 110 90 105 7\n"
        "BRK.B 1d 2025-01-03T00:00:00.000000Z 105 106 99 99.5 3\n"
    )
    digest = sha256(stored.encode()).hexdigest()
    assert (told.json["new"], told.json["digest"], told.json["recorded"]) == (2, digest, True)
    assert facts(installation) == [("market-BRK.B-1d", digest, "file:bars.csv")]
    again = installation("data", "import", str(bars), *WORDS)
    assert (again.json["new"], again.json["digest"], again.json["recorded"]) == (0, digest, False)
    assert installation("data", "import", "--sample", "IBM").code == 0
    assert [it[2] for it in facts(installation)] == ["file:bars.csv", "sample:IBM"]
    assert installation("audit", "diff").code == 0


def test_a_look_at_a_file_is_no_fact(installation: Installation, tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text(LINES)
    assert installation("init").code == 0
    installation("data", "import", str(bars), *WORDS, "--check")
    assert facts(installation) == []


def test_a_file_may_be_called_anything(installation: Installation, tmp_path: Path) -> None:
    bars = tmp_path / "two\nlines \u202e.csv"
    bars.write_text(LINES)
    assert installation("init").code == 0
    told = installation("data", "import", str(bars), *WORDS)
    assert told.code == 0, told.err
    assert facts(installation)[0][2] == "file:two?lines ?.csv"
