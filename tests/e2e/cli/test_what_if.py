"""`traderbot audit what-if` on a database that people traded in."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.cli.conftest import Installation


def ask(installation: Installation, question: object) -> tuple[int, str]:
    """Write a question and return its file."""
    file = installation.folder / "question.json"
    file.write_text(json.dumps(question))
    told = installation("audit", "what-if", str(file), "--json")
    return told.code, told.out


def test_a_history_is_asked_what_it_would_have_been(installation: Installation) -> None:
    installation.begin()
    placed = installation("order", "place", "buy", "2", "IBM", "--json").json
    database = Path(installation.database)
    installation("audit", "verify")
    before = database.read_bytes()
    code, same = ask(installation, {})
    assert code == 0
    assert json.loads(same)["differs"] is False
    lower = {"change": {"limits": {"order_notional_max": "1"}}}
    code, other = ask(installation, lower)
    assert code == 1
    assert ask(installation, lower) == (1, other)  # to the last byte
    (change,) = json.loads(other)["orders"]["different"]
    assert change["order_id"] == placed["order_id"]
    assert change["hypothesis"]["status"] == "refused"
    assert change["why"][0].startswith("refused: ORDER_NOTIONAL_MAX, limit 1 USD, value ")
    code, gone = ask(installation, {"change": {"drop": [placed["order_id"]]}})
    assert code == 1
    assert [it["order_id"] for it in json.loads(gone)["orders"]["only_in_fact"]] == [
        placed["order_id"]
    ]
    assert database.read_bytes() == before
    assert installation("audit", "verify").code == 0


def test_what_cannot_be_asked_ends_with_2(installation: Installation) -> None:
    installation.begin()
    installation("order", "place", "buy", "2", "IBM")
    code, told = ask(installation, {"change": {"fee": "1"}})
    assert (code, json.loads(told)["error"]["code"]) == (2, "BAD_QUESTION")
    assert "did you mean fee_bps?" in told
    code, told = ask(installation, {"in_force": {"fee_bps": "11"}})
    assert (code, json.loads(told)["error"]["code"]) == (2, "UNANSWERABLE")
