"""From an empty folder to a proof, and to a tampered row that is found."""

from __future__ import annotations

import sqlite3

from tests.e2e.cli.conftest import PASSWORD, Installation


def test_the_whole_story(installation: Installation) -> None:
    cli = installation
    made = cli("init", "--json")
    assert made.code == 0
    assert made.json["created"] is True
    assert "traderbot user add" in made.err
    assert cli("init", "--json").json["created"] is False

    added = cli("user", "add", "ada@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert added.code == 0, added.err
    portfolio = cli("portfolio", "create", "main", "--cash", "100000 USD", "--json").json
    placed = cli("order", "place", "buy", "10", "IBM", "--limit-price", "150.25", "--json").json
    order = placed["order_id"]
    assert placed["status"] == "approved"
    assert cli("order", "list", "--json").json["items"] == [placed]
    assert cli("order", "show", order, "--json").json == placed
    assert cli("order", "place", "buy", "5000", "IBM", "--limit-price", "150").code == 1
    open_root = cli("audit", "verify", "--json").json
    canceled = cli("order", "cancel", order, "--json").json
    assert canceled["status"] == "canceled"

    verified = cli("audit", "verify", "--json")
    assert (verified.code, verified.json["findings"]) == (0, [])
    assert cli("audit", "diff", "--json").json["differences"] == []
    told = cli("audit", "explain", order)
    assert told.code == 0
    assert f"order {order}: buy 10 IBM at 150.25" in told.out
    assert "operator" in told.out
    explained = cli("audit", "explain", order, "--json").json
    assert explained["order"] == canceled

    # Then, and now.
    then = cli("audit", "replay", "--as-of", str(open_root["events"]), "--json").json
    assert then["cut"]["root"] == open_root["root"]
    assert placed in then["orders"]
    now = cli("audit", "replay", "--json").json
    assert canceled in now["orders"]
    instant = then["cut"]["last_recorded_at"]
    again = cli("audit", "replay", "--as-of", instant, "--json").json
    assert again["cut"]["size"] >= then["cut"]["size"]

    _tamper(installation, portfolio["portfolio_id"])
    different = cli("audit", "diff", "--json")
    assert different.code == 1
    found = different.json["differences"]
    assert [(each["table"], each["column"], each["stored"]) for each in found] == [
        ("balances", "free", "123456.78")
    ]
    assert portfolio["portfolio_id"] in found[0]["key"]
    shown = cli("audit", "diff")
    assert "123456.78" in shown.out
    assert cli("audit", "rebuild", "--json").json["changed"] == found
    assert cli("audit", "diff").code == 0
    assert cli("audit", "verify").code == 0


def test_a_process_of_its_own_sees_what_others_did(installation: Installation) -> None:
    installation.begin()
    shown = installation.process("portfolio", "show", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert shown.json["balances"][0]["free"] == "100000"


def _tamper(installation: Installation, portfolio_id: str) -> None:
    connection = sqlite3.connect(installation.database)
    with connection:
        changed = connection.execute(
            "UPDATE balances SET free = '123456.78' WHERE portfolio_id = ?", (portfolio_id,)
        )
        assert changed.rowcount == 1
    connection.close()
