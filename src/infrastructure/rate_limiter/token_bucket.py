"""The token bucket, as pure arithmetic on integers."""

from __future__ import annotations

from traderbot.application.ports.rate_limiter import NANOSECONDS, Rate, Verdict, verdict_of


class TokenBucket:
    """A bucket of `burst` tokens, into which `amount` flow in `seconds`, evenly.

    A window of that length admits at most `burst + amount`: what was in the bucket, and what
    flowed in. Where no window may hold more than the limit, take `SlidingWindow`.

    Its state is one integer, the moment at which the bucket is full again, in units of 1/amount
    nanoseconds: so every token is worth a whole number, and nothing drifts.

    Source:
        Turner, "New directions in communications", IEEE Communications Magazine 24(10), 1986;
        in this form the virtual scheduling algorithm (GCRA) of ITU-T I.371.

    Raises:
        ValueError: a number is out of its range.
    """

    __slots__ = ("_amount", "_full", "_token", "burst", "rate")

    def __init__(self, amount: int, seconds: int = 60, *, burst: int | None = None) -> None:
        """Allow `amount` in `seconds`, and `burst` of them at once; all of them by default."""
        self.rate = Rate(amount, seconds)
        self.burst = amount if burst is None else burst
        if not 1 <= self.burst <= 10 * amount:
            msg = f"the burst is 1 to {10 * amount}, ten times the amount; this is {burst}"
            raise ValueError(msg)
        self._amount = amount
        self._token = seconds * NANOSECONDS  # what one token is worth
        self._full = self.burst * self._token

    @property
    def name(self) -> str:
        """Its name among the strategies."""
        return "token-bucket"

    def fresh(self) -> int:
        """Return the state of a key nothing was counted under."""
        return 0

    def admit(self, state: int, now_ns: int, cost: int = 1) -> int | None:
        """Return the state after taking `cost` tokens, or None if there are not so many."""
        now = now_ns * self._amount
        # Written out: a call of `max` costs as much as the rest of this.
        start = state if state > now else now  # noqa: FURB136
        after = start + (self._token if cost == 1 else cost * self._token)
        return after if after - now <= self._full else None

    def give_back(self, state: int, now_ns: int, cost: int = 1) -> int:
        """Return the state as if `cost` tokens had not been taken at `now_ns`."""
        del now_ns
        return state - cost * self._token

    def verdict(self, state: int, now_ns: int, *, allowed: bool, cost: int = 1) -> Verdict:
        """Tell what is left in a state."""
        amount, full = self._amount, self._full
        owed = max(0, state - now_ns * amount)
        missing = 0
        if not allowed:  # more than the burst never fits; but a number has to stand there
            missing = full if cost > self.burst else owed + cost * self._token - full
        left = (full - owed) // self._token
        return verdict_of((allowed, left, -(-missing // amount), -(-owed // amount)))
