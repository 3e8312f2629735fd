"""The twelve ways a venue fails, switchable for each kind of call, by count or by chance.

Whatever a fault does to the answer, the book keeps the truth: it says whether the call had its
effect. Numbers in brackets are those of the twelve kinds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from threading import RLock
from typing import Any


class Call(StrEnum):
    """What is asked of the venue."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    AMEND = "amend"
    QUERY = "query"  # one order
    LIST = "list"  # orders, fills, balances, positions
    MARKET = "market"  # prices, instruments, the time
    STREAM = "stream"


class Fault(StrEnum):
    """What goes wrong. `status`, `seconds`, `retry_after` and `body` are the rule's."""

    REFUSE = "refuse"  # (1) no effect, answered with `status`: 400, 401, 403, 422
    TOO_MANY = "too_many"  # (2) no effect, 429, with Retry-After if the rule has one
    ERROR_BEFORE = "error_before"  # (3) no effect, answered with `status`: 500, 502, 503
    ERROR_AFTER = "error_after"  # (4) effect, answered with `status`
    TIMEOUT_BEFORE = "timeout_before"  # (5) no effect, no answer
    TIMEOUT_AFTER = "timeout_after"  # (6) effect, no answer
    EFFECT_LATE = "effect_late"  # (6) no answer, and the effect only after `seconds`
    RESET_BEFORE = "reset_before"  # (7) no effect, the connection is reset
    RESET = "reset"  # (7) effect, and the connection is reset within the answer
    GARBAGE = "garbage"  # (8) effect, 200 with `body`
    STRANGE_STATUS = "strange_status"  # (9) effect, 200 with a status nobody knows
    NO_ID = "no_id"  # (9) effect, 200 without the order's id
    REDIRECT = "redirect"  # (8) no effect, `status` 307 to the URL in `body`
    DRIP = "drip"  # (8) effect, and an answer whose bytes come one in 0.05 s, for `seconds`
    LATE = "late"  # (10) effect, and the answer after `seconds`
    # (11) and (12), for Call.STREAM
    DOUBLED = "doubled"  # everything is said twice
    SHUFFLED = "shuffled"  # what is said within `seconds` comes in another order
    REVERSED = "reversed"  # what is said within `seconds` comes last first
    REPLAYED = "replayed"  # whoever connects is told everything again
    FILLS_LATE = "fills_late"  # fills are said only after the order is closed
    LOST = "lost"  # nobody is told, ever
    SILENT = "silent"  # (12) for Call.STREAM as LOST; for others as TIMEOUT_BEFORE
    GARBLED = "garbled"  # half a frame comes instead
    DEAF = "deaf"  # whoever connects is told nothing, and no ping is answered
    CLOSED = "closed"  # the stream is closed instead of saying it


HTML = "<html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>"
GARBAGE = (HTML, "", "{", "null", "[]", "{}", '"ok"', "\x00\xff", '{"orderId": tru')
STREAM_FAULTS = frozenset(
    {
        Fault.DOUBLED,
        Fault.SHUFFLED,
        Fault.REVERSED,
        Fault.REPLAYED,
        Fault.FILLS_LATE,
        Fault.LOST,
        Fault.GARBLED,
        Fault.DEAF,
        Fault.CLOSED,
    }
)
_FOR_EVER = 10**9


@dataclass(slots=True, kw_only=True)
class Rule:
    """When a fault happens. It is over when it happened `count` times."""

    fault: Fault
    calls: frozenset[Call]
    count: int = _FOR_EVER
    probability: float = 1.0
    skip: int = 0  # how many calls it lets pass first
    status: int = 503
    seconds: float = 60.0
    retry_after: int | None = None
    body: str = HTML
    code: int | None = None  # the venue's own number for a refusal
    text: str = "simulated"

    @staticmethod
    def of(fields: dict[str, Any]) -> Rule:
        """Make a rule from JSON."""
        calls = frozenset(Call(it) for it in fields.pop("calls"))
        return Rule(fault=Fault(fields.pop("fault")), calls=calls, **fields)


class Faults:
    """The faults in force. The first rule that fits and strikes is the one that happens."""

    def __init__(self, seed: int = 0) -> None:
        """Start without any. `seed` decides about chance and about what is shuffled."""
        self.random = Random(seed)  # noqa: S311
        self.happened: Counter[tuple[Call, Fault]] = Counter()
        self._rules: list[Rule] = []
        self._lock = RLock()

    def add(self, fault: Fault, *calls: Call, **how: Any) -> Rule:
        """Put a fault into force for some kinds of call; return its rule."""
        with self._lock:
            rule = Rule(fault=fault, calls=frozenset(calls), **how)
            self._rules.append(rule)
            return rule

    def put(self, rule: Rule) -> None:
        """Put a rule into force."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Heal everything."""
        with self._lock:
            self._rules.clear()

    def remove(self, rule: Rule) -> None:
        """Heal one of them."""
        with self._lock:
            self._rules.remove(rule)

    def draw(self, call: Call) -> Rule | None:
        """Return what happens to this call of HTTP, and count it."""
        with self._lock:
            not_here = STREAM_FAULTS | ({Fault.SILENT} if call is Call.STREAM else set())
            return self._draw(call, [it for it in self._rules if it.fault not in not_here])

    def strikes(self, *faults: Fault) -> Rule | None:
        """Return the rule if one of these happens to the stream now, and count it."""
        with self._lock:
            return self._draw(Call.STREAM, [it for it in self._rules if it.fault in faults])

    def in_force(self, fault: Fault, call: Call = Call.STREAM) -> Rule | None:
        """Return the rule with that fault, without counting."""
        with self._lock:
            for rule in self._rules:
                if rule.fault is fault and call in rule.calls and rule.count > 0:
                    return rule
            return None

    def _draw(self, call: Call, rules: Iterable[Rule]) -> Rule | None:
        for rule in rules:
            if call not in rule.calls or rule.count <= 0:
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.probability < 1 and self.random.random() >= rule.probability:
                continue
            rule.count -= 1
            self.happened[call, rule.fault] += 1
            return rule
        return None
