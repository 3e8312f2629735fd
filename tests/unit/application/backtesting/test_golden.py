"""The job every peer was given, with figures worked out by hand and by them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.peers_rsi import PeersRsi
from tests.walks import walk
from traderbot.backtesting import (
    UNLIMITED,
    AtEnd,
    BacktestResult,
    FillModel,
    Sizing,
    SizingRule,
    Slippage,
    SlippageKind,
    backtest,
    trade_table,
)

TEN = Sizing(rule=SizingRule.FIXED, amount=Decimal(10))
NO_SLIPPAGE = FillModel(slippage=Slippage(SlippageKind.NONE))


def run(seeding: str, at_end: AtEnd) -> BacktestResult:
    return backtest(
        PeersRsi(seeding),  # type: ignore[arg-type]
        walk(),
        cash="10000 USD",
        sizing=TEN,
        model=NO_SLIPPAGE,
        limits=UNLIMITED,
        at_end=at_end,
    )


@pytest.mark.parametrize(
    ("seeding", "at_end", "equity", "first_entry"),
    [
        ("mean", AtEnd.MARK, "10010.407", "95.43"),
        ("mean", AtEnd.CLOSE, "10001.306", "95.43"),
        ("first", AtEnd.MARK, "10002.9996", "96.17"),
        ("first", AtEnd.CLOSE, "9993.8986", "96.17"),
    ],
)
def test_the_walk_of_seed_7_gives_the_figures_of_the_peers_to_the_last_digit(
    seeding: str, at_end: AtEnd, equity: str, first_entry: str
) -> None:
    result = run(seeding, at_end)
    assert str(result.final_equity.amount) == equity
    assert result.trades[0].entry_price == Decimal(first_entry)
    assert result.trades[0].exit_price == Decimal("103.96")
    # The position that is open at the end is closed as well when it is forced.
    assert len(result.trades) == (10 if at_end is AtEnd.MARK else 11)


def test_the_round_trips_are_those_of_backtesting_py_vectorbt_and_freqtrade() -> None:
    trips = [(str(it.entry_price), str(it.exit_price)) for it in run("first", AtEnd.MARK).trades]
    assert trips[:3] == [("96.17", "103.96"), ("95.44", "83.92"), ("75.11", "86.04")]


def test_what_closes_at_the_last_open_differs_by_the_last_bar_and_one_fee() -> None:
    """The figures reconcile: 8.40 is what the last bar moved ten units, 0.701 the fee."""
    marked = run("first", AtEnd.MARK).final_equity
    forced = run("first", AtEnd.CLOSE)
    last = forced.traded[-1]
    assert last.fee == Decimal("0.701")
    moved = (walk().amounts["close"][-1] - last.price) * 10
    assert moved == Decimal("8.4")
    assert marked.amount - forced.final_equity.amount == moved + last.fee


def test_the_short_way_and_the_engine_agree_on_every_bar() -> None:
    result = run("mean", AtEnd.MARK)
    short_way = list(result.equity_exact)
    assert short_way == list(result.equity_in(result.spec.currency))
    assert [float(value) for value in short_way] == list(result.equity)


def test_the_table_of_trades_holds_the_same_trades() -> None:
    result = run("mean", AtEnd.MARK)
    table = trade_table(result)
    assert table["profit"].tolist() == [float(it.profit) for it in result.trades]
    assert table["entry_price"][0] == 95.43
    assert (table["exit_bar"] > table["entry_bar"]).all()
    entered = table["entry_bar"].tolist()
    opens = walk().amounts["open"]
    assert [float(opens[bar]) for bar in entered] == table["entry_price"].tolist()


def test_the_same_spec_has_the_same_id_and_another_one_has_not() -> None:
    once, again = run("mean", AtEnd.MARK), run("mean", AtEnd.MARK)
    assert once.run_id == again.run_id
    assert once.run_id != run("mean", AtEnd.CLOSE).run_id
    assert once.run_id != run("first", AtEnd.MARK).run_id
