"""Every verb, with --json, answers with exactly one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli.conftest import PASSWORD, Installation
from traderbot.presentation.cli.reference import every_verb

_BARS = "date,open,high,low,close,volume\n2025-01-02,10,12,9,11,100\n2025-01-03,11,12,9,10,100\n"
# A fork at the end of nothing: the whole history, with nothing changed.
_QUESTION = '{"from": 0, "change": {}}'
# What stands behind the verb, and how it ends.
_WORDS: dict[str, tuple[list[str], int]] = {
    "init": ([], 0),
    "doctor": ([], 0),
    "config show": ([], 0),
    "config check": ([], 0),
    "db upgrade": ([], 0),
    "db current": ([], 0),
    "db check": ([], 0),
    "user add": (["bob@example.com", "--password-stdin"], 0),
    "user list": ([], 0),
    "user deactivate": (["bob@example.com"], 0),
    "keys generate": ([], 0),
    "keys rotate": ([], 0),
    "keys forget": (["0f1e2d3c4b5a6978"], 0),
    "data import": (["bars.csv", "--symbol", "ACME", "--timeframe", "1d"], 0),
    "data list": ([], 0),
    "data resample": (["ACME", "1d", "1w"], 0),
    # All of it is stored already, so nobody is asked.
    "data download": (
        [
            *("ACME", "--from", "ccxt:binance", "--timeframe", "1d"),
            *("--since", "2025-01-02", "--until", "2025-01-04"),
        ],
        0,
    ),
    "data check": (["ACME", "1d"], 0),
    "strategy list": ([], 0),
    "strategy show": (["RSI_CROSS"], 0),
    "strategy new": (["mine"], 0),
    "strategy check": (["RSI_CROSS", "--last", "100"], 0),
    "backtest run": (["RSI_CROSS", "--quantity", "1"], 0),
    "backtest list": ([], 0),
    "order place": (["buy", "1", "IBM"], 0),
    "order cancel": (["{order}"], 0),
    "order list": ([], 0),
    "order show": (["{order}"], 0),
    "portfolio create": (["second"], 0),
    "portfolio deposit": (["1", "USD", "--portfolio", "{portfolio}"], 0),
    "portfolio withdraw": (["1", "USD", "--portfolio", "{portfolio}"], 0),
    "portfolio show": (["{portfolio}"], 0),
    "portfolio list": ([], 0),
    "portfolio rebalance": (["--target", "IBM=0.05", "--portfolio", "{portfolio}"], 0),
    "risk status": ([], 0),
    "risk limits": ([], 0),
    "risk halt": (["system", "--reason", "a drill"], 0),
    "risk resume": (["system", "--reason", "it was a drill"], 0),
    "sweep run": (["RSI_CROSS", "--set", "rsi_period=5,7", "--quantity", "1"], 0),
    "sweep list": ([], 0),
    "research walk-forward": (["RSI_CROSS", "--set", "rsi_period=5,7", "--quantity", "1"], 0),
    "research monte-carlo": (["RSI_CROSS", "--quantity", "1", "--runs", "10"], 0),
    "research significance": (["RSI_CROSS", "--quantity", "1", "--runs", "10"], 0),
    "research overfitting": (["RSI_CROSS", "--set", "rsi_period=5,7", "--quantity", "1"], 0),
    "bench warm": ([], 0),
    "bench indicators": (["--bars", "10000"], 0),
    "bot start": (["RSI_CROSS", "IBM", "--portfolio", "{portfolio}"], 0),
    "bot list": ([], 0),
    "bot ledger": (["--portfolio", "{portfolio}"], 0),
    "audit verify": ([], 0),
    "audit replay": ([], 0),
    "audit diff": ([], 0),
    "audit explain": (["{order}"], 0),
    "audit rebuild": ([], 0),
    "audit anchor": ([], 0),
    "audit export": (["bundle"], 0),
    "audit prove": (["{order}"], 0),
    "audit correct": (["{portfolio}", "1.50", "USD", "--reason", "a fee was booked twice"], 0),
    "audit what-if": (["question.json"], 0),
    "audit epoch new": (["--reason", "a test of what it says"], 0),
    "events status": ([], 0),
    "events parked list": ([], 0),
    "db prune": (["--idempotency-days", "30"], 0),
    "openapi": ([], 0),
    "version": ([], 0),
}


# Programs that run until they are told to stop, one that answers line by line, and verbs about what
# no other verb can make: a bot, a parked event, a subscription that ran. Each has tests of its own.
_ELSEWHERE = {
    *("bot stop", "bot pause", "bot resume", "bot change", "bot status", "bot replay"),
    "audit parity",
    *("demo", "serve", "worker", "audit tail", "audit why-not"),
    *("events parked show", "events parked retry", "events parked discard", "events resume"),
    *("events reset", "order amend", "backtest show", "sweep show"),
}


def test_no_verb_is_forgotten() -> None:
    assert set(_WORDS) | _ELSEWHERE == {" ".join(words) for words, _ in every_verb()}


def test_every_verb_answers_with_one_document(installation: Installation) -> None:
    installation.begin()
    (installation.folder / "bars.csv").write_text(_BARS)
    (installation.folder / "question.json").write_text(_QUESTION)
    known = {
        "{order}": installation("order", "place", "buy", "2", "IBM", "--json").json["order_id"],
        "{portfolio}": installation("portfolio", "show", "--json").json["portfolio_id"],
    }
    wrong = {}
    for verb, (words, code) in _WORDS.items():
        given = [known.get(word, word) for word in words]
        told = installation(*verb.split(), *given, "--json", stdin=f"{PASSWORD}\n")
        if told.code != code or not isinstance(told.json, dict) or "success" in told.json:
            wrong[verb] = (told.code, told.err)
    assert wrong == {}


# They make a database, or do without: a halt has to be possible when the database is gone.
_WITHOUT = {"init", "user add", "risk halt"}


@pytest.mark.parametrize("verb", sorted(_WORDS.keys() - _WITHOUT))
def test_every_verb_that_opens_a_database_says_when_there_is_none(
    installation: Installation, verb: str
) -> None:
    words = [
        word if "{" not in word else "0192f0c1-0000-7000-8000-000000000003"
        for word in _WORDS[verb][0]
    ]
    (installation.folder / "bars.csv").write_text(_BARS)
    (installation.folder / "question.json").write_text(_QUESTION)
    told = installation(*verb.split(), *words, "--json", "--database", "missing/x.db")
    opens = "database" in {
        each.key
        for words, found in every_verb()
        if " ".join(words) == verb
        for each in found.parameters
    }
    if not opens:
        assert told.json["error"]["code"] == "USAGE"
    elif verb == "doctor":
        assert told.json["ok"] is False
        assert told.code == 1
    elif verb == "db upgrade":
        assert told.code == 0
    else:
        assert (told.code, told.json["error"]["code"]) == (2, "DATABASE_MISSING")
        assert "traderbot init" in told.err
    assert Path("missing/x.db").exists() == (verb == "db upgrade")
