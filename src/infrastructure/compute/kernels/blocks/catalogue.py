"""Faster arrangements of some definitions, for series without gaps.

Each gives the bits of its scalar step: per value it makes the same operations in the same order.
What differs is what is done in between. Recurrences make four values at a time, since only every
fourth waits for another; windows that are summed afresh every 1,024 bars run four such stretches
side by side; and what has no order at all (true ranges, divisions, square roots) is done for a
chunk of bars that stays in the fastest cache, many values in one instruction.

The functions are compiled, never called in plain Python. Their memories are those before the first
bar, and are not brought up to date. They return whether there was neither a gap nor a value beyond
what is allowed; if there was, what they wrote is of no use.

Choices are written as conditions: which of 0.0 and -0.0 a `max` takes is not the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from traderbot.domain.strategies.indicators import averages, momentum, ranges
from traderbot.domain.strategies.indicators.indicator import Step
from traderbot.infrastructure.compute.kernels.blocks.averages import (
    ema_blocks,
    macd_blocks,
    roc_blocks,
)
from traderbot.infrastructure.compute.kernels.blocks.momentum import (
    rsi_simple_blocks,
    rsi_wilder_blocks,
    stoch_rsi_simple_blocks,
    stoch_rsi_wilder_blocks,
)
from traderbot.infrastructure.compute.kernels.blocks.ranges import (
    adx_blocks,
    atr_blocks,
    donchian_blocks,
    dynamic_bands_blocks,
    keltner_blocks,
    williams_r_blocks,
)
from traderbot.infrastructure.compute.kernels.blocks.windows import (
    bollinger_blocks,
    sma_blocks,
    standard_deviation_blocks,
    zscore_blocks,
)

BLOCKS: dict[Step, Callable[..., bool]] = {
    averages.sma_step: sma_blocks,
    averages.ema_step: ema_blocks,
    averages.macd_step: macd_blocks,
    averages.roc_step: roc_blocks,
    averages.standard_deviation_step: standard_deviation_blocks,
    averages.zscore_step: zscore_blocks,
    averages.bollinger_step: bollinger_blocks,
    momentum.rsi_simple_step: rsi_simple_blocks,
    momentum.rsi_wilder_step: rsi_wilder_blocks,
    momentum.stoch_rsi_simple_step: stoch_rsi_simple_blocks,
    momentum.stoch_rsi_wilder_step: stoch_rsi_wilder_blocks,
    ranges.atr_step: atr_blocks,
    ranges.adx_step: adx_blocks,
    ranges.keltner_step: keltner_blocks,
    ranges.dynamic_bands_step: dynamic_bands_blocks,
    ranges.donchian_step: donchian_blocks,
    momentum.williams_r_step: williams_r_blocks,
}
