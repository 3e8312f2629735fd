"""What a bot's runner records of what the paper venue did, and where that is recorded already."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from traderbot.application.commands.record_fill import RecordFill
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.domain.orders.ticket import Fill
from traderbot.domain.shared.ids import FillId
from traderbot.domain.simulation.events import (
    PaperCanceled,
    PaperEvent,
    PaperExpired,
    PaperRejected,
    PaperTraded,
    PaperTriggered,
)
from traderbot.infrastructure.brokers.paper_venue import ACCOUNT, PaperVenue
from traderbot.infrastructure.brokers.paper_words import venue_order_id
from traderbot.what_if.history import Deed
from traderbot.what_if.wishes import Answered, fill_of, meeting_of, record_answer

_HEARD: Mapping[type, Heard] = {
    PaperTriggered: Heard.TRIGGERED,
    PaperCanceled: Heard.CANCELED,
    PaperExpired: Heard.EXPIRED,
    PaperRejected: Heard.REJECTED,
}


def told_by(event: PaperEvent) -> RecordFill | RecordVenueAnswer | None:
    """Return what is recorded when the venue says this, None if nothing is."""
    match event:
        case PaperTraded():
            fill = Fill(
                id=FillId(f"{PaperVenue.name}:{ACCOUNT}:{event.trade_id}"),
                at=event.at,
                quantity=event.quantity,
                price=event.price,
                fee=event.fee,
            )
            return RecordFill(
                order_id=event.order_id,
                fill=fill,
                venue=PaperVenue.name,
                venue_order_id=venue_order_id(event.order_id),
            )
        case PaperTriggered() | PaperCanceled() | PaperExpired() | PaperRejected():
            return RecordVenueAnswer(
                order_id=event.order_id,
                venue=PaperVenue.name,
                call="stream",
                heard=_HEARD[type(event)],
                at=event.at,
                reason="" if isinstance(event, PaperTriggered) else event.reason,
                code="VENUE_REJECTED" if isinstance(event, PaperRejected) else "",
                price=event.price if isinstance(event, PaperTriggered) else None,
            )
        case _:
            return None


def take(left: list[Deed], fits: Callable[[Deed], bool]) -> Deed | None:
    """Take the first deed out that fits."""
    found = next((deed for deed in left if fits(deed)), None)
    if found is not None:
        left.remove(found)
    return found


def is_meeting(book_id: str, deed: Deed) -> bool:
    """Whether a deed recorded what the market did to that book."""
    return meeting_of(deed) is not None and deed.first.stream == f"paper-{book_id}"


def tells(command: RecordFill | RecordVenueAnswer, deed: Deed) -> bool:
    """Whether a deed recorded the same news of the same order, whatever the amounts were."""
    if isinstance(command, RecordFill):
        filled = fill_of(deed)
        return filled is not None and filled.fill.id == command.fill.id
    said = next((it for it in deed.events if isinstance(it, Answered)), None)
    return (
        said is not None
        and said.order_id == command.order_id
        and record_answer(said, command.venue).heard is command.heard
    )
