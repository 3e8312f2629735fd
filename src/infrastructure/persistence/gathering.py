"""When waiting for company pays: callers who were answered together tend to come again together.

Without it callers fall into two groups, one being served while the other waits, and each group pays
for a commit of its own: sixteen callers get two syncs of the disk where one would do.
"""

from __future__ import annotations

from typing import Final

PATIENCE_SECONDS: Final = 0.0001  # between one arrival and the next; a caller needs a third of it
_LONGEST_PAUSE: Final = 64


class Gathering:
    """How many callers are about, and whether they came when they were waited for last.

    Callers who come at their own pace are not worth waiting for. When the expected number does not
    come, waiting is left out for one batch, then two, then four, so that it costs next to nothing.
    """

    def __init__(self, most: int) -> None:
        """Begin with nobody expected, and never expect more than `most`, which a batch holds."""
        self._most = most
        self.expected = 0
        self._pause = 1  # batches to go without waiting after the next disappointment
        self._left = 0  # how many of them are still to come

    def served(self, answered: int, *, still_waiting: int) -> None:
        """Note the end of a batch: those it answered may come again, beside those who wait."""
        self.expected = min(answered + still_waiting, self._most)

    def worth_it(self, waiting: int) -> bool:
        """Whether to wait for more than those who wait already. To be asked once a batch."""
        if waiting >= self.expected:
            return False
        if self._left:
            self._left -= 1
            return False
        return True

    def ended(self, waiting: int) -> None:
        """Note how many there were when the waiting ended."""
        if waiting >= self.expected:
            self._pause = 1
        else:
            self._left = self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
