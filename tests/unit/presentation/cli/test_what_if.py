"""`audit what-if` says HYPOTHETICAL before anything else, and ends with 1 if anything differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import an_order
from tests.unit.presentation.cli.fakes import Terminal
from traderbot.application.ports.what_if import (
    CurrencyChange,
    EndPrice,
    OrderChange,
    OrderChanges,
    Parting,
    PortfolioChange,
    PositionChange,
    RefusedWish,
    TradeChanges,
    Versus,
    WhatIfAnswer,
)
from traderbot.application.views import OrderView

ORDER = OrderView.of(an_order())
NOTHING = Versus(fact="0", hypothesis="0", difference="0")
CHANGE = OrderChange(
    order_id=ORDER.order_id, fact=ORDER, hypothesis=None, changed={}, why=("ALREADY_LONG",)
)
SAME = WhatIfAnswer(
    question={},
    start=3,
    events=9,
    reproduced=6,
    fact="ab" * 32,
    hypothesis="ab" * 32,
    parts_at=None,
    orders=OrderChanges(fact=1, hypothesis=1, only_in_fact=(), only_in_hypothesis=(), different=()),
    trades=TradeChanges(fact=0, hypothesis=0, only_in_fact=(), only_in_hypothesis=(), different=()),
    portfolios=(),
    prices=(),
    refused=(),
    refused_unlisted=0,
    unanswered=(),
)
OTHER = replace(
    SAME,
    hypothesis="cd" * 32,
    parts_at=Parting(index=4, stream="order-1", recorded="order.approved", hypothetical=None),
    orders=replace(SAME.orders, hypothesis=0, only_in_fact=(CHANGE,)),
    portfolios=(
        PortfolioChange(
            portfolio_id="p",
            currencies=(
                CurrencyChange(
                    currency="USD",
                    cash=Versus(fact="1", hypothesis="2.5", difference="1.5"),
                    realised=NOTHING,
                    fees=NOTHING,
                    equity=NOTHING,
                ),
            ),
            positions=(
                PositionChange(
                    symbol="AAPL",
                    quantity=Versus(fact=None, hypothesis="1", difference="1"),
                    cost=NOTHING,
                    realised=NOTHING,
                ),
            ),
        ),
    ),
    prices=(EndPrice(symbol="AAPL", price="100", source="fill f, index 3"),),
    refused=(
        RefusedWish(
            index=7, command_id="c", wish="Withdraw", code="INSUFFICIENT_FUNDS", message="2 free"
        ),
    ),
    refused_unlisted=2,
    unanswered=("who knows",),
)


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.json"
    path.write_text('{"from": 3}')
    return path


def test_no_difference_is_said_and_ends_with_0(cli: Terminal, question: Path) -> None:
    cli.doors.answer = SAME
    told = cli("audit", "what-if", str(question), "--database", "x.db")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "HYPOTHETICAL: this did not happen, and nothing of it is recorded"
    assert lines[-1] == "no difference"
    assert cli.doors.questions == [("x.db", '{"from": 3}')]


def test_a_difference_is_told_and_ends_with_1(cli: Terminal, question: Path) -> None:
    cli.doors.answer = OTHER
    told = cli("audit", "what-if", str(question))
    assert told.code == 1
    assert told.out.startswith("HYPOTHETICAL: ")
    said = [" ".join(line.split()) for line in told.out.splitlines()]
    for line in (
        "parts at index 4: nothing instead of order.approved, order-1",
        "p USD cash 1 2.5 1.5",
        "p AAPL holds - 1 1",
        "valued at 100 AAPL: fill f, index 3",
        f"{ORDER.order_id} only in fact buy 10 AAPL, approved - ALREADY_LONG",
        "would be refused: Withdraw at index 7: INSUFFICIENT_FUNDS, 2 free",
        "would be refused: 2 more",
        "not known: who knows",
    ):
        assert line in said
    assert [line for line in said if line.startswith("orders: 1 in fact, 0 in the hypothesis; 1 o")]
    assert "no difference" not in told.out


def test_the_document_says_that_it_is_hypothetical(cli: Terminal, question: Path) -> None:
    cli.doors.answer = OTHER
    told = cli("audit", "what-if", str(question), "--json")
    assert told.code == 1
    assert list(told.json)[:2] == ["hypothetical", "differs"]
    assert (told.json["hypothetical"], told.json["differs"]) == (True, True)
    assert told.json["orders"]["only_in_fact"][0]["fact"]["order_id"] == ORDER.order_id
    assert told.json["portfolios"][0]["positions"][0]["quantity"]["fact"] is None


def test_a_long_list_is_cut_for_people(cli: Terminal, question: Path) -> None:
    many = tuple(replace(CHANGE, order_id=f"o{number}") for number in range(25))
    cli.doors.answer = replace(OTHER, orders=replace(OTHER.orders, only_in_fact=many))
    told = cli("audit", "what-if", str(question))
    assert "o19 " in told.out
    assert "o20 " not in told.out
    assert "... and 5 more; all of them with --json" in told.out


def test_a_file_that_is_no_text_or_not_there_ends_with_2(cli: Terminal, tmp_path: Path) -> None:
    told = cli("audit", "what-if", str(tmp_path / "none.json"), "--json")
    assert (told.code, told.json["error"]["code"]) == (2, "FILE")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    told = cli("audit", "what-if", str(tmp_path / "bytes"), "--json")
    assert (told.code, told.json["error"]["code"]) == (2, "BAD_QUESTION")
    assert cli.doors.questions == []
