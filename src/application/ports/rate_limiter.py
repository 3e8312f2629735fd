"""How often somebody may do something: a rate, and whoever counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

NANOSECONDS: Final = 1_000_000_000
MOST_AMOUNT: Final = 1_000_000
MOST_SECONDS: Final = 31 * 86_400
MOST_PRODUCT: Final = 9_000_000_000  # of both: Redis counts exactly up to 2^53 microseconds

_UNITS: Final[dict[str, int]] = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_FORM: Final = re.compile(
    r"\s*([0-9]{1,9})\s*(?:/|\s+per\s+)\s*(?:([0-9]{1,9})\s*)?(second|minute|hour|day)s?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many times in so many seconds.

    Raises:
        ValueError: fewer than one, or more than can be counted exactly.
    """

    amount: int
    seconds: int

    def __post_init__(self) -> None:
        if not (
            1 <= self.amount <= MOST_AMOUNT
            and 1 <= self.seconds <= MOST_SECONDS
            and self.amount * self.seconds <= MOST_PRODUCT
        ):
            msg = (
                f"a rate is 1 to {MOST_AMOUNT} times in 1 to {MOST_SECONDS} seconds, and their "
                f"product at most {MOST_PRODUCT}; this is {self.amount} in {self.seconds}"
            )
            raise ValueError(msg)

    @staticmethod
    def parse(text: str) -> Rate:
        """Return the rate written as `100/minute`, `5 per 15 minutes` or `10/second`.

        Raises:
            ValueError: it is written in another way.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            msg = "a rate is written as 100/minute or 5/15 minutes; the units go from second to day"
            raise ValueError(msg)
        amount, multiple, unit = found.groups()
        return Rate(int(amount), int(multiple or 1) * _UNITS[unit.lower()])

    def __str__(self) -> str:
        for unit, seconds in reversed(_UNITS.items()):
            if self.seconds % seconds == 0:
                many = self.seconds // seconds
                return f"{self.amount}/{unit}" if many == 1 else f"{self.amount}/{many} {unit}s"
        return f"{self.amount}/{self.seconds} seconds"  # never reached: a second divides all


class Verdict(NamedTuple):
    """Whether it may be done, and what is left. Durations are in nanoseconds, from now."""

    allowed: bool
    remaining: int  # after this; never below zero
    retry_ns: int  # until the same could be allowed; 0 if it was
    reset_ns: int  # until nothing counts any more


def verdict_of(parts: tuple[bool, int, int, int]) -> Verdict:
    """Return the verdict of its four parts, in their order; twice as fast as naming them."""
    return tuple.__new__(Verdict, parts)


class RateLimiter(Protocol):
    """Counts what is done under each key, such as `user:123` or `address:192.0.2.7`."""

    @property
    def rate(self) -> Rate:
        """How often is allowed."""
        ...

    def hit(self, key: str, cost: int = 1) -> Verdict:
        """Count it, if it is allowed. What is refused does not count."""
        ...

    async def hit_async(self, key: str, cost: int = 1) -> Verdict:
        """Do the same without ever holding up the event loop."""
        ...

    def get_remaining(self, key: str) -> int:
        """Return how often it may still be done now. Nothing is counted."""
        ...

    def reset(self, key: str) -> None:
        """Forget what was counted under a key."""
        ...

    def close(self) -> None:
        """Let go of what it holds. Asking twice is harmless."""
        ...


class LimitGroup(StrEnum):
    """What is counted together at the API. Each request belongs to one of them."""

    API = "api"
    TRADING = "trading"
    RISK = "risk"
    LOGIN = "login"  # counted for the address, and for the account
    REGISTER = "register"
    CANCEL = "cancel"  # of its own: what ends a risk never waits behind what makes one
    HALT = "halt"
