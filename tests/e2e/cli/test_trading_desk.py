"""Orders to venues on this machine, with a worker that is killed on the way: the books agree."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.cli.conftest import Installation
from tests.venues.control import Control, venue_process
from tests.venues.faults import Call, Fault

_PATIENCE = 30.0


@contextmanager
def trading_at(
    venue: str, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Control]:
    """Run a venue's server, and have the program send its orders there."""
    cash = "USDT=100000" if venue == "binance" else "USD=100000"
    section = "CCXT" if venue == "binance" else "ALPACA"
    with venue_process(f"tests.venues.{venue}", installation.folder, "--balance", cash) as control:
        for name, value in {
            "VENUE": venue,
            f"{section}__BASE_URL": control.url,
            f"{section}__KEY": "key",
            f"{section}__SECRET": "secret",
        }.items():
            monkeypatch.setenv(f"TRADERBOT_BROKER__{name}", value)
        yield control


@contextmanager
def worker(installation: Installation) -> Iterator[subprocess.Popen[str]]:
    """Run `traderbot worker` until the block ends."""
    with (
        (installation.folder / "worker.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, "-m", "traderbot", "worker"],
            cwd=installation.folder,
            env=installation.environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), (installation.folder / "worker.log").read_text()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("venue", "code", "name", "price", "quantity", "cash"),
    [
        ("binance", "BTC/USDT", "BTCUSDT", "20000", "0.1", ("1000000", "USDT")),
        ("alpaca", "AAPL", "AAPL", "190", "1", ("1000000", "USD")),
    ],
)
def test_an_order_survives_kill_9_and_its_whole_story_is_told(  # noqa: PLR0917
    venue: str,
    code: str,
    name: str,
    price: str,
    quantity: str,
    cash: tuple[str, str],
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installation.begin()
    assert installation("portfolio", "deposit", *cash).code == 0
    with trading_at(venue, installation, monkeypatch) as control:
        control.price(name, str(int(price) - 1), str(int(price) + 1))
        # The venue takes the order, and its answer never comes: nobody knows.
        control.fail(Fault.LATE, Call.SUBMIT, count=1, seconds=30)
        with worker(installation) as process:
            placed = installation(
                "order", "place", "buy", quantity, code, "--limit-price", price, "--json"
            )
            assert (placed.code, placed.json["status"]) == (0, "approved"), placed
            order = placed.json["order_id"]
            until(control.orders)
            process.kill()
        # Nobody heard the answer; at most a list told of the order just before the end.
        status = installation("order", "show", order, "--json").json["status"]
        assert status in {"submitting", "accepted"}
        control.heal()
        with worker(installation):

            def now() -> dict[str, Any]:
                shown: dict[str, Any] = installation("order", "show", order, "--json").json
                return shown

            until(lambda: now()["status"] == "accepted")
            control.price(name, str(int(price) - 2), str(int(price) - 1))
            until(lambda: now()["status"] == "filled")
        (truth,) = control.orders()
        assert (truth["status"], truth["client_id"]) == ("filled", order.replace("-", ""))
        assert Decimal(now()["average_price"]) == Decimal(truth["trades"][0]["price"])
        story = installation("audit", "explain", order, "--json").json
        told = [it["type"] for it in story["events"] if it["stream"].startswith("order-")]
        assert told[:3] == ["order.placed", "order.approved", "order.submitting"]
        assert "order.venue_answered" in told
        assert told[-1] == "order.filled"
        assert installation("audit", "verify").code == 0


def test_what_is_asked_back_is_canceled_at_the_venue(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.begin()
    assert installation("portfolio", "deposit", "1000000", "USDT").code == 0
    with trading_at("binance", installation, monkeypatch) as control, worker(installation):
        control.price("BTCUSDT", "20000", "20001")
        placed = installation(
            "order", "place", "buy", "0.1", "BTC/USDT", "--limit-price", "19999", "--json"
        )
        order = placed.json["order_id"]
        until(control.orders)
        until(lambda: installation("order", "show", order, "--json").json["status"] == "accepted")
        asked = installation("order", "cancel", order, "--json").json
        assert asked["status"] in {"pending_cancel", "canceled"}
        until(lambda: installation("order", "show", order, "--json").json["status"] == "canceled")
        assert [it["status"] for it in control.orders()] == ["canceled"]


def test_a_halt_lets_nothing_leave_and_takes_back_what_works(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.begin()
    assert installation("portfolio", "deposit", "1000000", "USDT").code == 0
    with trading_at("binance", installation, monkeypatch) as control, worker(installation):
        control.price("BTCUSDT", "20000", "20001")
        buy = ("order", "place", "buy", "0.1", "BTC/USDT", "--json", "--limit-price")
        assert installation(*buy, "19999").json["status"] == "approved"
        until(lambda: [it["status"] for it in control.orders()] == ["new"])
        assert installation("risk", "halt", "system", "--reason", "a drill").code == 0
        until(lambda: [it["status"] for it in control.orders()] == ["canceled"])
        refused = installation(*buy, "19998").json
        assert refused["status"] == "refused"
        assert refused["reasons"][0]["code"] == "TRADING_HALTED"
        assert installation("risk", "resume", "system").code == 2  # it needs a reason
        assert installation("risk", "resume", "system", "--reason", "the drill is over").code == 0
        assert installation(*buy, "19998").json["status"] == "approved"
        until(lambda: len(control.orders()) == 2)
