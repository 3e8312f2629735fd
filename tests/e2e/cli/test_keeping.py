"""An installation and its keeping: secrets, settings, schemas, bars, strategies, the doctor."""

from __future__ import annotations

import gzip
import sqlite3
import stat
import time
from collections import namedtuple
from typing import Any

import pytest

from tests.e2e.cli.conftest import PASSWORD, Installation

_HEADER = "timestamp,open,high,low,close,volume\n"


def _finding(installation: Installation, name: str) -> dict[str, Any]:
    told = installation("doctor", "--json")
    (found,) = [check for check in told.json["checks"] if check["name"] == name]
    assert told.code == (0 if told.json["ok"] else 1)
    return dict(found)


def test_what_init_makes_is_for_its_owner_alone(installation: Installation) -> None:
    made = installation("init", "--json").json
    secret = installation.folder / "data" / "secrets" / "auth-secret-key"
    assert made["secret"] == str(secret)
    for path, mode in ((secret, 0o600), (secret.parent, 0o700), (installation.database, 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert secret.read_text().strip() not in str(made)


def test_a_doctor_finds_a_fresh_folder_without_a_database(installation: Installation) -> None:
    told = installation("doctor", "--json")
    assert told.code == 1
    wrong = {check["name"]: check["message"] for check in told.json["checks"] if not check["ok"]}
    assert wrong.keys() == {"database"}
    assert "traderbot init" in wrong["database"]
    assert list(installation.folder.iterdir()) == []


def test_a_doctor_finds_what_is_not_well(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.begin()
    told = installation("doctor", "--json")
    assert told.code == 0, told.out
    assert {check["name"] for check in told.json["checks"]} == {
        *("python", "settings", "data folder", "disk", "secret", "database", "sqlite", "guards"),
        *("clock", "exchange keys", "redis"),
    }

    secret = installation.folder / "data" / "secrets" / "auth-secret-key"
    secret.chmod(0o644)
    assert _finding(installation, "secret")["ok"] is False
    secret.chmod(0o600)

    monkeypatch.setenv("TRADERBOT_REDIS__URL", "redis://:hidden@127.0.0.1:1/0")
    started = time.monotonic()
    redis = _finding(installation, "redis")
    assert redis["ok"] is False
    assert "hidden" not in redis["message"]
    assert time.monotonic() - started < 5
    monkeypatch.delenv("TRADERBOT_REDIS__URL")

    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil has it
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(10, 9, 1))
    assert _finding(installation, "disk")["ok"] is False
    monkeypatch.undo()


def test_a_doctor_finds_a_lifted_guard_and_events_from_the_future(
    installation: Installation,
) -> None:
    installation.begin()
    connection = sqlite3.connect(installation.database)
    with connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET recorded_at = '2999-01-01T00:00:00.000000Z'")
    connection.close()
    guards = _finding(installation, "guards")
    assert guards["ok"] is False
    assert "events_no_update" in guards["message"]
    clock = _finding(installation, "clock")
    assert clock["ok"] is False
    assert "in the future" in clock["message"]


def test_a_misspelt_setting_stops_everything_by_name(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADERBOT_RISK_ORDER_NOTIONAL_MAX", "5")
    checked = installation("config", "check", "--json")
    assert checked.code == 1
    assert checked.json["problems"][0]["name"] == "TRADERBOT_RISK_ORDER_NOTIONAL_MAX"
    for words in (("init",), ("order", "list"), ("config", "show"), ("serve",)):
        told = installation(*words, "--json")
        assert (told.code, told.json["error"]["code"]) == (2, "CONFIGURATION")
    assert installation("doctor").code == 1


def test_a_shown_setting_has_its_origin_and_no_secret(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADERBOT_AUTH__SECRET_KEY", "q8Zt" * 4 + "Xw3_kP0r" * 3)
    shown = {each["name"]: each for each in installation("config", "show", "--json").json["items"]}
    assert shown["TRADERBOT_DATA__DIR"]["origin"] == "environment"
    assert "q8Zt" not in str(shown)


@pytest.mark.parametrize(
    ("database", "code"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "DATABASE_UNAVAILABLE"),
        ("mysql://nobody@127.0.0.1/none", "CONFIGURATION"),
        ("text.db", "DATABASE_UNAVAILABLE"),
        ("old.db", "SCHEMA_NOT_NEWEST"),
        ("missing.db", "DATABASE_MISSING"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(
    installation: Installation, database: str, code: str
) -> None:
    (installation.folder / "text.db").write_text("this is no database, whatever its name says")
    sqlite3.connect(installation.folder / "old.db").execute("CREATE TABLE t (c)").connection.close()
    told = installation("order", "list", "--json", "--database", database)
    assert (told.code, told.json["error"]["code"]) == (2, code)
    assert "Traceback" not in told.err


def test_the_server_shape_works_as_well(installation: Installation, postgres_url: str) -> None:
    database = ("--database", postgres_url, "--json")
    assert installation("order", "list", *database).json["error"]["code"] == "SCHEMA_NOT_NEWEST"
    assert installation("init", *database).code == 0
    added = installation(
        "user", "add", "a@example.com", "--password-stdin", *database, stdin=PASSWORD
    )
    assert added.code == 0, added.err
    assert installation("portfolio", "create", "main", "--cash", "9 USD", *database).code == 0
    for words in (("db", "check"), ("doctor",), ("audit", "verify"), ("audit", "diff")):
        told = installation(*words, *database)
        assert (told.code, told.json["ok"]) == (0, True), told.out


def test_bars_are_imported_once(installation: Installation) -> None:
    installation("init")
    bars = installation.folder / "bars.csv.gz"
    rows = "".join(f"2025-01-{day:02},10,12,9,11,100\n" for day in range(1, 29))
    bars.write_bytes(gzip.compress((_HEADER + rows).encode()))
    words = ("data", "import", str(bars), "--symbol", "ACME", "--timeframe", "1d", "--json")
    first, second = installation(*words).json, installation(*words).json
    assert (first["bars"], first["new"], second["new"]) == (28, 28, 0)
    listed = installation("data", "list", "--json").json["items"]
    assert [(each["symbol"], each["timeframe"], each["count"]) for each in listed] == [
        ("ACME", "1d", 28)
    ]


def test_one_bad_line_refuses_the_whole_file(installation: Installation) -> None:
    installation("init")
    bars = installation.folder / "bars.csv"
    bars.write_bytes(
        f"{_HEADER}2025-01-01,10,12,9,11,100\n2025-01-02,ten,12,9,11,1\n".encode()
        + b"2025-01-03,10,12,9,11,\xff\n"
    )
    words = ("data", "import", str(bars), "--symbol", "ACME", "--timeframe", "1d")
    told = installation(*words, "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "BAD_BARS")
    assert [each["line"] for each in told.json["error"]["details"]["findings"]] == [3, 4]
    assert "line 3" in told.err
    assert installation("data", "list", "--json").json["items"] == []
    assert installation("data", "import", "nowhere.csv", *words[3:]).code == 2


def test_history_is_not_rewritten(installation: Installation) -> None:
    installation("init")
    bars = installation.folder / "bars.csv"
    words = ("data", "import", str(bars), "--symbol", "ACME", "--timeframe", "1d", "--json")
    bars.write_text(f"{_HEADER}2025-01-01,10,12,9,11,100\n")
    assert installation(*words).code == 0
    bars.write_text(f"{_HEADER}2025-01-01,10,12,9,10,100\n")
    told = installation(*words)
    assert (told.code, told.json["error"]["code"]) == (1, "CONFLICTING_BAR")


def test_a_check_imports_nothing(installation: Installation) -> None:
    installation("init")
    bars = installation.folder / "bars.csv"
    bars.write_text(f"{_HEADER}2025-01-01,10,12,9,10,100\n2025-01-02,20,22,19,20,100\n")
    words = ("data", "import", str(bars), "--symbol", "ACME", "--timeframe", "1d", "--json")
    odd = installation(*words, "--check")
    assert (odd.code, [each["kind"] for each in odd.json["findings"]]) == (1, ["jump"])
    assert installation("data", "list", "--json").json["items"] == []
    assert installation(*words).code == 0
    assert (
        installation("data", "check", "ACME", "1d", "--json").json["findings"]
        == odd.json["findings"]
    )


def test_an_unknown_sample_is_a_no(installation: Installation) -> None:
    told = installation("data", "import", "--sample", "NOBODY", "--json")
    assert (told.code, told.json["error"]["details"]["known"]) == (1, ["GOOG", "IBM"])


def test_a_strategy_of_ones_own_is_one_class_in_one_file(installation: Installation) -> None:
    folder = installation.folder / "mine"
    folder.mkdir()
    (folder / "quiet.py").write_text(
        "from traderbot.strategies import BaseStrategy\n\n\n"
        "class Quiet(BaseStrategy):\n"
        "    name = 'E2E_QUIET'\n    description = 'Never trades.'\n\n"
        "    def __init__(self, patience: int = 3) -> None:\n        self.patience = patience\n"
    )
    own = ("--strategies", str(folder), "--json")
    names = [each["name"] for each in installation("strategy", "list", *own).json["items"]]
    assert {"RSI_CROSS", "E2E_QUIET"} <= set(names)
    shown = installation("strategy", "show", "E2E_QUIET", *own).json
    assert (shown["description"], shown["parameters"]) == ("Never trades.", {"patience": "3"})
    (folder / "broken.py").write_text("def\n")
    told = installation("strategy", "list", *own)
    assert (told.code, told.json["error"]["code"]) == (2, "STRATEGY_FILE")
    assert "broken.py" in told.err
    assert "line 1" in told.err
