"""The verbs that keep an installation: init, doctor, serve, config, db, data, strategies, demo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders import NOON, a_bar
from tests.unit.presentation.cli.fakes import Terminal
from traderbot.application.ports.health import Health
from traderbot.presentation.cli.doors import Oddity, SettingProblem
from traderbot.presentation.cli.serve import is_loopback


def test_init_says_what_to_do_next(cli: Terminal) -> None:
    told = cli("init", "--json")
    assert (told.code, told.json["created"]) == (0, True)
    assert "traderbot user add" in told.err


def test_the_doctor_says_no_when_a_check_fails(cli: Terminal) -> None:
    assert cli("doctor", "--json").json["ok"] is True
    cli.doors.health = (*cli.doors.health, Health("disk", ok=False, message="full"))
    told = cli("doctor", "--json")
    assert (told.code, told.json["ok"]) == (1, False)
    assert told.json["checks"][-1] == {"name": "disk", "ok": False, "message": "full"}
    assert "NOT OK" in cli("doctor").out


def test_config_is_shown_and_checked(cli: Terminal) -> None:
    assert cli("config", "show", "--json").json["items"][0]["origin"] == "default"
    assert cli("config", "check").code == 0
    cli.doors.problem = SettingProblem(name="TRADERBOT_X", message="is odd", remedy="remove it")
    told = cli("config", "check", "--json")
    assert (told.code, told.json["ok"]) == (1, False)
    assert told.json["problems"][0]["name"] == "TRADERBOT_X"
    assert "remove it" in cli("config", "check").out


def test_an_old_schema_is_a_no_until_it_is_upgraded(cli: Terminal) -> None:
    cli.doors.current = None
    for verb in ("current", "check"):
        told = cli("db", verb)
        assert told.code == 1
        assert "traderbot db upgrade" in told.out
    upgraded = cli("db", "upgrade", "--json").json
    assert (upgraded["from"], upgraded["current"], upgraded["changed"]) == (None, "0001", True)
    assert cli("db", "upgrade", "--json").json["changed"] is False
    assert cli("db", "current").code == 0
    assert cli("db", "check", "--json").json["ok"] is True
    cli.doors.table_differences = ("a column is missing",)
    different = cli("db", "check", "--json")
    assert (different.code, different.json["differences"]) == (1, ["a column is missing"])


def test_keys_are_forgotten_by_their_age_in_days(cli: Terminal) -> None:
    told = cli("db", "prune", "--idempotency-days", "30", "--json")
    assert (told.code, told.json["deleted"]) == (0, 3)
    (before,) = cli.doors.pruned
    assert timedelta(days=30) <= datetime.now(UTC) - before < timedelta(days=30, minutes=5)
    for days in ("0", "36501", "x"):
        assert cli("db", "prune", "--idempotency-days", days).code == 2
    assert cli("db", "prune").code == 2
    assert len(cli.doors.pruned) == 1


def test_the_database_is_the_one_that_was_named(cli: Terminal) -> None:
    cli("data", "list", "--database", "x.db")
    cli("data", "list")
    assert cli.doors.databases == ["x.db", None]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - to be refused
        ("::", False),
        ("192.168.1.7", False),
        ("localhost.example.com", False),
    ],
)
def test_which_addresses_are_of_this_machine_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_development_lets_no_other_machine_in_unless_told_to(cli: Terminal) -> None:
    told = cli("serve", "--host", "0.0.0.0", "--json")  # noqa: S104 - to be refused
    assert (told.code, told.json["error"]["code"]) == (2, "USAGE")
    assert "--allow-remote" in told.err
    assert cli.doors.served == []
    assert cli("serve", "--host", "192.168.1.7", "--allow-remote").code == 0
    cli.doors.environment = "production"
    assert cli("serve", "--host", "192.168.1.7", "--port", "0").code == 0
    assert cli.doors.served == [("192.168.1.7", 8000), ("192.168.1.7", 0)]


def test_serve_says_where_it_listens(cli: Terminal) -> None:
    assert cli("serve", "--json").json == {
        "url": "http://127.0.0.1:8000",
        "docs": "http://127.0.0.1:8000/docs",
    }


def test_odd_bars_are_a_no(cli: Terminal) -> None:
    cli.doors.bars.kept = [a_bar(symbol_code="IBM")]
    words = ("data", "check", "IBM", "1h")
    assert cli(*words).code == 0
    cli.doors.oddities = (Oddity(kind="gap", at=NOON, message="2 bars missing"),)
    odd = cli(*words, "--json")
    assert odd.code == 1
    assert odd.json["findings"] == [
        {
            "kind": "gap",
            "at": "2025-01-02T12:00:00.000000Z",
            "message": "2 bars missing",
            "row": 0,
            "column": "",
            "advice": "",
        }
    ]
    assert "2 bars missing" in cli(*words).out
    assert cli("data", "check", "IBM", "1d").code == 1


def test_what_is_stored_is_listed(cli: Terminal) -> None:
    assert "data import --sample" in cli("data", "list").out
    cli.doors.bars.kept = [replace(a_bar(symbol_code="IBM"))]
    assert cli("data", "list", "--json").json["items"][0]["symbol"] == "IBM"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("x.csv",),
        ("x.csv", "--symbol", "IBM"),
        ("x.csv", "--symbol", "IBM", "--timeframe", "2d"),
        ("x.csv", "--symbol", "I B M", "--timeframe", "1d"),
        ("x.csv", "--sample", "IBM"),
        ("--sample", "IBM", "--timeframe", "1d"),
    ],
    ids=" ".join,
)
def test_an_import_needs_to_know_what_it_imports(cli: Terminal, words: tuple[str, ...]) -> None:
    assert cli("data", "import", *words).code == 2


def test_a_folder_of_strategies_that_is_not_there_could_not_be_read(cli: Terminal) -> None:
    told = cli("strategy", "list", "--strategies", "nowhere", "--json")
    assert told.code == 2
    assert told.json["error"]["message"] == "nowhere: No such file or directory"


def test_a_strategy_is_shown_with_its_parameters(cli: Terminal) -> None:
    told = cli("strategy", "show", "NOBODY", "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "UNKNOWN_STRATEGY")


def test_the_schema_of_the_api_is_json_in_any_case(cli: Terminal) -> None:
    assert cli("openapi").json == cli("openapi", "--json").json == {"openapi": "3.1.0"}


def test_the_demo_passes_its_lines_on(cli: Terminal) -> None:
    told = cli("demo")
    assert (told.code, told.out) == (0, "three trades\n")
    assert "audit verify --database demo.db" in told.err
    cli.doors.demo_ok = False
    failed = cli("demo", "--database", "x.db", "--json")
    assert (failed.code, failed.json) == (1, {"trades": 3, "database": "x.db"})
