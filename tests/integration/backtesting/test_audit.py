"""The audit works on the log of a backtest as on any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.backtesting.live import bodies
from tests.peers_rsi import PeersRsi
from tests.walks import walk
from traderbot.backtesting import (
    UNLIMITED,
    AtEnd,
    BacktestResult,
    BacktestSpec,
    FillModel,
    InvalidBacktestError,
    Sizing,
    SizingRule,
    StrategyChangedItsMindError,
    Trader,
    run,
    write_log,
)
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Money
from traderbot.strategies import BaseStrategy

STOPS = Sizing(
    rule=SizingRule.FIXED,
    amount=Decimal(10),
    stop_loss=Decimal("0.02"),
    take_profit=Decimal("0.03"),
    short=True,
)


def with_everything() -> BacktestSpec:
    """Stops, shorts that cost, partial fills, two symbols, and an end that closes what is open."""
    return BacktestSpec(
        traders=tuple(
            Trader(strategy=PeersRsi(), tape=walk(400, seed, code), sizing=STOPS)
            for seed, code in ((7, "WALK"), (8, "OTHER"))
        ),
        cash=(Money("20000", "USD"),),
        model=FillModel(participation=Decimal("0.05")),
        limits=UNLIMITED,
        at_end=AtEnd.CLOSE,
        borrow_bps=Decimal(300),
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[BacktestResult, Path]:
    result = run(with_everything())
    path = tmp_path_factory.mktemp("backtest") / "run.db"
    return result, write_log(result, path)


@pytest.fixture
def opened(ran: tuple[BacktestResult, Path]) -> Iterator[tuple[BacktestResult, Traderbot]]:
    result, path = ran
    with Traderbot.open(f"sqlite:///{path}") as bot:
        yield result, bot


def test_the_log_verifies_and_the_tables_agree(opened: tuple[BacktestResult, Traderbot]) -> None:
    _, bot = opened
    assert not bot.audit.verify().findings
    assert not bot.audit.diff().differences


def test_every_bar_of_every_trader_has_its_decision(
    opened: tuple[BacktestResult, Traderbot],
) -> None:
    result, bot = opened
    runs = bot.application.views.bot_runs(None).items
    assert {it.symbol: it.decisions for it in runs} == {"WALK": 400, "OTHER": 400}
    assert {it.status for it in runs} == {"stopped"}
    assert result.trades


def test_an_exit_can_be_explained_back_to_its_entry(
    opened: tuple[BacktestResult, Traderbot],
) -> None:
    result, bot = opened
    exits = [it for it in result.orders if it.type == "stop" and it.status == "filled"]
    assert exits
    explained = bot.audit.explain(OrderId(exits[0].order_id))
    assert explained.order.order_id == exits[0].order_id
    assert explained.events


def test_the_portfolio_of_the_log_is_that_of_the_run(
    opened: tuple[BacktestResult, Traderbot],
) -> None:
    result, bot = opened
    (portfolio,) = bot.application.views.portfolios(None).items
    total = sum(Decimal(it.total) for it in portfolio.balances)
    assert total == result.portfolio.cash_in(result.spec.currency).total.amount
    assert not result.open_units
    assert total == result.final_equity.amount


def test_the_same_id_gives_the_same_bytes(ran: tuple[BacktestResult, Path], tmp_path: Path) -> None:
    result, path = ran
    again = run(with_everything())
    assert again.run_id == result.run_id
    assert bodies(write_log(again, tmp_path / "again.db")) == bodies(path)


def test_a_log_is_written_into_a_new_file_only(ran: tuple[BacktestResult, Path]) -> None:
    result, path = ran
    with pytest.raises(InvalidBacktestError, match="there already"):
        write_log(result, path)


class Moody(BaseStrategy):
    """Answers by how often it was asked."""

    name = "MOODY"

    def __init__(self) -> None:
        self.asked = 0

    def parameters(self) -> dict[str, str]:
        return {}

    def execute(self, ticker_data: Any, context: Any) -> Any:
        del ticker_data, context
        self.asked += 1
        signal = "BUY" if self.asked == 5 else "HOLD"
        return {"signal": signal, "confidence": 1.0, "reason": ""}


def test_a_strategy_that_changes_its_mind_gets_no_log(tmp_path: Path) -> None:
    spec = with_everything()
    lone = replace(spec, traders=(Trader(strategy=Moody(), tape=walk(50), sizing=STOPS),))
    with pytest.raises(StrategyChangedItsMindError, match="MOODY said"):
        write_log(run(lone), tmp_path / "moody.db")
