"""Our backtest without exact money and without a log: what those two cost is measured with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from traderbot.infrastructure.compute.kernels import compiled as numba_side
from traderbot.infrastructure.compute.kernels.trading.curve import (
    MOVES,
    SUMS,
    add_stretch,
    begin_sums,
    end_sums,
    stretch,
)
from traderbot.infrastructure.compute.kernels.trading.wishes import crossings


def compiled() -> Callable[..., Any]:
    """Return the loop, compiled."""
    given = "Array(float64, 1, 'C', True)"
    floats = "float64[::1]"
    signature = f"int64({given}, {given}, int64, {given}, {given}, {given}, {floats}, {floats})"
    return numba_side.compiled_as(_run, signature)


def _run(  # noqa: PLR0917 - arrays of a compiled loop
    memory: Any,  # noqa: ANN401 - arrays
    levels: Any,  # noqa: ANN401
    first: int,
    opens: Any,  # noqa: ANN401
    closes: Any,  # noqa: ANN401
    money: Any,  # noqa: ANN401
    equity: Any,  # noqa: ANN401
    sums: Any,  # noqa: ANN401
) -> int:
    room = len(closes) // 2 + 2
    buys, sells = np.empty(room, np.int32), np.empty(room, np.int32)
    n, m = crossings(memory, levels, first, closes, buys, sells)
    cash, quantity, held = money[0], money[1], 0.0
    i = j = begin = fills = 0
    while True:
        if held == 0.0:
            while i < n and buys[i] < begin:
                i += 1
            if i == n or buys[i] + 1 == len(closes):
                break
            bar = buys[i] + 1
        else:
            while j < m and sells[j] < begin:
                j += 1
            if j == m or sells[j] + 1 == len(closes):
                break
            bar = sells[j] + 1
        stretch(closes[begin:bar], cash, held, equity[begin:bar])
        cost = quantity * opens[bar]
        if held == 0.0:
            cash -= cost * (1.0 + money[2])
            held = quantity
        else:
            cash += cost * (1.0 - money[2])
            held = 0.0
        begin = bar
        fills += 1
    stretch(closes[begin:], cash, held, equity[begin:])
    inner = np.empty(SUMS)
    begin_sums(inner, money[0])
    add_stretch(inner, equity, 0, np.empty(MOVES))
    sums[0], sums[1], sums[2] = end_sums(inner)
    sums[3] = equity[-1]
    return fills
