"""`traderbot risk …`: the switch on the host, with the database and without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import IO

import pytest

from tests.e2e.cli.conftest import Installation

ORDER = ("order", "place", "buy", "1", "IBM", "--limit-price", "10")


def placed(installation: Installation, number: int) -> str:
    """Return the code an order is refused with, or its status."""
    found = installation(*ORDER, "--key", f"{number}", "--json").json
    reasons = found["reasons"]
    return str(reasons[0]["code"] if reasons else found["status"])


def test_halt_resume_and_what_is_told_of_it(installation: Installation) -> None:
    installation.begin()
    assert placed(installation, 1) == "approved"
    halted = installation("risk", "halt", "system", "--reason", "no sense", "--json")
    assert (halted.code, halted.json["state"], halted.json["recorded"]) == (0, "halted", True)
    assert [each["outcome"] for each in halted.json["orders"]] == ["canceled"]
    assert not (installation.folder / "data" / "HALT").exists(), "the log has it now"
    assert placed(installation, 2) == "TRADING_HALTED"
    told = installation("risk", "status")
    assert told.code == 1
    assert "no sense" in told.out
    assert installation("risk", "resume", "system", "--reason", "right again").code == 0
    assert placed(installation, 3) == "approved"
    assert installation("risk", "status").code == 0
    assert installation("audit", "verify").code == 0
    assert installation("audit", "diff").code == 0


def test_the_file_alone_halts(installation: Installation) -> None:
    installation.begin()
    (installation.folder / "data" / "HALT").touch()
    assert placed(installation, 1) == "TRADING_HALTED"
    told = installation("risk", "status", "--json")
    assert (told.code, told.json["state"]) == (1, "halted")
    assert installation("risk", "resume", "system", "--reason", "it was me").code == 0
    assert not (installation.folder / "data" / "HALT").exists()
    assert placed(installation, 2) == "approved"


def test_without_a_database_the_system_is_halted_all_the_same(installation: Installation) -> None:
    installation.begin()
    hidden = installation.database.with_suffix(".away")
    installation.database.rename(hidden)
    told = installation("risk", "halt", "system", "--reason", "the disk is gone", "--json")
    assert (told.code, told.json["recorded"]) == (1, False)
    assert (installation.folder / "data" / "HALT").exists()
    assert installation("risk", "halt", "venue-paper", "--reason", "x").code == 2
    hidden.rename(installation.database)
    assert placed(installation, 1) == "TRADING_HALTED"


def test_limits_are_shown_changed_and_told_for_an_order(installation: Installation) -> None:
    installation.begin()
    changing = ("risk", "limits", "system", "--set", "order_notional_max=5")
    assert installation(*changing).code == 2  # nobody said why
    assert installation(*changing, "--reason", "tiny").code == 0
    refused = installation(*ORDER, "--json")
    assert [each["code"] for each in refused.json["reasons"]] == ["ORDER_NOTIONAL_MAX"]
    then = installation("risk", "limits", "--order", refused.json["order_id"], "--json").json
    assert (then["limits"]["order_notional_max"], then["limits_version"]) == (
        "5",
        "settings+system@1",
    )
    back = ("risk", "limits", "--set", "order_notional_max=", "--reason", "as it was")
    assert (
        installation(*back, "--minutes", "5", "--json").json["limits"]["order_notional_max"]
        == "10000"
    )
    wrong = ("risk", "limits", "--set", "order_notional_absolute=1", "--reason", "x")
    assert installation(*wrong).code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("halt", "system"),
        ("halt", "planet", "--reason", "x"),
        ("resume", "portfolio-1", "--reason", "x"),
        ("limits", "--set", "nonsense", "--reason", "x"),
        ("limits", "--reason", "x"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_told_apart(installation: Installation, words: tuple[str, ...]) -> None:
    installation.begin()
    told = installation("risk", *words)
    assert (told.code, told.out) == (2, "")
    assert "Traceback" not in told.err


def test_a_signal_to_the_server_halts(installation: Installation) -> None:
    installation.begin()
    with subprocess.Popen(
        [sys.executable, "-m", "traderbot", "serve", "--port", "0", "--json"],
        cwd=installation.folder,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            _line(server.stdout)
            assert placed(installation, 1) == "approved"
            server.send_signal(signal.SIGUSR1)
            deadline = time.monotonic() + 5
            while not (installation.folder / "data" / "HALT").exists():
                assert time.monotonic() < deadline
            assert placed(installation, 2) == "TRADING_HALTED"
            assert server.poll() is None, "the server goes on serving"
        finally:
            server.terminate()
            server.communicate(timeout=30)
    assert server.returncode == 0


def _line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()
