"""What becomes of an error."""

from __future__ import annotations

import pytest

from tests.unit.presentation.cli.fakes import Terminal
from traderbot.application.errors import (
    ClosedError,
    DatabaseUnavailableError,
    NotFoundError,
    OverloadedError,
)
from traderbot.domain.portfolio.errors import InsufficientFundsError
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError, TraderbotError


class _OddError(TraderbotError):
    code = "ODD"

    def __init__(self) -> None:
        super().__init__("odd")
        self.line = 7
        self._secret = "kept"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("order", "x"), 1),
        (InsufficientFundsError("more than is free"), 1),
        (InvalidValueError("not a number"), 2),
        (DatabaseUnavailableError("away"), 2),
        (OverloadedError("busy"), 2),
        (ClosedError("closed"), 2),
        (CorruptHistoryError("twice"), 2),
        (FileNotFoundError(2, "No such file", "x.csv"), 2),
        (ZeroDivisionError("a fault"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_tells_no_from_could_not_run(
    cli: Terminal, error: BaseException, code: int
) -> None:
    cli.doors.failure = error
    assert cli("user", "list").code == code


def test_an_error_is_a_sentence_with_the_next_step(cli: Terminal) -> None:
    cli.doors.failure = NotFoundError("order", "x")
    told = cli("user", "list")
    assert told.out == ""
    assert told.err == (
        "traderbot: there is no order x; "
        "the `list` or `status` verb of the same noun shows what there is\n"
    )


def test_an_error_in_json_is_the_envelope_of_the_api(cli: Terminal) -> None:
    cli.doors.failure = _OddError()
    told = cli("user", "list", "--json")
    assert set(told.json) == {"success", "error"}
    assert told.json["success"] is False
    error = told.json["error"]
    assert set(error) == {"code", "message", "timestamp", "details"}
    assert (error["code"], error["message"], error["details"]) == ("ODD", "odd", {"line": 7})
    assert error["timestamp"].endswith("Z")


def test_a_fault_shows_no_traceback_unless_asked_for(cli: Terminal) -> None:
    cli.doors.failure = ZeroDivisionError("a fault")
    told, debugged = cli("user", "list", "--json"), cli("user", "list", "--debug")
    assert told.json["error"]["code"] == "INTERNAL_ERROR"
    assert "Traceback" not in told.err
    assert "--debug" in told.err
    assert "Traceback" in debugged.err


def test_an_error_cannot_steer_the_terminal(cli: Terminal) -> None:
    cli.doors.failure = NotFoundError("order", "\x1b[2J\u202e")
    told = cli("user", "list")
    assert r"\x1b[2J\u202e" in told.err


def test_a_word_after_two_dashes_is_no_option(cli: Terminal) -> None:
    told = cli("user", "deactivate", "--", "--json")
    assert not told.out
