"""Compiles everything there is to compile, so that nobody has to wait for it later."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from traderbot.domain.strategies.indicators.catalogue import INDICATORS
from traderbot.domain.strategies.indicators.indicator import Indicator
from traderbot.infrastructure.compute.kernels.running import is_compiled, warm
from traderbot.infrastructure.compute.kernels.trading.entries import ENTRIES, entry


def warm_up(progress: Callable[[int, int], None]) -> int:
    """Fill the cache folder; return how many loops are in it, 0 where there is no compiler."""
    if not is_compiled():
        return 0
    steps: dict[object, Indicator] = {}
    for make in INDICATORS.values():
        for made in _variants(make):
            steps[made.step] = made
    total = len(steps) + len(ENTRIES)
    for done, made in enumerate(steps.values()):
        progress(done, total)
        warm(made)
    for done, loop in enumerate(ENTRIES, start=len(steps)):
        progress(done, total)
        entry(loop)
    progress(total, total)
    return total


def _variants(make: Callable[..., Indicator]) -> list[Indicator]:
    """Return an indicator as it comes, and smoothed as Wilder did if it can be."""
    found = [make()]
    with suppress(TypeError):  # it has no smoothing to choose
        found.append(make(smoothing="wilder"))
    return found
