"""The sliding window, exactly: it keeps the moment of everything it admitted."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from traderbot.application.ports.rate_limiter import NANOSECONDS, Rate, Verdict, verdict_of

# The moments, oldest first, in nanoseconds. Changed in place: a copy of each would cost more than
# all the rest.
Moments: TypeAlias = deque[int]


class SlidingWindow:
    """At most `amount` in any window of `seconds`, wherever it begins.

    What is admitted at one instant counts until exactly `seconds` later, and no longer. The state
    of a key are up to `amount` moments.

    Raises:
        ValueError: a number is out of its range.
    """

    __slots__ = ("_amount", "_window", "rate")

    def __init__(self, amount: int, seconds: int = 60) -> None:
        """Allow `amount` in any `seconds`."""
        self.rate = Rate(amount, seconds)
        self._amount = amount
        self._window = seconds * NANOSECONDS

    @property
    def name(self) -> str:
        """Its name among the strategies."""
        return "sliding-window"

    def fresh(self) -> Moments:
        """Return the state of a key nothing was counted under."""
        return deque()

    def admit(self, state: Moments, now_ns: int, cost: int = 1) -> Moments | None:
        """Return the state after admitting `cost` of it now, or None if that is too much."""
        start = now_ns - self._window
        while state and state[0] <= start:
            state.popleft()
        if len(state) + cost > self._amount:
            return None
        if cost == 1:
            state.append(now_ns)
        else:
            state.extend([now_ns] * cost)
        return state

    def give_back(self, state: Moments, now_ns: int, cost: int = 1) -> Moments:
        """Return the state as if `cost` had not been admitted at `now_ns`."""
        for _ in range(cost):
            try:
                state.remove(now_ns)
            except ValueError:  # so late that it counts no more
                break
        return state

    def verdict(self, state: Moments, now_ns: int, *, allowed: bool, cost: int = 1) -> Verdict:
        """Tell what is left in a state."""
        start = now_ns - self._window
        if state and state[0] <= start:
            state = deque(each for each in state if each > start)
        count = len(state)
        reset = state[-1] - start if count else 0
        retry = 0
        if not allowed:
            # So many must leave before this fits; more than the limit never will.
            leaving = count + cost - self._amount
            retry = state[leaving - 1] - start if 0 < leaving <= count else self._window
        return verdict_of((allowed, self._amount - count, retry, reset))
