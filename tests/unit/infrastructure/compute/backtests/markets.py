"""Bars that wander on a grid of cents, the same for a seed on every machine."""

from __future__ import annotations

import numpy as np

from traderbot.infrastructure.compute.columns import Columns

HOUR = 3_600_000_000_000


def market(bars: int, seed: int = 1, *, gaps: float = 0.004) -> Columns:
    """Return hourly bars whose opens jump by about so much."""
    chance = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.01, bars))), 2)
    opened = np.round(np.roll(close, 1) * (1.0 + chance.normal(0.0, gaps, bars)), 2)
    opened[0] = 100.0
    return Columns(
        np.arange(bars) * HOUR,
        opened,
        np.round(np.maximum(opened, close) + 0.5, 2),
        np.round(np.minimum(opened, close) - 0.5, 2),
        close,
        np.full(bars, 1_000.0),
    )
