"""`traderbot backtest`, as somebody at a keyboard without a network sees it."""

from __future__ import annotations

from decimal import Decimal

from tests.e2e.cli.conftest import Installation

_HANGING = '''
from traderbot.strategies import BaseStrategy


class Breaks(BaseStrategy):
    """Breaks on the tenth bar."""

    name = "BREAKS"
    description = "Breaks on the tenth bar."
    window = 50

    def execute(self, ticker_data, context):
        if len(ticker_data["closes"]) == 10:
            raise ValueError("ten is too many")
        return {"signal": "HOLD", "confidence": 0.0, "reason": "waiting"}
'''


def test_a_backtest_on_shipped_bars_with_report_and_log(installation: Installation) -> None:
    words = ("backtest", "run", "RSI_CROSS", "--quantity", "10", "--out", "report", "--log", "a.db")
    told = installation(*words)
    assert told.code == 0, told.err
    assert "30 closed, 19 won" in told.out
    page = (installation.folder / "report" / "report.html").read_text()
    assert "RSI_CROSS on IBM" in page
    verified = installation("audit", "verify", "--database", "a.db", "--json")
    assert (verified.code, verified.json["ok"]) == (0, True)
    # The log has one decision for every bar.
    decided = installation("audit", "diff", "--database", "a.db", "--json")
    assert decided.json["differences"] == []


def test_it_is_remembered_by_its_run_id(installation: Installation) -> None:
    ran = installation("backtest", "run", "RSI_CROSS", "--quantity", "10", "--json").json
    again = installation("backtest", "run", "RSI_CROSS", "--quantity", "10", "--json").json
    assert ran == again
    (listed,) = installation("backtest", "list", "--json").json["items"]
    assert listed["run_id"] == ran["run_id"]
    shown = installation("backtest", "show", ran["run_id"][:8], "--json").json
    assert shown["trades"] == ran["trades"]
    assert shown["trade_count"] == len(shown["trades"]) == 30
    assert shown["statistics"]["max_drawdown"] > 0
    profits = sum((Decimal(it["profit"]) for it in shown["trades"]), Decimal(0))
    assert Decimal(shown["profit"]) == profits


def test_parameters_and_terms_reach_the_run(installation: Installation) -> None:
    words = ("--set", "rsi_period=5", "--share", "0.5", "--stop-loss", "0.03", "--fee-bps", "0")
    ran = installation("backtest", "run", "RSI_CROSS", *words, "--bars", "GOOG", "--json").json
    assert ran["traders"][0]["parameters"]["rsi_period"] == "5"
    assert ran["fees"] == "0 USD"
    assert ran["trade_count"] > 30


def test_several_series_share_the_cash(installation: Installation) -> None:
    words = ("--bars", "IBM", "--bars", "GOOG", "--limits", "paper", "--at-end", "close")
    ran = installation("backtest", "run", "RSI_CROSS", *words, "--json").json
    assert [it["symbol"] for it in ran["traders"]] == ["IBM", "GOOG"]
    assert ran["open"] == {}


def test_a_strategy_that_breaks_is_told_and_the_exit_code_says_no(
    installation: Installation,
) -> None:
    (installation.folder / "mine").mkdir()
    (installation.folder / "mine" / "breaks.py").write_text(_HANGING)
    told = installation.process("backtest", "run", "BREAKS", "--strategies", "mine")
    assert told.code == 1
    assert "stopped: BREAKS on IBM: ValueError: ten is too many" in told.out


def test_stored_bars_are_traded_and_a_span_of_them(installation: Installation) -> None:
    installation.begin()
    whole = installation("backtest", "run", "RSI_CROSS", "--stored", "IBM", "--json").json
    assert whole["bars"] == 3270
    words = ("--stored", "IBM", "--since", "2005-01-01", "--until", "2006-01-01")
    year = installation("backtest", "run", "RSI_CROSS", *words, "--json").json
    assert year["bars"] == 252
    told = installation("backtest", "run", "RSI_CROSS", "--stored", "MSFT")
    assert told.code != 0
    assert "MSFT 1d" in told.err


def test_a_strategy_is_named_by_its_file_as_well(installation: Installation) -> None:
    written = installation("strategy", "new", "of_my_own", "--json").json
    words = ("backtest", "run", written["strategy"], "--share", "0.5", "--json")
    told = installation.process(*words)  # of its own: what is loaded there stays there
    assert told.code == 0, told.err
    assert told.json["traders"][0]["strategy"] == "OF_MY_OWN"
    absent = installation("backtest", "run", "absent.py")
    assert "traderbot strategy new" in absent.err


def test_what_cannot_be_run_is_said_with_the_next_step(installation: Installation) -> None:
    wrong = {
        ("--set", "rsi_period"): "--set takes NAME=VALUE",
        ("--quantity", "1", "--share", "0.5"): "says how much is bought",
        ("--risk", "0.01"): "needs stop_loss",
        ("--bars", "absent.csv"): "there is no file absent.csv",
        ("--quantity", "ten"): "not a plain decimal number",
        ("--cash", "100000 EUR"): "there is no cash in USD",
        ("--since", "yesterday"): "--since takes a day or an instant",
        ("--since", "2030-01-01"): "at least 2 bars",
    }
    for words, reason in wrong.items():
        told = installation("backtest", "run", "RSI_CROSS", *words)
        assert told.code in {1, 2}, (words, told)  # 2: the words themselves make no sense
        assert reason in told.err
    assert "traderbot backtest list" in installation("backtest", "show", "0123").err


def test_a_log_is_never_written_over_something(installation: Installation) -> None:
    (installation.folder / "a.db").write_text("mine")
    told = installation("backtest", "run", "RSI_CROSS", "--log", "a.db")
    assert told.code == 1
    assert (installation.folder / "a.db").read_text() == "mine"
    assert "there already" in told.err
