"""What the desk cannot put right by itself: it says so, and somebody decides what stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from traderbot.domain.shared.ids import OrderId


class AlarmKind(StrEnum):
    """What is wrong."""

    UNCONFIRMED = "unconfirmed"  # an order nobody can say the state of
    OVERFILLED = "overfilled"  # the venue traded more than was asked
    FOREIGN_ORDER = "foreign_order"  # works at the venue, and we did not send it
    ORDER_ALIVE = "order_alive"  # ended here, works there
    ORDER_MISSING = "order_missing"  # works here, and the venue does not know it
    OTHER_TRADE = "other_trade"  # a trade under an order's name that cannot be that order's
    POSITION = "position"  # the venue holds another quantity than the ledger
    DIFFERENT_ORDER = "different_order"  # what would be sent is not what was approved
    UNCANCELED = "uncanceled"  # asked back for long, and the venue keeps it working
    ABSURD_PRICE = "absurd_price"  # ours, and at a price nobody could have approved
    DEAD_MAN_SILENT = "dead_man_silent"  # the venue may cancel everything at any moment
    STREAM_SILENT = "stream_silent"
    VENUE_AWAY = "venue_away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that is wrong. `key` is the same whenever it is noticed again.

    `fresh` is None for what lasts: after a restart it is told again. What happened once is told
    when it happens (True), and when it is found later (False) only if no record tells of it.
    """

    kind: AlarmKind
    venue: str
    key: str
    sentence: str
    order_id: OrderId | None = None
    raw: str = ""
    fresh: bool | None = None


Alarms = Callable[[Alarm], None]
