"""How much may still be asked of an exchange: one budget, shared by every process of this machine.

Exchanges count a weight per call and ban whoever goes over. The count lives in a small file under a
lock, so two processes never spend the same weight, and a restart forgets nothing. Part of it is
kept for cancels: what went wrong can always be taken back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic_ns, sleep
from typing import Final

from traderbot.infrastructure.rate_limiter.token_bucket import TokenBucket

try:
    import fcntl
except ImportError:  # a system without it: one process at a time, as SQLite's own lock demands
    fcntl = None  # type: ignore[assignment]

_NANOSECONDS: Final = 1_000_000_000
_LONGEST_WAIT: Final = 1_000_000_000  # nanoseconds for the lock
_LONGEST: Final = 64  # digits of the state


class RequestBudget:
    """`weight` units in `seconds`, of which `reserve` is only for cancels."""

    def __init__(
        self,
        path: Path,
        weight: int,
        seconds: int = 60,
        *,
        reserve: int = 0,
        now_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        """Share the budget kept in `path`; the file is made when it is not there.

        `now_ns` is a clock that all processes of the machine share and that never goes back.

        Raises:
            ValueError: the reserve is the whole budget or more, or a number is out of its range.
        """
        if not 0 <= reserve < weight:
            msg = f"the reserve is at least 0 and below the budget of {weight}, not {reserve}"
            raise ValueError(msg)
        self._bucket = TokenBucket(weight, seconds)
        self._reserve = reserve
        self._path = path
        self._now_ns = now_ns
        self._here = Lock()  # a file's lock does not keep the threads of one process apart
        path.parent.mkdir(parents=True, exist_ok=True)

    def take(self, weight: int = 1, *, for_cancel: bool = False) -> float:
        """Take so much; return 0, or after how many seconds it may be there.

        Raises:
            OSError: the file cannot be read or written. Then nothing may be sent.
        """
        kept = 0 if for_cancel else self._reserve
        bucket = self._bucket
        with self._locked() as file:
            now = self._now_ns()
            state = self._read(file, now)
            if bucket.admit(state, now, weight + kept) is None:
                self._write(file, state)  # as it was read: a clock that began anew is forgotten
                verdict = bucket.verdict(state, now, allowed=False, cost=weight + kept)
                return max(verdict.retry_ns, 1) / _NANOSECONDS
            after = bucket.admit(state, now, weight)
            assert after is not None  # noqa: S101 - for the type checker: more was there
            self._write(file, after)
            return 0.0

    def spend(self, used: int) -> None:
        """Learn from the exchange how much of the window is used; never less than we knew."""
        bucket = self._bucket
        with self._locked() as file:
            now = self._now_ns()
            told = bucket.admit(bucket.fresh(), now, min(used, bucket.burst))
            state = self._read(file, now)
            if told is not None and told > state:
                self._write(file, told)

    def left(self) -> int:
        """Return how much is there, the reserve included."""
        with self._locked() as file:
            now = self._now_ns()
            return self._bucket.verdict(self._read(file, now), now, allowed=True).remaining

    @contextmanager
    def _locked(self) -> Iterator[int]:
        with self._here:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._lock(file)
                yield file
            finally:
                os.close(file)  # and with it the lock

    @staticmethod
    def _lock(file: int) -> None:
        """Lock the file; a program that holds it for long shall not hold back a cancel for ever."""
        if fcntl is None:
            return
        deadline = monotonic_ns() + _LONGEST_WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic_ns() > deadline:
                    raise
                sleep(0.002)
            else:
                return

    def _read(self, file: int, now: int) -> int:
        text = os.pread(file, _LONGEST, 0).strip()
        state = int(text) if text.isdigit() else self._bucket.fresh()
        # The clock began anew with the machine: what is written then lies in a future too far.
        spent = self._bucket.admit(self._bucket.fresh(), now, self._bucket.burst)
        return min(state, spent) if spent is not None else state

    def _write(self, file: int, state: int) -> None:
        text = str(state).encode().ljust(_LONGEST)
        os.pwrite(file, text, 0)
