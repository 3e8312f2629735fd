from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Installation

GRID = (
    *("sweep", "run", "RSI_CROSS", "--set", "rsi_period=3..9", "--set", "oversold=30..40:2.5"),
    *("--set", "smoothing=simple,wilder", "--share", "0.5"),
)
SLOW = """
import time

from traderbot.strategies import BaseStrategy, StrategyRegistry


class Slow(BaseStrategy):
    name = "SLOW"
    description = "Takes its time."
    window = 5

    def __init__(self, every: int = 3) -> None:
        self.every = every

    def execute(self, ticker_data, context):
        time.sleep(0.002)
        turn = round(ticker_data["closes"][-1]) % self.every
        return {"signal": ("BUY", "SELL", "HOLD")[min(turn, 2)], "confidence": 0.5, "reason": "x"}


StrategyRegistry.register(Slow.name, Slow)
"""


def test_a_sweep_shows_the_best_sets_and_is_kept(installation: Installation) -> None:
    told = installation(*GRID, "--best", "2", "--json")
    assert (told.code, told.json["sets"], told.json["done"]) == (0, 70, 70)
    first, second = told.json["best"]
    assert float(first["final_equity"]) >= float(second["final_equity"])
    assert set(first["parameters"]) == {"rsi_period", "oversold", "smoothing"}
    (kept,) = installation("sweep", "list", "--json").json["items"]
    assert (kept["sets"], kept["done"], kept["strategy"]) == (70, 70, "RSI_CROSS")
    shown = installation("sweep", "show", kept["digest"][:8], "--best", "2", "--json")
    assert shown.json["best"] == told.json["best"]
    for_people = installation("sweep", "show", kept["digest"][:8], "--by", "sharpe")
    assert "the best by sharpe of 70 of 70 sets" in for_people.out
    assert "70 of 70" in installation("sweep", "list").out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "RSI_CROSS", "--set", "rsi_period=5"), "--quantity 10, or --share 0.5"),
        (("run", "RSI_CROSS", "--set", "rsi_period", "--share", "1"), "--set takes NAME=VALUES"),
        (("run", "RSI_CROSS", *("--set", "rsi_period=5") * 2, "--share", "1"), "twice"),
        (("run", "RSI_CROSS", "--set", "rsi_period=9..5", "--share", "1"), "goes from a value up"),
        (("run", "RSI_CROSS", "--set", "period=9", "--share", "1"), "did you mean rsi_period?"),
        (("run", "RSI_CROS", "--set", "period=9", "--share", "1"), "did you mean RSI_CROSS?"),
        (("run", "RSI_CROSS", "--set", "rsi_period=1", "--share", "1"), "rsi_period"),
        (("run", "RSI_CROSS", "--set", "rsi_period=5", "--share", "a"), "not a plain decimal"),
        (("show", "beef"), "traderbot sweep list"),
    ],
)
def test_what_cannot_be_swept_is_told(
    words: Sequence[str], sentence: str, installation: Installation
) -> None:
    told = installation("sweep", *words)
    assert told.code in {1, 2}
    assert sentence in told.err


def test_ctrl_c_keeps_what_is_done_and_resume_goes_on(installation: Installation) -> None:
    folder = installation.folder / "mine"
    folder.mkdir()
    (folder / "slow.py").write_text(SLOW, "utf-8")
    rows = [f"2025-01-{day:02d},10,12,9,{9 + day % 4},100\n" for day in range(1, 31)]
    bars = installation.folder / "bars.csv"
    bars.write_text("date,open,high,low,close,volume\n" + "".join(rows), "utf-8")
    words = (
        *("sweep", "run", "SLOW", "--set", "every=1..100", "--quantity", "1"),
        *("--bars", str(bars), "--strategies", str(folder), "--json"),
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "traderbot", *words],
        cwd=installation.folder,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    file = installation.database.with_name("sweeps.db")
    _wait_for_trials(file, running)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "--resume" in said
    done = installation("sweep", "list", "--json").json["items"][0]["done"]
    assert 0 < done < 100
    assert "go on with --resume" in installation(*words).err
    resumed = installation(*words, "--resume")
    assert (resumed.code, resumed.json["done"]) == (0, 100)
    file.unlink()
    assert installation(*words).json["best"] == resumed.json["best"]


def _wait_for_trials(file: Path, running: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
        if file.exists():
            with closing(sqlite3.connect(file)) as connection:
                try:
                    (count,) = connection.execute("SELECT count(*) FROM trials").fetchone()
                except sqlite3.OperationalError:  # the file is just being made
                    continue
            if count:
                return
    pytest.fail("no trial was stored within 30 s")
