"""A clock and ids that say the same on every machine: for replays, demos and tests."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256


class ReplayClock:
    """A clock that stands still until it is moved, and never goes back."""

    def __init__(self, at: datetime) -> None:
        """Start at an instant."""
        self._at = at

    def now(self) -> datetime:
        """Return the instant it was last moved to."""
        return self._at

    def move_to(self, at: datetime) -> None:
        """Go on to a later instant; an earlier one changes nothing."""
        self._at = max(self._at, at)


class SeededIds:
    """UUIDv7 whose time comes from a clock, and whose other bits from a seed and a counter."""

    def __init__(self, seed: str, clock: ReplayClock) -> None:
        """Begin at the first id of the seed."""
        self._seed = seed.encode()
        self._clock = clock
        self._made = 0

    def new(self) -> str:
        """Return the next id; its last three digits are zero, for numbering parts."""
        self._made += 1
        milliseconds = int(self._clock.now().timestamp() * 1000)
        digest = sha256(self._seed + self._made.to_bytes(8, "big")).hexdigest()
        head = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
        # The counter comes first, so that ids of one millisecond still rise.
        return (
            f"{head[:8]}-{head[8:]}-7{self._made >> 12 & 0xFFF:03x}"
            f"-8{self._made & 0xFFF:03x}-{digest[:9]}000"
        )

    @property
    def made(self) -> int:
        """How many ids there were so far."""
        return self._made

    def skip(self, count: int) -> None:
        """Go on as if so many more had been made: whoever replays a part knows the rest."""
        self._made += count
