"""A check runs a strategy in processes of its own, whatever it does there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import wave
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.strategies.checking.check import Checked, StrategyCheckError, check
from traderbot.infrastructure.strategies.templates import write_strategy

BARS = Columns.of_rows(wave(80))
_HEAD = """
import os, random, sys, time
from traderbot.strategies import BaseStrategy

class Mine(BaseStrategy):
    name = "MINE"
    window = 3

    def execute(self, ticker_data, context):
"""


def checked(folder: Path, body: str, *, seconds: float = 10.0, head: str = _HEAD) -> Checked:
    path = folder / "mine.py"
    path.write_text(head + "".join(f"        {line}\n" for line in body.splitlines()))
    return check("", BARS, sources=[path], timeframe="1h", seconds=seconds)


_SAYS = 'return {"signal": %s, "confidence": 0.5, "reason": "so it is"}'


def test_one_that_hangs_is_given_up_and_named_with_its_line(tmp_path: Path) -> None:
    found = checked(tmp_path, "while True:\n    pass\n" + _SAYS % '"HOLD"', seconds=0.5)
    (finding,) = found.findings
    assert finding.kind == "hangs"
    assert finding.message == "one call took longer than 0.5 s and was given up"
    assert finding.line in {f"{tmp_path}/mine.py:{line}" for line in (10, 11)}


def test_one_that_hangs_while_it_is_loaded_is_given_up(tmp_path: Path) -> None:
    found = checked(tmp_path, "pass", seconds=0.5, head=f"import time\ntime.sleep(60)\n{_HEAD}")
    (finding,) = found.findings
    assert finding.kind == "hangs"
    assert finding.line == f"{tmp_path}/mine.py:2"


def test_one_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    found = checked(tmp_path, "return ticker_data['close'][-1]")
    (finding,) = found.findings
    assert finding.kind == "raises"
    assert finding.message == "KeyError: 'close'"
    assert finding.line == f"{tmp_path}/mine.py:10"
    assert not found.ok


def test_one_that_ends_the_process_harms_nobody(tmp_path: Path) -> None:
    (finding,) = checked(tmp_path, "os._exit(3)").findings
    assert finding.kind == "raises"
    assert "ended the whole process" in finding.message


def test_one_that_leaves_a_thread_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    head = (
        f"import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n{_HEAD}"
    )
    found = checked(tmp_path, _SAYS % '"HOLD"', head=head)
    assert found.findings == ()


def test_one_that_prints_is_heard_by_nobody(tmp_path: Path) -> None:
    body = 'print("{}"); sys.stdout.flush()\n' + _SAYS % '"HOLD"'
    assert checked(tmp_path, body).findings == ()


@pytest.mark.parametrize(
    "signal",
    [
        'random.choice(["BUY", "SELL"])',
        '"BUY" if time.time_ns() // 1000 % 2 else "SELL"',
    ],
)
def test_one_that_draws_lots_or_reads_the_clock_is_caught(tmp_path: Path, signal: str) -> None:
    kinds = {each.kind for each in checked(tmp_path, _SAYS % signal).findings}
    assert kinds & {"determinism", "state"}


def test_one_that_depends_on_the_order_of_a_set_is_caught(tmp_path: Path) -> None:
    body = 'words = " ".join({str(close) for close in range(50)} | {"a", "b", "c"})\n'
    found = checked(tmp_path, body + _SAYS.replace('"so it is"', "words") % '"HOLD"')
    assert [(each.kind, each.bar, each.bars) for each in found.findings] == [
        ("determinism", 0, len(BARS))
    ]


@pytest.mark.parametrize("kind", ["signals", "execute"])
def test_what_new_writes_is_honest(tmp_path: Path, kind: str) -> None:
    path, _ = write_strategy("mine", kind, tmp_path)  # type: ignore[arg-type]
    told: list[tuple[int, int]] = []
    found = check(
        "",
        Columns.of_rows(wave(200)),
        sources=[path],
        timeframe="1h",
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert found.ok
    assert (found.strategy, found.bars, found.cut > 150) == ("MINE", 200, True)
    assert found.buys > 0
    assert told


def test_parameters_reach_it(tmp_path: Path) -> None:
    path, _ = write_strategy("mine", "execute", tmp_path)
    few = check("MINE", BARS, sources=[path], parameters={"lookback": "40"}, timeframe="1h")
    many = check("MINE", BARS, sources=[path], parameters={"lookback": "2"}, timeframe="1h")
    assert few.buys + few.sells < many.buys + many.sells


def test_what_cannot_be_checked_is_said(tmp_path: Path) -> None:
    with pytest.raises(StrategyCheckError, match="no strategy is called 'RSI_CRUSS'; did you mean"):
        check("RSI_CRUSS", BARS)
    with pytest.raises(StrategyCheckError, match="rsi_period: from 2 to 500, not 1"):
        check("RSI_CROSS", BARS, parameters={"rsi_period": "1"})
    (tmp_path / "none.py").write_text("x = 1\n")
    with pytest.raises(StrategyCheckError, match="name one; the file holds no class with a name"):
        check("", BARS, sources=[tmp_path / "none.py"])
    (tmp_path / "bad.py").write_text("1 +\n")
    with pytest.raises(StrategyCheckError, match=r"bad\.py cannot be used: line 1"):
        check("", BARS, sources=[tmp_path / "bad.py"])
