"""Stored names of events. A name and its fields are a promise to every log ever written.

A new meaning is a new name, or a new schema number with an upcaster in `upcasters.py`.
"""

from __future__ import annotations

from traderbot.application.ports.recorded import DomainEvent
from traderbot.domain.bots.events import BotDecided, BotStarted, BotStopped
from traderbot.domain.market.events import BarsRecorded
from traderbot.domain.operations.events import EpochStarted, ParkedDiscarded
from traderbot.domain.orders.events import (
    AmendRefused,
    AmendRequested,
    CancelRefused,
    CancelRequested,
    OrderAccepted,
    OrderAmended,
    OrderApproved,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderNotFound,
    OrderPlaced,
    OrderRefused,
    OrderRejected,
    OrderSubmitting,
    OrderTriggered,
    OrderUnconfirmed,
    SubmissionDeferred,
    SubmissionUnknown,
    VenueAnswered,
)
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    ExposureReleased,
    ExposureReserved,
    FillBooked,
    PortfolioOpened,
)
from traderbot.domain.risk.events import (
    LimitChanged,
    LimitReturned,
    TradingHalted,
    TradingReduced,
    TradingResumed,
)
from traderbot.domain.simulation.events import (
    PaperAccepted,
    PaperAmended,
    PaperBookOpened,
    PaperCanceled,
    PaperExpired,
    PaperRejected,
    PaperRested,
    PaperTraded,
    PaperTrailMoved,
    PaperTriggered,
)
from traderbot.domain.users.events import UserDeactivated, UserRegistered
from traderbot.domain.venues.events import BaselineRecorded, DifferenceEnded, DifferenceFound

# name: (class, newest schema)
EVENT_TYPES: dict[str, tuple[type[DomainEvent], int]] = {
    "user.registered": (UserRegistered, 1),
    "user.deactivated": (UserDeactivated, 1),
    "portfolio.opened": (PortfolioOpened, 1),
    "portfolio.cash_deposited": (CashDeposited, 1),
    "portfolio.cash_withdrawn": (CashWithdrawn, 1),
    "portfolio.cash_corrected": (CashCorrected, 1),
    "portfolio.exposure_reserved": (ExposureReserved, 1),
    "portfolio.exposure_released": (ExposureReleased, 1),
    "portfolio.fill_booked": (FillBooked, 1),
    "order.placed": (OrderPlaced, 1),
    "order.approved": (OrderApproved, 1),
    "order.refused": (OrderRefused, 1),
    "order.submitting": (OrderSubmitting, 1),
    "order.submission_deferred": (SubmissionDeferred, 1),
    "order.submission_unknown": (SubmissionUnknown, 1),
    "order.not_found": (OrderNotFound, 1),
    "order.unconfirmed": (OrderUnconfirmed, 1),
    "order.venue_answered": (VenueAnswered, 1),
    "order.accepted": (OrderAccepted, 1),
    "order.rejected": (OrderRejected, 1),
    "order.triggered": (OrderTriggered, 1),
    "order.filled": (OrderFilled, 1),
    "order.cancel_requested": (CancelRequested, 1),
    "order.cancel_refused": (CancelRefused, 1),
    "order.canceled": (OrderCanceled, 1),
    "order.expired": (OrderExpired, 1),
    "order.amend_requested": (AmendRequested, 1),
    "order.amended": (OrderAmended, 1),
    "order.amend_refused": (AmendRefused, 1),
    "bot.started": (BotStarted, 1),
    "bot.decided": (BotDecided, 1),
    "bot.stopped": (BotStopped, 1),
    "operations.epoch_started": (EpochStarted, 1),
    "operations.parked_discarded": (ParkedDiscarded, 1),
    "market.bars_recorded": (BarsRecorded, 1),
    "risk.halted": (TradingHalted, 1),
    "risk.reduced": (TradingReduced, 1),
    "risk.resumed": (TradingResumed, 1),
    "risk.limit_changed": (LimitChanged, 1),
    "risk.limit_returned": (LimitReturned, 1),
    "paper.book_opened": (PaperBookOpened, 1),
    "paper.accepted": (PaperAccepted, 1),
    "paper.rejected": (PaperRejected, 1),
    "paper.rested": (PaperRested, 1),
    "paper.triggered": (PaperTriggered, 1),
    "paper.trail_moved": (PaperTrailMoved, 1),
    "paper.traded": (PaperTraded, 1),
    "paper.canceled": (PaperCanceled, 1),
    "paper.expired": (PaperExpired, 1),
    "paper.amended": (PaperAmended, 1),
    "venue.baseline_recorded": (BaselineRecorded, 1),
    "venue.difference_found": (DifferenceFound, 1),
    "venue.difference_ended": (DifferenceEnded, 1),
}
