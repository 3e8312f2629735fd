"""What the token bucket and the sliding window have in common."""

from __future__ import annotations

from typing import Protocol, TypeVar

from traderbot.application.ports.rate_limiter import Rate, Verdict

S = TypeVar("S")  # what is kept of one key


class Policy(Protocol[S]):
    """A way to count. Time comes from outside, monotonic, as integer nanoseconds."""

    rate: Rate

    @property
    def name(self) -> str:
        """Its name among the strategies."""
        ...

    def fresh(self) -> S:
        """Return the state of a key nothing was counted under."""
        ...

    def admit(self, state: S, now_ns: int, cost: int = 1) -> S | None:
        """Return the next state, or None if it is too much; then nothing changed."""
        ...

    def give_back(self, state: S, now_ns: int, cost: int = 1) -> S:
        """Return the state as if that had not been admitted then."""
        ...

    def verdict(self, state: S, now_ns: int, *, allowed: bool, cost: int = 1) -> Verdict:
        """Tell what is left in a state."""
        ...
