"""Whoever follows the log is nudged after each commit, for as long as it wants to be."""

from __future__ import annotations

from typing import Any

from traderbot.infrastructure.sealing.nudging import NudgingSink


class Kept:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def inline(self, events: object, unit: object) -> None:
        del unit
        self.told.append(("inline", events))

    def committed(self, events: object) -> None:
        self.told.append(("committed", events))


def test_everything_is_handed_on_and_then_everybody_is_nudged() -> None:
    kept = Kept()
    sink = NudgingSink(kept)
    nudged: list[str] = []
    unit: Any = None
    events: Any = [("order-1", 1, "event")]
    with sink.nudging(lambda: nudged.append("one")):
        with sink.nudging(lambda: nudged.append("two")):
            sink.inline(events, unit)
            assert nudged == []
            sink.committed(events)
            assert nudged == ["one", "two"]
        sink.committed(events)
        assert nudged == ["one", "two", "one"]
    sink.committed(events)
    assert len(nudged) == 3
    assert kept.told == [("inline", events), *[("committed", events)] * 3]
