"""How patient whoever keeps the bots is. All in seconds of a clock that only goes forward."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BotPace:
    """When to look, how long to wait for a strategy, and when to try again.

    `lease` is how long a process is taken to live after its last sign of life. `answer` is how long
    a strategy may think about one bar. `retry` doubles with each failure up to `longest_retry`, and
    is made up to half shorter by chance, so that many bots do not come back at one instant.
    """

    look: float = 0.5
    lease: float = 10.0
    answer: float = 10.0
    retry: float = 1.0
    longest_retry: float = 60.0
    portion: int = 500  # bars taken in before the other bots have their turn
    lanes: int = 4  # bots that may be at work at once

    def pause(self, failures: int, chance: float) -> float:
        """Return how long to wait after so many failures in a row; `chance` is from 0 to 1."""
        longest = min(self.retry * 2.0 ** min(failures - 1, 30), self.longest_retry)
        return longest * (1 - chance / 2)
