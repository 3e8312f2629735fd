"""What became of an ended order is not read from the whole book again and again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.builders import NOON, PORTFOLIO_ID
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Price, Quantity, symbol
from traderbot.domain.simulation.events import PaperAccepted, PaperCanceled, PaperEvent
from traderbot.domain.simulation.record import PaperStatus
from traderbot.infrastructure.brokers.paper_records import PaperRecords

BOOK = "book"


class Log:
    """A book's events, and how many of them were read."""

    def __init__(self) -> None:
        self.events: list[tuple[datetime, PaperEvent]] = []
        self.read = 0

    def after(self, _book: str, version: int) -> Sequence[tuple[datetime, PaperEvent]]:
        found = self.events[version:]
        self.read += len(found)
        return found

    def ended(self, number: int) -> OrderId:
        id_ = OrderId(f"0192f0c1-0000-7000-8000-{number:012x}")
        ticket = Ticket(
            portfolio_id=PORTFOLIO_ID,
            symbol=symbol("AAPL"),
            side=Side.BUY,
            quantity=Quantity(1),
            kind=OrderKind.LIMIT,
            limit_price=Price(90),
        )
        at = NOON + timedelta(seconds=number)
        came = PaperAccepted(at=at, order_id=id_, client_order_id="c", ticket=ticket, active_at=at)
        went = PaperCanceled(at=at, order_id=id_, reason=f"number {number}")
        self.events += [(at, came), (at, went)]
        return id_


def test_each_event_is_read_once_however_often_is_asked() -> None:
    log = Log()
    records = PaperRecords(log.after)
    for number in range(200):
        id_ = log.ended(number)
        for _ in range(3):
            found = records.of(BOOK, id_)
            assert found is not None
            assert (found.status, found.reason) == (PaperStatus.CANCELED, f"number {number}")
    assert log.read == len(log.events)


def test_an_order_that_never_came_has_no_record() -> None:
    log = Log()
    log.ended(1)
    assert PaperRecords(log.after).of(BOOK, OrderId("0192f0c1-0000-7000-8000-ffffffffffff")) is None


def test_what_is_kept_is_bounded_and_what_is_not_is_found_all_the_same() -> None:
    log = Log()
    records = PaperRecords(log.after, most=10)
    ids = [log.ended(number) for number in range(500)]
    assert records.of(BOOK, ids[-1]) is not None
    assert len(records.all(BOOK)) <= 20
    oldest = records.of(BOOK, ids[0])
    assert oldest is not None
    assert oldest.reason == "number 0"
