"""The methods of research once more: slow, bar by bar, way by way."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats  # type: ignore[import-untyped]


def purged(begins: list[int], ends: list[int], tests: list[range], embargo: int) -> set[int]:
    """Return the samples that may be learned from, each held against each judged part."""
    judged = {sample for test in tests for sample in test}
    kept = set()
    for sample in range(len(begins)):
        if sample in judged:
            continue
        for test in tests:
            opens, closes = min(begins[it] for it in test), max(ends[it] for it in test)
            bars = set(range(begins[sample], ends[sample] + 1))
            if bars & set(range(opens, closes + 1)) or closes < begins[sample] <= closes + embargo:
                break
        else:
            kept.add(sample)
    return kept


def overfitting(returns: Any, slices: int) -> tuple[float, float]:
    """Return the probability of overfitting and of loss, way by way."""
    bars, trials = returns.shape
    width = bars // slices
    used = returns[bars - width * slices :]
    below = lost = ways = 0
    for chosen in combinations(range(slices), slices // 2):
        inside = np.concatenate([used[s * width : (s + 1) * width] for s in chosen])
        others = [s for s in range(slices) if s not in chosen]
        outside = np.concatenate([used[s * width : (s + 1) * width] for s in others])
        best = int(np.argmax(inside.mean(axis=0) / inside.std(axis=0)))
        judged = outside.mean(axis=0) / outside.std(axis=0)
        rank = stats.rankdata(judged)[best] / (trials + 1)
        below += math.log(rank / (1 - rank)) <= 0
        lost += judged[best] < 0
        ways += 1
    return below / ways, lost / ways


def deepest_fall(cash: float, steps: list[float], *, by_product: bool) -> float:
    """Return the maximum drawdown, step by step; 1 from where all is lost."""
    equity = peak = cash
    worst = 0.0
    for step in steps:
        equity = equity * (1 + step) if by_product else equity + step
        if equity <= 0:
            return 1.0
        peak = max(peak, equity)
        worst = max(worst, 1 - equity / peak)
    return worst
