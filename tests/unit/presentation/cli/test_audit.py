"""The audit by the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders import NOON, ORDER_ID, an_order
from tests.unit.presentation.cli.fakes import ROOT, Terminal
from traderbot.application.ports.audit import (
    AuditFinding,
    Difference,
    Effect,
    ExplainedEvent,
    Inclusion,
    LogEntry,
    OrderExplanation,
    TreeReport,
    VerifyScope,
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
    assert cli("audit", "verify").out.splitlines()[-1] == "RESULT  clean"
    finding = AuditFinding(code="HASH", where="event 7", message="bit flip", index=88_213)
    cli.doors.audit.findings = (finding,)
    found = cli("audit", "verify", "--json")
    assert (found.code, found.json["ok"]) == (1, False)
    assert found.json["findings"] == [
        {"code": "HASH", "where": "event 7", "message": "bit flip", "index": 88_213}
    ]
    told = cli("audit", "verify").out
    assert "bit flip" in told
    assert told.splitlines()[-1] == (
        "RESULT  1 finding; first bad index 88,213; last good checkpoint 88,064"
    )


def test_what_could_not_be_checked_is_said(cli: Terminal) -> None:
    cli.doors.audit.warnings = ("no anchors: …",)
    told = cli("audit", "verify")
    assert (told.code, "warning: no anchors: …" in told.out) == (0, True)
    assert "signatures not checked: no key" in told.out
    cli.doors.audit.tree = TreeReport(
        size=600,
        epoch=2,
        tail=10,
        queued=4,
        oldest_unsealed=NOON,
        checkpoints=7,
        signatures=7,
        key="0a1b2c3d",
        anchors=3,
        superseded=1,
        newest_anchor=600,
        newest_anchor_at=NOON,
    )
    told = cli("audit", "verify")
    assert "7 checkpoints re-derived, 7 signatures good (key 0a1b2c3d), 1 given up" in told.out
    assert (
        "3 external checkpoints consistent, newest of size 600 (2025-01-02 12:00:00Z)" in told.out
    )
    assert "10 unsealed, 4 of them queued, oldest of 2025-01-02 12:00:00Z" in told.out


def test_verifying_can_begin_later(cli: Terminal, tmp_path: Path) -> None:
    note = tmp_path / "checkpoint"
    note.write_text("a note\n")
    assert cli("audit", "verify", "--from", "7", "--key", "k", "--anchors", "a").code == 0
    assert cli("audit", "verify", "--since", str(note)).code == 0
    assert cli.doors.audit.scopes == [
        VerifyScope(start=7, key="k", anchors="a"),
        VerifyScope(since="a note\n"),
    ]
    assert cli("audit", "verify", "--since", str(note), "--from", "7").code == 2
    assert cli("audit", "verify", "--since", str(tmp_path / "none")).code == 2
    assert cli("audit", "verify", "--from", "-1").code == 2


def test_the_tail_is_one_line_an_event(cli: Terminal) -> None:
    entry = LogEntry(
        log_index=7,
        id="e7",
        stream="order-1",
        version=2,
        type="order.placed",
        occurred_at=NOON,
        recorded_at=NOON,
        actor="user 1 via api",
        command_id="c",
        data={"reason": "\x1b[2J"},
    )
    cli.doors.audit.log = (entry, replace(entry, log_index=8))
    told = cli("audit", "tail", "--json").out.splitlines()
    assert [json.loads(line)["log_index"] for line in told] == [7, 8]
    assert json.loads(told[0])["data"] == {"reason": "\x1b[2J"}
    (line,) = cli("audit", "tail", "--from", "8").out.splitlines()
    assert line.startswith("8 2025-01-02 12:00:00Z order-1 v2 order.placed by user 1 via api {")
    assert "\x1b" not in line


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
        ((), {}),
        (("--as-of", "7"), {"index": 7}),
        (("--as-of", "checkpoint:7"), {"checkpoint": "7"}),
        (
            ("--as-of", "2025-01-02T13:00:00+01:00", "--by", "occurred"),
            {"at": datetime(2025, 1, 2, 12, tzinfo=UTC), "by_occurred": True},
        ),
        (("--no-snapshot",), {"snapshots": False}),
    ],
)
def test_a_replay_is_as_of_an_instant_or_an_index(
    cli: Terminal, words: tuple[str, ...], asked: dict[str, object]
) -> None:
    told = cli("audit", "replay", *words, "--json")
    assert told.code == 0
    assert cli.doors.audit.cuts == [{"by_occurred": False, "snapshots": True} | asked]
    assert cli.doors.audit.with_snapshots == [asked.get("snapshots", True)]
    assert told.json["cut"]["root"] == ROOT
    assert told.json["fingerprint"] in cli("audit", "replay", *words).out


def test_a_replay_is_as_of_a_signed_checkpoint(cli: Terminal, tmp_path: Path) -> None:
    note = tmp_path / "checkpoint"
    note.write_text("a note\n")
    assert cli("audit", "replay", "--as-of", str(note)).code == 0
    assert cli.doors.audit.cuts[0]["checkpoint"] == "a note\n"


@pytest.mark.parametrize(
    "words",
    [
        ("--as-of", "yesterday"),
        ("--as-of", "checkpoint:x"),
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
    order = OrderView.of(an_order())
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
        log_index=2,
        inclusion=Inclusion(checkpoint=600, root=ROOT, hashes=10, proven=True),
    )
    effect = Effect(
        handler="market", event="e3", status="parked", attempts=3, detail="OSError: away", at=NOON
    )
    cli.doors.audit.explanation = OrderExplanation(
        order=order,
        decision={"reason": "RSI crossed", "rules": {"was_below": True}, "order": None},
        events=(event,),
        ledger=({"account": "cash", "amount": "-1", "currency": "USD", "event": "e3"},),
        inputs={"reference": "100", "checks": [{"code": "A", "limit": "9", "value": "8"}]},
        effects=(effect,),
    )
    told = cli("audit", "explain", ORDER_ID)
    assert told.code == 0
    said = [line.lstrip("│├└─ ") for line in told.out.splitlines()]
    assert said[0].startswith(f"order {ORDER_ID}: ")
    assert "reason: RSI crossed" in said
    assert "was_below: True" in said
    assert "reference price 100" in said
    assert "A: limit 9, value 8" in said
    assert "command c by operator root via cli" in said
    assert "#2 2025-01-02 12:00:00Z OrderPlaced v1" in said
    assert "market: parked, 3 attempts, OSError: away" in said
    assert "in the checkpoint of size 600, proven by 10 hashes" in said
    assert "status: placed" in said
    assert "cash -1 USD" in said
    document = cli("audit", "explain", ORDER_ID, "--json").json
    assert document["events"][0]["changes"] == {"status": "placed"}
