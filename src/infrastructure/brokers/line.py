"""A line to a venue: one client library, one call at a time, and what is known of each call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.venue import (
    Absent,
    Denied,
    NotSent,
    Unclear,
)
from traderbot.infrastructure.brokers.evidence import Evidence, Witness
from traderbot.infrastructure.brokers.venue_errors import (
    Meaning,
    absent,
    denied,
    meaning_of,
    not_sent,
    unclear,
)

T = TypeVar("T")
_GRACE: Final = 0.5  # seconds for what comes after the answer


class UnreadableError(ValueError):
    """The venue said something that cannot be understood."""


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """A call that came back."""

    value: T
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that did not come back, or not with an answer."""

    meaning: Meaning
    evidence: Evidence
    why: str  # never the library's own words: they quote signed URLs

    def of_submission(self) -> Denied | NotSent | Unclear:
        """Return what it means for an order that was to be sent."""
        match self.meaning:
            case Meaning.REFUSED | Meaning.ABSENT:
                return denied(self.evidence, self.why)
            case Meaning.DEFERRED | Meaning.NOT_SENT:
                return not_sent(self.evidence, self.why)
            case Meaning.DUPLICATE:
                return unclear(self.evidence, "the venue has an order of that name")
            case Meaning.UNKNOWN:
                return unclear(self.evidence, self.why)

    def of_change(self) -> Denied | Absent | NotSent | Unclear:
        """Return what it means for an order that was to be changed or canceled."""
        if self.meaning is Meaning.ABSENT:
            return absent(self.evidence)
        return self.of_submission()

    def of_question(self) -> Absent | NotSent | Unclear:
        """Return what it means for a question about one order. A refusal answers nothing."""
        match self.meaning:
            case Meaning.ABSENT:
                return absent(self.evidence)
            case Meaning.DEFERRED | Meaning.NOT_SENT:
                return not_sent(self.evidence, self.why)
            case Meaning.REFUSED | Meaning.DUPLICATE | Meaning.UNKNOWN:
                return unclear(self.evidence, self.why)

    def unavailable(self) -> VenueUnavailableError:
        """Return the error of a question that has no other answer."""
        problem = self.evidence.problem()
        words = f": {problem[1][:200]}" if problem is not None else ""
        status = "" if self.evidence.status is None else f" (status {self.evidence.status})"
        return VenueUnavailableError(f"{self.why}{status}{words}")


class Budget(Protocol):
    """How much may still be asked of a venue."""

    def take(self, weight: int = 1, *, for_cancel: bool = False) -> float:
        """Take so much; return 0, or after how many seconds it may be there. Raises OSError."""
        ...

    def spend(self, used: int) -> None:
        """Learn from the venue how much of the window is used. Raises OSError."""
        ...


class Line:
    """One client. Callers wait for each other, never longer than a call may take."""

    def __init__(
        self,
        make: Callable[[], tuple[Any, Witness]],
        by_class: Callable[[BaseException, Evidence], Meaning],
        *,
        timeout_seconds: float,
        budget: Budget | None = None,
    ) -> None:
        """Call through the client that `make` makes, whose session sends through its witness."""
        self._make = make
        self.client, self._witness = make()
        self._by_class = by_class
        self._timeout, self._budget = timeout_seconds, budget
        self._lock = threading.Lock()

    def call(
        self, work: Callable[[Any], T], *, weight: int = 1, for_cancel: bool = False
    ) -> Said[T] | Failed:
        """Make one call. It never raises: what went wrong is in the answer."""
        if not self._lock.acquire(timeout=self._timeout):
            why = "other calls to the venue have not ended"
            return Failed(Meaning.NOT_SENT, Evidence(), why)
        try:
            waiting = self._take(weight, for_cancel=for_cancel)
            return waiting if waiting is not None else self._made(work)
        finally:
            self._lock.release()

    def _made(self, work: Callable[[Any], T]) -> Said[T] | Failed:
        """Make the call in a thread of its own: names that take for ever have no time-out."""
        answers: list[Said[T] | Failed] = []
        ended = threading.Event()
        client, witness = self.client, self._witness
        witness.forget()

        def run() -> None:
            answers.append(self._tried(work, client, witness))
            ended.set()

        threading.Thread(target=run, name="traderbot-venue-call", daemon=True).start()
        if not ended.wait(self._timeout + _GRACE):
            # It may still be on its way, so nothing else may use what it uses.
            self.client, self._witness = self._make()
            under_way = Evidence(tried=True, begun=True)
            return Failed(Meaning.UNKNOWN, under_way, "the venue did not answer in time")
        self._learn(witness.evidence)
        return answers[0]

    def _tried(
        self,
        work: Callable[[Any], T],
        client: Any,  # noqa: ANN401
        witness: Witness,
    ) -> Said[T] | Failed:
        try:
            value = work(client)
        except Exception as error:  # noqa: BLE001 - the libraries stumble in many ways over garbage
            evidence = witness.evidence
            meaning = meaning_of(evidence, self._by_class(error, evidence))
            return Failed(meaning, evidence, _why(error, evidence))
        return Said(value, witness.evidence)

    def _take(self, weight: int, *, for_cancel: bool) -> Failed | None:
        if self._budget is None:
            return None
        try:
            seconds = self._budget.take(weight, for_cancel=for_cancel)
        except OSError as error:
            why = f"the budget of requests cannot be read: {type(error).__name__}"
            return Failed(Meaning.NOT_SENT, Evidence(), why)
        if not seconds:
            return None
        waiting = Evidence(headers={"Retry-After": f"{seconds:.3f}"})
        return Failed(Meaning.NOT_SENT, waiting, "no budget of requests is left")

    def _learn(self, evidence: Evidence) -> None:
        used = evidence.used_weight
        if self._budget is not None and used is not None:
            with suppress(OSError):  # the next `take` will say so, before anything is sent
                self._budget.spend(used)

    def close(self) -> None:
        """Hang up."""
        self._witness.close()


def _why(error: BaseException, evidence: Evidence) -> str:
    name = type(error).__name__
    if isinstance(error, UnreadableError):
        return str(error)
    if not evidence.begun:
        return f"it never left: {name}"
    if evidence.status is None:
        return f"the venue did not answer: {name}"
    return f"the venue's answer could not be read: {name}"
