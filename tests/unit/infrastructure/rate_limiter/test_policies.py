"""The arithmetic, and the laws it keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.application.ports.rate_limiter import NANOSECONDS, Rate
from traderbot.infrastructure.rate_limiter.policy import Policy
from traderbot.infrastructure.rate_limiter.sliding_window import SlidingWindow
from traderbot.infrastructure.rate_limiter.token_bucket import TokenBucket

AMOUNTS = st.integers(1, 20)
SECONDS = st.integers(1, 90)
# Steps of all sizes, down to single nanoseconds around whole windows.
STEPS = st.lists(
    st.one_of(
        st.just(0),
        st.integers(0, 10),
        st.integers(0, 100 * NANOSECONDS),
        st.builds(lambda s, d: s * NANOSECONDS + d, st.integers(1, 90), st.integers(-2, 2)),
    ),
    max_size=120,
)


def moments(steps: list[int]) -> list[int]:
    at, found = 10**15, []
    for step in steps:
        at += step
        found.append(at)
    return found


def admitted(policy: Policy[Any], steps: list[int]) -> list[int]:
    state, found = policy.fresh(), []
    for now in moments(steps):
        after = policy.admit(state, now)
        if after is not None:
            state = after
            found.append(now)
    return found


@given(amount=AMOUNTS, seconds=SECONDS, steps=STEPS)
def test_no_window_admits_more_than_the_limit(amount: int, seconds: int, steps: list[int]) -> None:
    times = admitted(SlidingWindow(amount, seconds), steps)
    for first, last in zip(times, times[amount:], strict=False):
        assert last - first >= seconds * NANOSECONDS


@given(amount=AMOUNTS, seconds=SECONDS, steps=STEPS)
def test_a_window_refuses_only_what_would_break_the_limit(
    amount: int, seconds: int, steps: list[int]
) -> None:
    policy = SlidingWindow(amount, seconds)
    state, times = policy.fresh(), list[int]()
    for now in moments(steps):
        inside = [it for it in times if it > now - seconds * NANOSECONDS]
        after = policy.admit(state, now)
        assert (after is not None) is (len(inside) < amount)
        if after is not None:
            state = after
            times.append(now)


@given(amount=AMOUNTS, seconds=SECONDS, steps=STEPS, burst=st.integers(1, 10))
def test_a_bucket_never_gives_more_than_it_held_and_what_flowed_in(
    amount: int, seconds: int, steps: list[int], burst: int
) -> None:
    burst = min(burst, 10 * amount)
    times = admitted(TokenBucket(amount, seconds, burst=burst), steps)
    for i, first in enumerate(times):
        for count, last in enumerate(times[i:], start=1):
            # Integers on both sides: one token too many by a nanosecond would show.
            assert (count - burst) * seconds * NANOSECONDS <= (last - first) * amount


@given(amount=AMOUNTS, seconds=SECONDS, steps=STEPS)
def test_a_bucket_loses_nothing_to_rounding(amount: int, seconds: int, steps: list[int]) -> None:
    policy = TokenBucket(amount, seconds)
    token = seconds * NANOSECONDS
    state, level, before = policy.fresh(), amount * token, 0
    for now in moments(steps):
        level = min(amount * token, level + (now - before) * amount) if before else level
        before = now
        after = policy.admit(state, now)
        assert (after is not None) is (level >= token)
        if after is not None:
            state, level = after, level - token


def would(policy: Policy[Any], state: Any, at: int, many: int) -> bool:
    """Tell whether it would be admitted: `admit` may change its state, so a copy is asked."""
    copied = state if isinstance(state, int) else state.copy()
    return policy.admit(copied, at, many) is not None


@pytest.mark.parametrize("make", [SlidingWindow, TokenBucket])
@given(amount=AMOUNTS, seconds=SECONDS, steps=STEPS, cost=st.integers(1, 4))
def test_what_is_told_is_true_to_the_nanosecond(
    make: Any, amount: int, seconds: int, steps: list[int], cost: int
) -> None:
    policy = make(amount, seconds)
    state = policy.fresh()
    for now in moments(steps):
        told = policy.verdict(state, now, allowed=True)
        assert 0 <= told.remaining <= amount
        assert told.remaining == 0 or would(policy, state, now, told.remaining)
        assert not would(policy, state, now, told.remaining + 1)
        if told.reset_ns:
            assert policy.verdict(state, now + told.reset_ns, allowed=True).remaining == amount
            assert policy.verdict(state, now + told.reset_ns - 1, allowed=True).reset_ns == 1
        after = policy.admit(state, now, cost)
        if after is None:
            refused = policy.verdict(state, now, allowed=False, cost=cost)
            assert refused.retry_ns > 0
            if cost <= amount:
                assert would(policy, state, now + refused.retry_ns, cost)
                assert not would(policy, state, now + refused.retry_ns - 1, cost)
        else:
            state = after


@pytest.mark.parametrize("make", [SlidingWindow, TokenBucket])
@given(amount=AMOUNTS, seconds=SECONDS, steps=STEPS)
def test_what_is_given_back_was_never_taken(
    make: Any, amount: int, seconds: int, steps: list[int]
) -> None:
    policy, twin = make(amount, seconds), make(amount, seconds)
    state, other = policy.fresh(), twin.fresh()
    for number, now in enumerate(moments(steps)):
        after = policy.admit(state, now)
        if number % 3 == 0:
            if after is not None:
                state = policy.give_back(after, now)
            continue
        same = twin.admit(other, now)
        assert (after is None) == (same is None)
        state = state if after is None else after
        other = other if same is None else same


def test_a_bucket_that_was_full_gives_its_burst_and_then_a_token_at_a_time() -> None:
    policy, now = TokenBucket(60, 60, burst=3), 10**15
    state = policy.fresh()
    for _ in range(3):
        after = policy.admit(state, now)
        assert after is not None
        state = after
    assert policy.admit(state, now) is None
    assert policy.admit(state, now + NANOSECONDS - 1) is None
    assert policy.admit(state, now + NANOSECONDS) is not None


def test_a_third_of_a_second_is_three_thirds_after_three() -> None:
    """Three in ten seconds: a token is 3.333… s, which no clock of nanoseconds can say."""
    policy, start = TokenBucket(3, 10), 10**15
    state: Any = policy.fresh()
    state = policy.admit(state, start, 3)
    for ten in range(1, 1000):
        state = policy.admit(state, start + ten * 10 * NANOSECONDS, 3)
        assert state is not None


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/minute", Rate(100, 60)),
        ("100 per minute", Rate(100, 60)),
        ("5/15 minutes", Rate(5, 900)),
        ("5 per 15 minute", Rate(5, 900)),
        ("1/second", Rate(1, 1)),
        ("10 / 2 hours", Rate(10, 7200)),
        (" 7/DAY ", Rate(7, 86_400)),
    ],
)
def test_a_rate_is_read_as_the_library_reads_it(text: str, rate: Rate) -> None:
    from limits import parse  # noqa: PLC0415

    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate
    theirs = parse(text.strip())
    assert (theirs.amount, theirs.get_expiry()) == (rate.amount, rate.seconds)


@pytest.mark.parametrize(
    "text",
    ["", "100", "minute", "0/minute", "-1/minute", "1.5/minute", "100/fortnight", "100/0 minutes",
     "100/minute;5/hour", "100/minute\n5/hour", "1000001/minute", "1/32 days", "1000000/day",
     "١٠/minute"],
)  # fmt: skip
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a rate is"):
        Rate.parse(text)


@pytest.mark.parametrize("burst", [0, -1, 1001])
def test_a_burst_has_bounds(burst: int) -> None:
    with pytest.raises(ValueError, match="the burst is 1 to 1000"):
        TokenBucket(100, 60, burst=burst)
