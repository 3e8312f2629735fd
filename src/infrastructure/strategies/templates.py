"""A strategy to begin with: one file that works, and one that tests it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

from traderbot.application.errors import ApplicationError

Kind = Literal["signals", "execute"]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}", re.ASCII)

_SIGNALS = '''"""{name}: buy when the fast average rises across the slow one, sell when it falls."""

from pydantic import BaseModel, Field

from traderbot.strategies import (
    Feature,
    SignalStrategy,
    TypedParameters,
    crossed_above,
    crossed_below,
    decided,
)


class {kind}(TypedParameters, SignalStrategy):
    """Edit `Parameters`, `features` and `signals`; then run: traderbot strategy check FILE."""

    name = "{name}"
    description = "Follows the market when two averages cross."

    class Parameters(BaseModel):
        fast: int = Field(10, ge=1, le=500)
        slow: int = Field(30, ge=2, le=500)

    def __init__(self, **values):
        super().__init__(**values)
        if self.fast >= self.slow:
            raise ValueError(f"fast is below slow ({{self.slow}}), not {{self.fast}}")
        self.features = {{
            "fast": Feature("ema", {{"period": self.fast}}),
            "slow": Feature("ema", {{"period": self.slow}}),
        }}

    def signals(self, features):
        """Return +1 to buy, -1 to sell, 0 for neither, for each bar: columns in, a column out.

        A backtest shows all bars at once, a bot the last `lookback` (2); look at no later bar.
        """
        fast, slow = features["fast"], features["slow"]
        return decided(buy=crossed_above(fast, slow), sell=crossed_below(fast, slow))
'''

_EXECUTE = '''"""{name}: buy above the last bars' highest high, sell below their lowest low."""

from traderbot.strategies import BaseStrategy, Explanation, Whole


class {kind}(BaseStrategy):
    """Edit `execute`; then run: traderbot strategy check FILE."""

    name = "{name}"
    description = "Follows the price out of its recent range."
    bounds = {{"lookback": Whole(1, 500)}}

    def __init__(self, lookback: int = 20):
        self.lookback = lookback
        self.warm_up = lookback + 1
        self.window = lookback + 1  # it is shown no more bars than that

    def execute(self, ticker_data, context):
        """Answer for the last bar; nothing may be remembered from one call to the next."""
        if len(ticker_data["closes"]) < self.warm_up:
            return {{"signal": "HOLD", "confidence": 0.3, "reason": "Too few bars."}}
        high, low, close = self._range(ticker_data)
        if close > high:
            return {{"signal": "BUY", "confidence": 0.7, "reason": f"{{close}} is above {{high}}"}}
        if close < low:
            return {{"signal": "SELL", "confidence": 0.7, "reason": f"{{close}} is below {{low}}"}}
        return {{"signal": "HOLD", "confidence": 0.4, "reason": f"{{close}} is in range."}}

    def explain(self, ticker_data):
        """Return the numbers and the rules behind the answer, for the record of the decision."""
        if len(ticker_data["closes"]) < self.warm_up:
            return Explanation(rules={{"enough_bars": False}})
        high, low, close = self._range(ticker_data)
        return Explanation(
            indicators={{"highest": high, "lowest": low, "close": close}},
            rules={{"enough_bars": True, "above": close > high, "below": close < low}},
        )

    def _range(self, ticker_data):
        before = slice(-self.lookback - 1, -1)
        return (
            max(ticker_data["highs"][before]),
            min(ticker_data["lows"][before]),
            ticker_data["closes"][-1],
        )
'''

_TEST = '''"""Tests of {name}; run them with: pytest test_{file}"""

from pathlib import Path

import pytest

from traderbot.strategies import StrategyRegistry, load_strategy_file

load_strategy_file(Path(__file__).with_name("{file}"))
CONTEXT = {{"timeframe": "1d", "user_id": "-", "bot_run_id": "-"}}


def answer(closes):
    bars = {{name: list(closes) for name in ("opens", "highs", "lows", "closes", "volumes")}}
    return StrategyRegistry.create("{name}").execute({{"symbol": "TEST", **bars}}, CONTEXT)


def test_it_holds_while_there_are_too_few_bars():
    assert answer([100.0, 101.0])["signal"] == "HOLD"


def test_it_buys_when_the_market_turns_up():
    falling, rising = range(200, 100, -1), range(100, 200)
    closes = [float(close) for close in (*falling, *rising)]
    assert "BUY" in [answer(closes[:end])["signal"] for end in range(100, 200)]


def test_a_wrong_parameter_is_refused():
    with pytest.raises(Exception, match="{parameter}"):
        StrategyRegistry.create("{name}", {{"{parameter}": "0"}})
'''


class StrategyTemplateError(ApplicationError):
    """A new strategy cannot be written there. Says why, and what to do."""

    code: ClassVar[str] = "STRATEGY_TEMPLATE"


def write_strategy(name: str, kind: Kind, folder: Path) -> tuple[Path, Path]:
    """Write a working strategy and its test; return both paths. Nothing is overwritten.

    Raises:
        StrategyTemplateError: no usable name, a file of that name is there, or it cannot be
            written.
    """
    if _NAME.fullmatch(name) is None:
        raise StrategyTemplateError(
            f"not a strategy's name: {name!r:.60} (a letter, then up to 47 letters, digits or _)"
        )
    file = f"{name.lower()}.py"
    words = {
        "name": name.upper(),
        "kind": "".join(part.capitalize() for part in name.split("_")) + "Strategy",
        "file": file,
        "parameter": "fast" if kind == "signals" else "lookback",
    }
    text = (_SIGNALS if kind == "signals" else _EXECUTE).format(**words)
    strategy, test = folder / file, folder / f"test_{file}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in ((strategy, text), (test, _TEST.format(**words))):
            with path.open("x", encoding="utf-8") as stream:
                stream.write(content)
    except FileExistsError as error:
        raise StrategyTemplateError(
            f"{error.filename} is there already; choose another name, or move it away"
        ) from error
    except OSError as error:
        reason = f"cannot write {error.filename}: {error.strerror}; choose another --strategies"
        raise StrategyTemplateError(reason) from error
    return strategy, test
