from __future__ import annotations

from traderbot.indicators import INDICATORS
from traderbot.infrastructure.compute.measuring import compiled, measure


def test_every_indicator_is_measured_in_all_three_ways() -> None:
    steps: list[tuple[int, int]] = []
    speeds = measure(6_000, lambda done, total: steps.append((done, total)))
    assert [each.indicator for each in speeds] == list(INDICATORS)
    assert all(min(each.live, each.series, each.matrix) > 0 for each in speeds)
    assert steps[-1] == (len(INDICATORS), len(INDICATORS))
    # So many bars are compiled; bar by bar, plain Python cannot be as fast.
    assert compiled()
    assert all(each.live > each.series for each in speeds)
