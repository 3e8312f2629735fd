"""Writing a strategy at the command line, and finding out whether it can be trusted."""

from __future__ import annotations

from tests.e2e.cli.conftest import Installation

_PEEKS = """
from traderbot.strategies import SignalStrategy

class Peeks(SignalStrategy):
    name = "PEEKS"

    def signals(self, features):
        close = features["close"]
        later = close.copy()
        later[:-1] = close[1:]
        return (later > close) * 1 - (later < close) * 1
"""


def test_a_new_strategy_works_is_checked_and_shown(installation: Installation) -> None:
    written = installation.process("strategy", "new", "my_idea", "--json").json
    assert written == {
        "strategy": "my-strategies/my_idea.py",
        "test": "my-strategies/test_my_idea.py",
    }
    told = installation.process("strategy", "check", written["strategy"], "--last", "300", "--json")
    assert told.code == 0, told.err
    assert told.json["ok"] is True
    assert (told.json["strategy"], told.json["bars"], told.json["cut"]) == ("MY_IDEA", 300, 300)
    shown = installation.process(
        "strategy", "show", "MY_IDEA", "--strategies", "my-strategies", "--json"
    ).json
    assert shown["parameters"] == {"fast": "10", "slow": "30"}
    assert shown["bounds"] == {"fast": "from 1 to 500", "slow": "from 2 to 500"}
    again = installation.process("strategy", "new", "my_idea", "--kind", "execute")
    assert again.code != 0
    assert "choose another name" in again.err


def test_a_strategy_that_looks_ahead_is_told_off(installation: Installation) -> None:
    (installation.folder / "peeks.py").write_text(_PEEKS)
    path = installation.folder / "peeks.py"
    told = installation.process("strategy", "check", str(path), "--last", "100")
    assert told.code == 1
    assert "look-ahead" in told.out
    assert "1 further bar change its mind" in told.out
    assert told.out.rstrip().endswith("do not trade on it, nor on its backtests")


def test_a_check_of_what_is_not_there_says_what_to_do(installation: Installation) -> None:
    told = installation("strategy", "check", "nothing.py")
    assert told.code == 2
    assert "traderbot strategy new NAME" in told.err
    told = installation("strategy", "check", "RSI_CROSS", "--param", "rsi_period=1")
    assert told.code == 2
    assert "from 2 to 500, not 1; the nearest is 2" in told.err
    told = installation("strategy", "check", "RSI_CROSS", "--param", "14")
    assert "--param takes NAME=VALUE" in told.err


def test_every_built_in_strategy_lists_its_bounds(installation: Installation) -> None:
    told = installation("strategy", "list", "--json").json
    names = [each["name"] for each in told["items"]]
    assert {"RSI_CROSS", "MEAN_REVERSION", "BREAKOUT", "VWAP", "EMA_CROSS"} <= set(names)
    assert {"SENTIMENT", "ML_MODEL"} <= set(names)
    for name in names:
        assert installation("strategy", "show", name, "--json").json["name"] == name
    shown = installation("strategy", "show", "ML_MODEL", "--json").json
    assert shown["parameters"]["model"] is None
    shown = installation("strategy", "show", "RSI_CROSS").out
    assert "between 0 and 100" in shown


def test_bars_of_ones_own_can_be_taken(installation: Installation) -> None:
    lines = ["timestamp,open,high,low,close,volume"]
    for hour in range(120):
        close = 100 + (hour * 7) % 13
        at = f"2024-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z"
        lines.append(f"{at},{close},{close + 1},{close - 1},{close},10")
    (installation.folder / "mine.csv").write_text("\n".join(lines) + "\n")
    told = installation(
        *("strategy", "check", "BREAKOUT", "--bars", str(installation.folder / "mine.csv")),
        *("--timeframe", "1h", "--param", "entry_period=5", "--json"),
    )
    assert told.code == 0, told.err
    assert told.json["bars"] == 120
