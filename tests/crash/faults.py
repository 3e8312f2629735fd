"""The fault matrix: `python -m tests.crash.faults` sends 300 orders through each way a venue fails.

The desk is the real one, and so is the writer, in memory; the venue is a book in this process that
keeps the truth, and time obeys, so that minutes of asking again take none.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from tests.crash.floor import Floor, floor
from tests.venues.faults import Call, Fault
from tests.venues.orders import Top

OF_CALLS = (
    Fault.REFUSE,
    Fault.TOO_MANY,
    Fault.ERROR_BEFORE,
    Fault.ERROR_AFTER,
    Fault.TIMEOUT_BEFORE,
    Fault.TIMEOUT_AFTER,
    Fault.EFFECT_LATE,
    Fault.RESET_BEFORE,
    Fault.RESET,
    Fault.GARBAGE,
    Fault.STRANGE_STATUS,
    Fault.NO_ID,
    Fault.LATE,
)
OF_STREAMS = (Fault.DOUBLED, Fault.SHUFFLED, Fault.REVERSED, Fault.LOST)
_ORDERS = 300
_HEALED = 60  # seconds until every doubt is resolved or shown to a person


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of one way of failing; that the books agree was asserted."""

    orders: int
    struck: int  # calls that failed so
    tried_again: int  # orders that were certainly not sent, or proven not to have arrived
    shown: int  # orders shown to a person
    second_pass: int  # events that a second reconciliation recorded


def through(fault: Fault, *, orders: int, seed: int) -> Passed:
    """Trade while the venue fails, let it be well again, and compare the books.

    Raises:
        AssertionError: they do not agree, or something is still in doubt.
    """
    with floor(seed=seed) as on:
        on.venue.book.set_price("AAPL", Top(Decimal("99.9"), Decimal("100.1")))
        on.go_on(2)
        if fault in OF_STREAMS:
            on.venue.faults.add(fault, Call.STREAM)
        else:
            on.venue.faults.add(fault, Call.SUBMIT, probability=0.4)
            on.venue.faults.add(fault, Call.CANCEL, probability=0.2)
            if fault is not Fault.REFUSE:
                on.venue.faults.add(fault, Call.QUERY, Call.LIST, probability=0.2)
        _trade(on, orders, Random(seed))  # noqa: S311
        struck = sum(on.venue.faults.happened.values())
        on.venue.faults.clear()
        on.venue.do_late()
        on.go_on(_HEALED)
        on.assert_books_agree()
        doubtful = [it for it in on.orders() if it.status in {"submitting", "unknown"}]
        assert not doubtful, "still in doubt"
        on.go_on(_HEALED)
        before = on.events()
        on.start().look()
        on.go_on(_HEALED)
        placed = on.orders()
        return Passed(
            orders=len(placed),
            struck=struck,
            tried_again=sum(it.attempts > 1 and it.status != "rejected" for it in placed),
            shown=sum(it.status == "unconfirmed" for it in placed),
            second_pass=on.events() - before,
        )


def _trade(on: Floor, orders: int, random: Random) -> None:
    """Place orders of both sides, cancel some, move the market, let the venue be late."""
    for number in range(orders):
        side = random.choice(["buy", "sell"]) if number > orders // 3 else "buy"
        price = str(random.choice([99, 100, 101]))
        order = on.place(side=side, quantity=str(random.randint(1, 9)), limit_price=price)
        on.go_on(1)
        working = {"approved", "accepted", "unknown"}
        if random.random() < 0.2 and on.now(order).status in working:
            on.writing.cancel(on.now(order))
        if random.random() < 0.1:
            on.venue.do_late()
        if random.random() < 0.3:
            middle = Decimal(random.choice(["99.5", "100", "100.5"]))
            on.venue.book.set_price("AAPL", Top(middle - Decimal("0.1"), middle + Decimal("0.1")))


def main() -> int:
    """Run all of it and print the matrix."""
    print("| fault | orders | calls struck | more than one try | shown to a person | second pass |")
    print("|---|---|---|---|---|---|")
    wrong = 0
    for fault in (*OF_CALLS, *OF_STREAMS):
        it = through(fault, orders=_ORDERS, seed=7)
        wrong += it.second_pass
        struck = "all of the stream" if fault in OF_STREAMS else str(it.struck)
        told = f"{it.orders} | {struck} | {it.tried_again} | {it.shown} | {it.second_pass} events"
        print(f"| {fault.value} | {told} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
