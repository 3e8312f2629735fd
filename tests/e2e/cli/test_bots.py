"""Bots as a new user runs them: replayed offline, compared with their backtest, and live."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.cli.conftest import PASSWORD, Installation
from traderbot.domain.strategies.registry import StrategyRegistry

_REPLAY = ("bot", "start", "RSI_CROSS", "IBM", "--timeframe", "1d", "--feed", "replay")


@contextmanager
def serving(installation: Installation) -> Iterator[subprocess.Popen[str]]:
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
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def test_a_replay_is_what_a_backtest_does(installation: Installation) -> None:
    installation.begin()
    run = installation(*_REPLAY, "--since", "2011-01-01T00:00Z", "--json").json
    assert (run["status"], run["feed"]) == ("stopped", "replay")
    assert run["decisions"] > 500
    found = installation("audit", "parity", run["bot_run_id"], "--json")
    assert found.code == 0, found.out
    assert (found.json["equal"], found.json["difference"]) == (True, "0")
    assert found.json["orders"] > 0
    people = installation("audit", "parity", run["bot_run_id"])
    assert "equal" in people.out
    for verb in ("verify", "diff"):
        assert installation("audit", verb).code == 0


def test_a_replay_that_lost_its_bars_or_meets_others_says_so(installation: Installation) -> None:
    installation.begin()
    nothing = installation("bot", "start", "RSI_CROSS", "ACME", "--feed", "replay")
    assert nothing.code == 2
    assert "data import" in nothing.err
    live = installation("bot", "start", "RSI_CROSS", "IBM", "--json").json
    refused = installation(*_REPLAY)
    assert refused.code != 0
    assert live["bot_run_id"] in refused.err
    assert "a portfolio of its own" in refused.err


def test_a_bot_is_paused_changed_and_stopped(installation: Installation) -> None:
    installation.begin()
    started = installation("bot", "start", "RSI_CROSS", "IBM", "--set", "oversold=25", "--json")
    run = started.json
    assert (run["status"], run["parameters"]["oversold"]) == ("running", "25")
    id_ = run["bot_run_id"]

    def asked(*words: str) -> dict[str, Any]:
        answer: dict[str, Any] = installation("bot", *words, "--json").json
        return answer

    assert asked("pause", id_, "--reason", "the news")["reason"] == "the news"
    assert asked("status", id_)["status"] == "paused"
    assert asked("resume", id_)["status"] == "running"
    changed = asked("change", id_, "--set", "oversold=20")["parameters"]
    assert (changed["oversold"], changed["overbought"]) == ("20", "70")
    assert [it["bot_run_id"] for it in asked("list")["items"]] == [id_]
    assert asked("stop", id_)["status"] == "stopped"
    assert asked("stop", id_)["status"] == "stopped"
    assert asked("resume", id_)["error"]["code"] == "BOT_STOPPED"
    assert asked("replay", id_)["error"]["code"] == "USAGE"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--allocation", "2"), "--allocation"),
        (("--allocation", "nan"), "--allocation"),
        (("--set", "oversold"), "NAME=VALUE"),
        (("--set", "a=1", "--set", "a=2"), "twice"),
        (("--speed", "0"), "--speed"),
        (("--feed", "replay", "--since", "yesterday"), "--since"),
        (("--set", "oversold=nonsense"), "oversold"),
    ],
)
def test_what_is_wrong_is_named(
    installation: Installation, words: tuple[str, ...], said: str
) -> None:
    installation.begin()
    told = installation("bot", "start", "RSI_CROSS", "IBM", *words)
    assert told.code != 0
    assert said in told.err
    assert installation("bot", "list", "--json").json["items"] == []


def test_anothers_bot_is_unknown(installation: Installation) -> None:
    installation.begin()
    id_ = installation("bot", "start", "RSI_CROSS", "IBM", "--json").json["bot_run_id"]
    added = installation("user", "add", "eve@example.com", "--password-stdin", stdin=PASSWORD)
    assert added.code == 0
    for verb in ("status", "stop", "pause", "resume"):
        told = installation("bot", verb, id_, "--user", "eve@example.com", "--json").json
        assert told["error"]["code"] == "NOT_FOUND"


def test_serve_takes_a_bot_and_an_order_on_paper_over_after_kill_9(
    installation: Installation,
) -> None:
    installation.begin()
    order = installation("order", "place", "buy", "1", "IBM", "--json").json
    assert order["status"] == "approved"

    def now(*words: str) -> dict[str, Any]:
        answer: dict[str, Any] = installation(*words, "--json").json
        return answer

    def status() -> str:
        return str(now("order", "show", order["order_id"])["status"])

    with serving(installation) as process:
        until(lambda: status() == "accepted")
        run = now("bot", "start", "RSI_CROSS", "IBM")["bot_run_id"]
        until(lambda: now("bot", "status", run)["fence"] == 1)
        process.kill()
    with serving(installation):
        until(lambda: now("bot", "status", run)["fence"] == 2)  # ten seconds: it might only sleep
        assert status() == "accepted"
        assert now("order", "cancel", order["order_id"])["status"] == "pending_cancel"
        until(lambda: status() == "canceled")
    story = [it["type"] for it in now("audit", "explain", order["order_id"])["events"]]
    assert "order.submitting" in story
    assert "order.canceled" in story
    assert installation("audit", "verify").code == 0
    assert installation("audit", "diff").code == 0


def test_serve_runs_a_strategy_of_ones_own(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.begin()
    folder = installation.folder / "mine"
    written = installation("strategy", "new", "my_served", "--strategies", str(folder))
    assert written.code == 0, written.err
    refused = installation("bot", "start", "MY_SERVED", "IBM", "--json").json
    assert refused["error"]["code"] == "UNKNOWN_STRATEGY"
    monkeypatch.setenv("TRADERBOT_DATA__STRATEGIES", str(folder))
    started = installation.process("bot", "start", "MY_SERVED", "IBM", "--json")
    run = started.json["bot_run_id"]
    with serving(installation):
        until(lambda: installation("bot", "status", run, "--json").json["fence"] == 1)
        assert installation("bot", "status", run, "--json").json["status"] == "running"
    StrategyRegistry._strategies.pop("MY_SERVED", None)


def test_a_strategy_that_cannot_be_used_keeps_serve_from_starting(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.begin()
    folder = installation.folder / "mine"
    folder.mkdir()
    (folder / "broken.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    monkeypatch.setenv("TRADERBOT_DATA__STRATEGIES", str(folder))
    told = installation.process("serve", "--port", "0")
    assert told.code == 2
    assert "broken.py" in told.err
    assert "line 1" in told.err
