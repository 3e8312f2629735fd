from __future__ import annotations

from traderbot.infrastructure.redis_link.breaker import Breaker


class Clock:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_two_failures_are_forgiven_and_three_are_not() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(2):
        breaker.failed()
    assert breaker.allows()
    breaker.succeeded()
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    assert breaker.is_open
    assert not breaker.allows()
    assert breaker.opened == 1


def test_an_open_breaker_lets_one_caller_through_every_two_seconds() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(3):
        breaker.failed()
    clock.now += 1.9
    assert not breaker.allows()
    clock.now += 0.2
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed()
    clock.now += 1.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows() for _ in range(3)] == [True, True, True]


def test_a_prober_that_never_comes_back_does_not_keep_it_open_for_ever() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(3):
        breaker.failed()
    clock.now += 2.1
    assert breaker.allows()
    clock.now += 2.1
    assert breaker.allows()
