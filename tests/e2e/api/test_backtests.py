"""Backtests over HTTP: on stored bars, each person's own."""

from __future__ import annotations

import pytest

from tests.builders import a_bar
from tests.e2e.api.running import Json, Person, Server, answered, refused
from tests.walks import walk

WISH: Json = {
    "strategy": "RSI_CROSS",
    "parameters": {"rsi_period": "5"},
    "symbols": ["WALK"],
    "timeframe": "1h",
    "cash": {"amount": "10000", "currency": "USD"},
    "quantity": "10",
}


@pytest.fixture(autouse=True, scope="module")
def bars(server: Server) -> None:
    server.program.application.bars.add(walk(400).bars())
    server.program.application.bars.add([a_bar(symbol_code="LONE")])


def test_a_backtest_is_run_and_is_ones_own(ada: Person, eve: Person) -> None:
    ran = answered(ada.post("/backtests", WISH), 201)
    assert ran["trade_count"] == len(ran["trades"]) > 0
    assert ran["statistics"]["max_drawdown"] > 0
    assert answered(ada.post("/backtests", WISH), 201) == ran
    listed = answered(ada.get("/backtests"), 200)["items"]
    assert [it["run_id"] for it in listed] == [ran["run_id"]]
    assert answered(eve.get("/backtests"), 200)["items"] == []


def test_the_terms_are_part_of_the_run(ada: Person) -> None:
    once = answered(ada.post("/backtests", WISH), 201)
    short = {**WISH, "short": True, "stop_loss": "0.02", "at_end": "close", "borrow_bps": "300"}
    again = answered(ada.post("/backtests", short), 201)
    assert once["run_id"] != again["run_id"]
    assert {it["side"] for it in again["trades"]} == {"buy", "sell"}
    assert again["open"] == {}


def test_a_span_of_the_bars_is_enough(ada: Person) -> None:
    some = {**WISH, "since": "2024-01-03T00:00:00Z", "until": "2024-01-10T00:00:00Z"}
    assert answered(ada.post("/backtests", some), 201)["bars"] == 7 * 24


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"symbols": ["ABSENT"]}, 404, "NOT_FOUND"),
        ({"symbols": ["LONE"]}, 422, "INVALID_BACKTEST"),
        ({"strategy": "ABSENT"}, 422, "UNKNOWN_STRATEGY"),
        ({"parameters": {"rsi_period": "0"}}, 422, "INVALID_PARAMETER"),
        ({"share": "0.5"}, 422, "INVALID_BACKTEST"),
        ({"participation": "2"}, 422, "INVALID_VALUE"),
        ({"quantity": 10}, 422, "VALIDATION_ERROR"),
        ({"cash": {"amount": "1", "currency": "EUR"}}, 422, "INVALID_BACKTEST"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_reason(
    ada: Person, changed: Json, status: int, code: str
) -> None:
    refused(ada.post("/backtests", {**WISH, **changed}), status, code)
