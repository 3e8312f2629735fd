from __future__ import annotations

from traderbot.infrastructure.compute.kernels.trading.entries import ENTRIES
from traderbot.infrastructure.compute.warming import warm_up


def test_everything_is_compiled_and_counted() -> None:
    told: list[tuple[int, int]] = []
    loops = warm_up(lambda done, total: told.append((done, total)))
    assert loops > 20 + len(ENTRIES)
    assert told == [(done, loops) for done in range(loops + 1)]
