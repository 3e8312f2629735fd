"""Sealing by the command line."""

from __future__ import annotations

import pytest

from tests.unit.presentation.cli.fakes import ROOT, Terminal


def test_what_is_sealed_is_told_with_its_note(cli: Terminal) -> None:
    told = cli("audit", "anchor", "--json")
    assert told.code == 0
    assert (told.json["sealed"], told.json["size"], told.json["root"]) == (2, 7, ROOT)
    shown = cli("audit", "anchor").out
    assert "7 events, in /d/anchors.jsonl" in shown
    assert "— log signature" in shown


def test_the_worker_says_what_it_seals_and_ends(cli: Terminal) -> None:
    told = cli("worker", "--json")
    assert (told.code, told.json) == (
        0,
        {"database": "sqlite:////d/t", "anchors": "/d/t.anchors.jsonl"},
    )
    assert "sealing the log of sqlite:////d/t" in cli("worker").out


def test_a_new_epoch_is_recorded_before_it_is_started(desk_cli: Terminal) -> None:
    cli = desk_cli
    told = cli("audit", "epoch", "new", "--reason", " restored from last night ", "--json")
    assert told.code == 0, told.err
    assert (told.json["before"]["size"], told.json["before"]["published_size"]) == (5, 9)
    ((epoch, reason),) = cli.doors.sealing.started
    assert (epoch.epoch, reason) == (2, "restored from last night")
    assert [each.actor.via for each in cli.doors.origins] == ["cli"]
    assert cli("audit", "epoch", "new", "--reason", "asked twice").code == 0
    assert cli("audit", "epoch", "new", "--reason", " ").code == 2
    assert len(cli.doors.sealing.started) == 2


def test_a_new_epoch_needs_a_reason(cli: Terminal) -> None:
    told = cli("audit", "epoch", "new")
    assert (told.code, told.out) == (2, "")
    assert "--reason" in told.err
    assert cli.doors.sealing.started == []


@pytest.mark.parametrize("words", [("epoch",), ("epoch", "--help")])
def test_half_a_verb_is_met_with_the_other_half(cli: Terminal, words: tuple[str, ...]) -> None:
    told = cli("audit", *words)
    assert "new" in told.out + told.err
    assert told.code == (0 if "--help" in words else 2)
