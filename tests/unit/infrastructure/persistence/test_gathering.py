"""Waiting for company is worth it as long as it comes."""

from __future__ import annotations

from traderbot.infrastructure.persistence.gathering import Gathering


def disappoint(gathering: Gathering) -> int:
    """Expect sixteen, wait in vain once; return how many batches are then not waited for."""
    gathering.served(16, still_waiting=0)
    assert gathering.worth_it(1)
    gathering.ended(1)
    left_out = 0
    while not gathering.worth_it(1):
        left_out += 1
    return left_out


def test_nobody_is_expected_at_first() -> None:
    assert not Gathering(256).worth_it(1)


def test_those_who_were_answered_are_expected_beside_those_who_wait() -> None:
    gathering = Gathering(256)
    gathering.served(15, still_waiting=1)
    assert gathering.expected == 16
    assert gathering.worth_it(15)
    assert not gathering.worth_it(16)


def test_a_lone_caller_is_never_waited_for() -> None:
    gathering = Gathering(256)
    gathering.served(1, still_waiting=0)
    assert not gathering.worth_it(1)


def test_more_than_a_batch_holds_is_never_expected() -> None:
    gathering = Gathering(8)
    gathering.served(8, still_waiting=12)
    assert gathering.expected == 8
    assert not gathering.worth_it(8)


def test_callers_who_do_not_come_are_waited_for_less_and_less() -> None:
    gathering = Gathering(256)
    pauses = [disappoint(gathering) for _ in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def test_once_they_come_again_they_are_waited_for_as_before() -> None:
    gathering = Gathering(256)
    for _ in range(5):
        disappoint(gathering)
    gathering.ended(16)
    assert disappoint(gathering) == 1
