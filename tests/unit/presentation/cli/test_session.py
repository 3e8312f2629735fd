"""Who hears what: the answer on stdout, everything else on stderr."""

from __future__ import annotations

from io import StringIO

import pytest

from tests.unit.presentation.cli.fakes import Terminal


class _Screen(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_and_never_on_stdout(
    cli: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    assert cli("audit", "verify", "--json").json["ok"] is True
    assert "verifying" in screen.getvalue()


def test_without_a_terminal_there_is_no_bar(cli: Terminal) -> None:
    assert cli("audit", "verify").err == ""


def test_an_interrupted_verb_says_so(cli: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    cli.doors.failure = KeyboardInterrupt()
    assert cli("audit", "verify").code == 130
    assert screen.getvalue().endswith("interrupted\n")
