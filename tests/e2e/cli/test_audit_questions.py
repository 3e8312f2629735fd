"""What an auditor asks beyond `verify`, on the real program: corrections, bots, the log itself."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.builders import NOON, an_observation
from tests.e2e.cli.conftest import Installation
from traderbot.application.commands.bots import DecideOnBar, StartBot
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import symbol

NOBODY = "0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c"


@pytest.fixture
def cli(installation: Installation) -> Installation:
    installation.begin()
    return installation


def _portfolio(cli: Installation) -> str:
    found: str = cli("portfolio", "list", "--json").json["items"][0]["portfolio_id"]
    return found


def _events(cli: Installation, *words: str) -> list[dict[str, Any]]:
    told = cli("audit", "tail", "--json", *words)
    assert told.code == 0, told.err
    return [json.loads(line) for line in told.out.splitlines()]


# --- tail -------------------------------------------------------------------------------------


def test_the_tail_is_the_log_from_an_index_on(cli: Installation) -> None:
    events = _events(cli, "--from", "0")
    assert [it["log_index"] for it in events] == list(range(len(events)))
    assert events[0]["type"] == "user.registered"
    assert _events(cli, "--from", "2") == events[2:]
    assert _events(cli, "--from", "999") == []
    assert cli("audit", "tail").out.splitlines()[0].startswith("0 20")


# --- correct ----------------------------------------------------------------------------------


def test_a_correction_bears_who_and_why(cli: Installation) -> None:
    portfolio = _portfolio(cli)
    deposit = next(it for it in _events(cli) if it["type"] == "portfolio.cash_deposited")
    words = ("--reason", "booked twice", "--corrects", deposit["id"], "--by", "Käthe")
    done = cli("audit", "correct", portfolio, "-1.50", "USD", *words)
    assert done.code == 0, done.err
    assert "99998.5 USD" in done.out
    newest = _events(cli)[-1]
    assert newest["type"] == "portfolio.cash_corrected"
    assert newest["actor"] == "operator Käthe via cli"
    assert newest["data"] == {
        "amount": {"amount": "-1.5", "currency": "USD"},
        "corrects": deposit["id"],
        "portfolio_id": portfolio,
        "reason": "booked twice",
    }
    assert deposit in _events(cli)  # it stays
    assert cli("audit", "diff").code == 0
    assert cli("audit", "verify").code == 0


def test_a_correction_asked_twice_with_one_key_is_made_once(cli: Installation) -> None:
    words = ("audit", "correct", _portfolio(cli), "7", "USD", "--reason", "x", "--key", "k")
    first, second = cli(*words, "--json"), cli(*words, "--json")
    assert first.json == second.json
    assert len([it for it in _events(cli) if it["type"] == "portfolio.cash_corrected"]) == 1


@pytest.mark.parametrize(
    ("portfolio", "words", "code", "said"),
    [
        (None, ("-100000.01", "USD", "--reason", "x"), 1, "100000 USD free: cancel orders"),
        (None, ("0", "USD", "--reason", "x"), 2, "nothing"),
        (None, ("much", "USD", "--reason", "x"), 2, "much"),
        (None, ("1", "USD", "--reason", " "), 2, "a reason is 1 to 500"),
        (None, ("1", "USD"), 2, "--reason"),
        (None, ("1", "USD", "--reason", "x", "--corrects", NOBODY), 1, "no event"),
        (None, ("1", "USD", "--reason", "x", "--corrects", "it"), 2, "it"),
        (None, ("1", "USD", "--reason", "x", "--by", ""), 2, "a name is"),
        (NOBODY, ("1", "USD", "--reason", "x"), 1, "no portfolio"),
    ],
)
def test_a_correction_that_cannot_be_made_says_why_and_changes_nothing(
    cli: Installation, portfolio: str | None, words: tuple[str, ...], code: int, said: str
) -> None:
    before = _events(cli, "--from", "0")
    refused = cli("audit", "correct", portfolio or _portfolio(cli), *words)
    assert (refused.code, said in refused.err) == (code, True), refused.err
    assert _events(cli, "--from", "0") == before


def test_a_correction_names_an_event_of_its_portfolio(cli: Installation) -> None:
    user = next(it for it in _events(cli, "--from", "0") if it["type"] == "user.registered")
    words = ("--reason", "x", "--corrects", user["id"])
    refused = cli("audit", "correct", _portfolio(cli), "1", "USD", *words)
    assert refused.code == 2
    assert "not about portfolio" in refused.err


# --- why-not ----------------------------------------------------------------------------------


def _bot(cli: Installation) -> str:
    portfolio = cli("portfolio", "list", "--json").json["items"][0]
    with Traderbot.open(str(cli.database)) as bot:
        start = StartBot(
            owner_id=UserId(portfolio["owner_id"]),
            portfolio_id=PortfolioId(portfolio["portfolio_id"]),
            strategy="RSI_CROSS",
            parameters={},
            symbol=symbol("IBM"),
            timeframe=Timeframe.D1,
            allocation=Decimal("0.1"),
        )
        run = BotRunId(bot.run(start).bot_run_id)
        bot.run(DecideOnBar(bot_run_id=run, seen=an_observation(signal="SELL")))
    return run


def test_why_a_bot_placed_no_order(cli: Installation) -> None:
    run = _bot(cli)
    told = cli("audit", "why-not", run, "--at", "2025-01-02T12:00:00Z")
    assert told.code == 0, told.err
    said = [line.lstrip("│├└─ ") for line in told.out.splitlines()]
    assert said[0] == f"bot {run}: RSI_CROSS on IBM 1d"
    assert said[1].endswith("NO_POSITION: it said SELL, and it holds nothing to sell")
    assert "oversold: True" in said
    assert "no decision before it" in said
    document = cli("audit", "why-not", run, "--at", NOON.isoformat(), "--json").json
    assert (document["code"], document["decision"]["blocking_code"]) == ("NO_POSITION",) * 2


@pytest.mark.parametrize(
    ("bot", "at", "code"),
    [
        (NOBODY, "2025-01-02T12:00:00Z", 1),
        ("bot", "2025-01-02T12:00:00Z", 2),
        (NOBODY, "2025-01-02T12:00:00", 2),
        (NOBODY, "noon", 2),
    ],
)
def test_a_bot_or_a_time_that_is_none_is_refused(
    cli: Installation, bot: str, at: str, code: int
) -> None:
    assert cli("audit", "why-not", bot, "--at", at).code == code


# --- as of, and from where ----------------------------------------------------------------


def test_a_state_as_of_a_checkpoint_and_a_log_verified_from_there(
    cli: Installation, tmp_path: Path
) -> None:
    sealed = cli("audit", "anchor", "--json")
    assert sealed.code == 0, sealed.err
    size, note = sealed.json["size"], tmp_path / "checkpoint"
    note.write_text(sealed.json["checkpoint"], encoding="utf-8")
    cli("portfolio", "deposit", "5", "USD")
    for words in (f"checkpoint:{size}", str(note), str(size)):
        then = cli("audit", "replay", "--as-of", words, "--json").json
        assert (then["cut"]["size"], then["cut"]["checkpoint"]) == (size, size)
        assert then["portfolios"][0]["balances"][0]["free"] == "100000"
    assert cli("audit", "replay", "--as-of", "checkpoint:999").code == 1
    key = sealed.json["key"]
    since = cli("audit", "verify", "--since", str(note), "--key", key, "--json")
    assert since.code == 0, since.out
    assert (since.json["start"], since.json["events"]) == (size, 1)
    assert cli("audit", "verify", "--from", str(size), "--json").json["start"] == size
    assert cli("audit", "verify", "--from", str(size + 1)).code == 2
    assert cli("audit", "verify", "--since", str(note), "--key", "no key").code == 2
    assert cli("audit", "verify", "--anchors", str(tmp_path / "none")).code == 2
