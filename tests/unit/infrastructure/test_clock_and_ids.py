from __future__ import annotations

import os
import re
from datetime import timedelta

import pytest

from tests.builders import NOON, later
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds
from traderbot.infrastructure.system import SystemClock, Uuid7Source

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{9}000")


def test_the_system_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_ids_are_uuid7_that_rise_and_never_repeat() -> None:
    source = Uuid7Source()
    made = [source.new() for _ in range(20_000)]  # several times what one millisecond can number
    assert all(UUID7.fullmatch(each) for each in made)
    assert made == sorted(set(made))


def test_two_sources_make_different_ids() -> None:
    one, other = Uuid7Source(), Uuid7Source()
    assert not {one.new() for _ in range(1000)} & {other.new() for _ in range(1000)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_does_not_repeat_its_parents_random_bits() -> None:
    source = Uuid7Source()
    source.new()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, source.new().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 36).decode()
    os.close(reading)
    os.close(writing)
    assert theirs[19:] != source.new()[19:]


def test_a_replay_clock_stands_still_and_never_goes_back() -> None:
    clock = ReplayClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.move_to(later(5))
    clock.move_to(later(3))
    assert clock.now() == later(5)


def test_seeded_ids_repeat_with_their_seed_and_rise_with_their_clock() -> None:
    def ids(seed: str) -> list[str]:
        clock = ReplayClock(NOON)
        source = SeededIds(seed, clock)
        made = []
        for minute in range(3):
            clock.move_to(later(minute))
            made += [source.new() for _ in range(5_000)]
        return made

    assert ids("a") == ids("a")
    assert ids("a") != ids("b")
    assert ids("a") == sorted(set(ids("a")))
    assert all(UUID7.fullmatch(each) for each in ids("a")[:10])
