"""How often, how long and how many times: what following the log takes its time from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BATCH: Final = 500  # events a worker reads at once, and a projection handles in one transaction

_FIRST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 60.0


def backoff(attempt: int) -> float:
    """Return how many seconds to wait after a failed attempt: doubling, with half of it jitter."""
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(attempt - 1, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The patience of every worker of one runner."""

    attempts: int = 8  # of one event, until it is parked or its projection halts
    backoff: Callable[[int], float] = backoff  # seconds after the n-th failed attempt
    lease_seconds: float = 10.0  # how long after a crash somebody else may take over
    poll_seconds: float = 1.0  # a worker looks by itself, should nobody nudge it
    linger_seconds: float = 0.02  # after a nudge, so that neighbours come along in one batch
    longest_linger_seconds: float = 0.25  # while the log grows all the time
    lock_seconds: float = 0.1  # a projection's transaction takes on no further event after this
    turn_seconds: float = 1.0  # how long a suspect waits for others, should one of them hang
    save_seconds: float = 1.0  # how far a checkpoint may lag over events nobody asked for
