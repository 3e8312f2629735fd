"""`traderbot risk halt` beside a running `serve`, with orders at a venue on this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.cli.conftest import Installation
from tests.e2e.cli.test_trading_desk import trading_at, until
from tests.venues.control import Control

ROUNDS = 2
ORDERS = 3


@contextmanager
def serving(installation: Installation) -> Iterator[None]:
    """Run `traderbot serve` until the block ends."""
    with (
        (installation.folder / "serve.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, "-m", "traderbot", "serve", "--port", "0"],
            cwd=installation.folder,
            env=installation.environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), (installation.folder / "serve.log").read_text()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def states(control: Control) -> list[str]:
    return [str(it["status"]) for it in control.orders()]


def test_a_halt_stops_everything_within_a_second(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.begin()
    assert installation("portfolio", "deposit", "1000000", "USDT").code == 0
    buy = ("order", "place", "buy", "0.01", "BTC/USDT", "--json", "--limit-price")
    took: list[float] = []
    with trading_at("binance", installation, monkeypatch) as control, serving(installation):
        control.price("BTCUSDT", "20000", "20001")
        for number in range(ROUNDS):
            for offset in range(ORDERS):
                price = str(19990 - number * ORDERS - offset)
                assert installation(*buy, price).json["status"] == "approved"
            until(lambda: states(control).count("new") == ORDERS)
            began = time.monotonic()
            halted = installation("risk", "halt", "system", "--reason", "a drill", "--json")
            answered = time.monotonic() - began
            assert (halted.code, halted.json["recorded"]) == (0, True)
            assert len(halted.json["orders"]) == ORDERS
            at_venue = len(control.orders())
            while "new" in states(control):
                assert time.monotonic() - began < 20, states(control)
                time.sleep(0.01)
            took.append(time.monotonic() - began)
            refused = installation(*buy, "19000").json
            assert refused["reasons"][0]["code"] == "TRADING_HALTED"
            assert len(control.orders()) == at_venue, "nothing is sent behind the halt"
            assert answered < 1
            resumed = installation("risk", "resume", "system", "--reason", "the drill is over")
            assert resumed.code == 0
    # From the command to the last cancel at the venue; one round may meet a machine that is busy.
    assert min(took) < 1, took
