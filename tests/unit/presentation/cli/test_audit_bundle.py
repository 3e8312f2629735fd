"""Bundles and proofs by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import ORDER_ID
from tests.unit.presentation.cli.fakes import ROOT, Terminal

EVENT_ID = "0192f0c1-0000-7000-8000-000000000009"


def test_an_export_says_what_it_holds_and_how_to_check_it(cli: Terminal, tmp_path: Path) -> None:
    folder = str(tmp_path / "bundle")
    told = cli("audit", "export", folder)
    assert told.code == 0
    assert ROOT in told.out
    assert "example.org/log+01234567+AQ==" in told.out
    assert told.err == f"check it with: python {folder}/verify.py {folder}\n"
    assert cli("audit", "export", folder, "--json").json["anchors"] == 2


def test_an_export_says_what_it_does_not_hold(cli: Terminal) -> None:
    cli.doors.bundles.unsealed = 3
    told = cli("audit", "export", "bundle", "--json")
    assert told.json["unsealed"] == 3
    assert "3 newer events are under no checkpoint" in told.err
    assert "traderbot audit anchor" in told.err
    assert "3 checkpoints were published with another key" in told.err


def test_a_proof_is_printed_as_it_is(cli: Terminal) -> None:
    cli.doors.bundles.order = ORDER_ID
    told = cli("audit", "prove", ORDER_ID.upper())
    assert (told.code, told.out, told.err) == (0, "{}\n\nthe proof\n\nthe note\n", "")
    document = cli("audit", "prove", ORDER_ID, "--json").json
    assert (document["text"], document["index"]) == (told.out, 5)


def test_what_is_no_order_may_be_an_event(cli: Terminal) -> None:
    cli.doors.bundles.event = EVENT_ID
    assert cli("audit", "prove", EVENT_ID).code == 0
    assert cli.doors.bundles.asked == [("order", None), ("event", None)]


def test_a_proof_goes_into_a_new_file(cli: Terminal, tmp_path: Path) -> None:
    cli.doors.bundles.order = ORDER_ID
    path = tmp_path / "order.proof"
    told = cli("audit", "prove", ORDER_ID, "--out", str(path))
    assert told.out == (
        f"order-{ORDER_ID} v1 to v3, the last at index 5 of 7 events, root {ROOT}\n"
    )
    assert path.read_bytes() == b"{}\n\nthe proof\n\nthe note\n"
    path.write_text("mine")
    again = cli("audit", "prove", ORDER_ID, "--out", str(path))
    assert (again.code, path.read_text()) == (2, "mine")


def test_a_proof_says_what_it_leaves_out(cli: Terminal) -> None:
    cli.doors.bundles.order = ORDER_ID
    cli.doors.bundles.left_out = 2
    told = cli("audit", "prove", ORDER_ID)
    assert "2 newer events are under no checkpoint" in told.err


@pytest.mark.parametrize(("given", "code"), [(ORDER_ID, 1), ("nothing", 2)])
def test_what_is_not_there_is_not_proved(cli: Terminal, given: str, code: int) -> None:
    assert cli("audit", "prove", given).code == code
