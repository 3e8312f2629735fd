"""The audit by the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.builders import NOON, ORDER_ID, after, an_order, approved
from tests.unit.presentation.cli.fakes import ROOT, Terminal
from traderbot.application.ports.audit import (
    AuditFinding,
    Difference,
    ExplainedEvent,
    OrderExplanation,
)
from traderbot.application.views import OrderView

_DIFFERENCE = Difference(
    table="balances",
    key="p/USD",
    column="free",
    stored="2",
    computed="1",
    last_event="0192f0c1-0000-7000-8000-000000000009",
)


def test_findings_are_a_no(cli: Terminal) -> None:
    clean = cli("audit", "verify", "--json")
    assert (clean.code, clean.json["ok"], clean.json["root"]) == (0, True, ROOT)
    cli.doors.audit.findings = (AuditFinding(code="HASH", where="event 7", message="bit flip"),)
    found = cli("audit", "verify", "--json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert found.json["findings"] == [{"code": "HASH", "where": "event 7", "message": "bit flip"}]
    assert "bit flip" in cli("audit", "verify").out


@pytest.mark.parametrize("what", ["differences", "imbalances"])
def test_differences_are_a_no(cli: Terminal, what: str) -> None:
    assert cli("audit", "diff", "--json").json["ok"] is True
    setattr(cli.doors.audit, what, [_DIFFERENCE] if what == "differences" else ["entry 7"])
    told = cli("audit", "diff", "--json")
    assert (told.code, told.json["ok"]) == (1, False)
    named = "balances" if what == "differences" else "entry 7"
    assert named in cli("audit", "diff").out


def test_a_rebuild_says_what_was_wrong(cli: Terminal) -> None:
    cli.doors.audit.differences = (_DIFFERENCE,)
    told = cli("audit", "rebuild", "--json")
    assert (told.code, told.json["changed"][0]["column"]) == (0, "free")
    assert "1 values were wrong before" in cli("audit", "rebuild").out


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), {"at": None, "index": None, "by_occurred": False}),
        (("--as-of", "7"), {"at": None, "index": 7, "by_occurred": False}),
        (
            ("--as-of", "2025-01-02T13:00:00+01:00", "--by", "occurred"),
            {"at": datetime(2025, 1, 2, 12, tzinfo=UTC), "index": None, "by_occurred": True},
        ),
    ],
)
def test_a_replay_is_as_of_an_instant_or_an_index(
    cli: Terminal, words: tuple[str, ...], asked: dict[str, object]
) -> None:
    told = cli("audit", "replay", *words, "--json")
    assert told.code == 0
    assert cli.doors.audit.cuts == [asked]
    assert told.json["cut"]["root"] == ROOT
    assert told.json["fingerprint"] in cli("audit", "replay", *words).out


@pytest.mark.parametrize(
    "words",
    [
        ("--as-of", "yesterday"),
        ("--as-of", "2025-01-02T13:00:00"),
        ("--as-of", "²"),
        ("--as-of", "7", "--by", "occurred"),
        ("--by", "heart"),
    ],
    ids=" ".join,
)
def test_a_time_that_could_be_any_is_refused(cli: Terminal, words: tuple[str, ...]) -> None:
    assert cli("audit", "replay", *words).code == 2


def test_an_explanation_is_a_tree_from_wish_to_money(cli: Terminal) -> None:
    order = OrderView.of(after(an_order(), [approved()]))
    event = ExplainedEvent(
        position=3,
        id="e3",
        stream=f"order-{ORDER_ID}",
        version=1,
        type="OrderPlaced",
        occurred_at=NOON,
        recorded_at=NOON,
        actor="operator root via cli",
        command_id="c",
        causation_id="c",
        changes={"status": "placed"},
        data={},
    )
    cli.doors.audit.explanation = OrderExplanation(
        order=order,
        decision={"reason": "RSI crossed", "rules": {"was_below": True}, "order": None},
        events=(event,),
        ledger=({"account": "cash", "amount": "-1", "currency": "USD", "event": "e3"},),
    )
    told = cli("audit", "explain", ORDER_ID)
    assert told.code == 0
    said = [line.lstrip("│├└─ ") for line in told.out.splitlines()]
    assert said[0].startswith(f"order {ORDER_ID}: ")
    assert "reason: RSI crossed" in said
    assert "was_below: True" in said
    assert "#3 2025-01-02 12:00:00Z OrderPlaced by operator root via cli" in said
    assert "status: placed" in said
    assert "cash -1 USD" in said
    document = cli("audit", "explain", ORDER_ID, "--json").json
    assert document["events"][0]["changes"] == {"status": "placed"}
