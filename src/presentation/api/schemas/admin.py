"""What operators see and send: subscriptions, and events that were put aside."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from traderbot.application.commands.operations import DiscardParked
from traderbot.application.ports.subscriptions import (
    ParkedEvent,
    ParkedState,
    SubscriptionState,
    SubscriptionStatus,
)
from traderbot.application.views import Page
from traderbot.presentation.api.schemas.portfolios import PageQuery
from traderbot.presentation.api.schemas.values import (
    EXAMPLE_INSTANT,
    EXAMPLE_LOG_INDEX,
    EXAMPLE_PORTFOLIO,
    EXAMPLE_SUBSCRIPTION,
    Body,
    Instant,
    Out,
    ReasonText,
    SubscriptionName,
)

_STATUS: JsonDict = {
    "name": EXAMPLE_SUBSCRIPTION,
    "kind": "durable_reactor",
    "state": "running",
    "position": 118,
    "lag": 0,
    "retrying": 0,
    "parked": 1,
    "error": None,
    "owner": None,
    "updated_at": EXAMPLE_INSTANT,
}
_PARKED: JsonDict = {
    "subscription": EXAMPLE_SUBSCRIPTION,
    "log_index": EXAMPLE_LOG_INDEX,
    "event_id": "0199a1b2-0000-7000-8000-000000000007",
    "sequence_key": f"portfolio-{EXAMPLE_PORTFOLIO}",
    "state": "parked",
    "attempts": 8,
    "first_at": EXAMPLE_INSTANT,
    "last_at": EXAMPLE_INSTANT,
    "next_at": None,
    "error_type": "NotDeliveredError",
    "error": "the webhook answered 500",
    "decided_by": None,
    "reason": None,
}
_DISCARDED: JsonDict = _PARKED | {
    "state": "discarded",
    "decided_by": "0199a1b2-0000-7000-8000-000000000001",
    "reason": "the receiver is gone",
}


class SubscriptionOut(Out):
    """How far a durable handler is in the log."""

    name: str
    kind: str
    state: SubscriptionState
    position: int = Field(description="the next log index it looks at")
    lag: int = Field(description="how many events of the log it has not looked at")
    retrying: int
    parked: int
    error: str | None = Field(description="what halted it")
    owner: str | None = Field(description="the process that works on it")
    updated_at: Instant


class SubscriptionList(Out):
    """Every subscription that has ever begun, by name."""

    items: list[SubscriptionOut]

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_STATUS]}]})

    @classmethod
    def of(cls, found: Sequence[SubscriptionStatus]) -> SubscriptionList:
        """Show what the port answered."""
        return cls(items=[SubscriptionOut.model_validate(each) for each in found])


class ParkedQuery(PageQuery):
    """Which events; what is left out means any."""

    subscription: SubscriptionName | None = None
    state: ParkedState | None = None


class ParkedOut(Out):
    """An event that could not be handled, or that waits behind such a one."""

    subscription: str
    log_index: int
    event_id: str
    sequence_key: str = Field(description="events of one key are handled in their order")
    state: ParkedState
    attempts: int
    first_at: Instant
    last_at: Instant
    next_at: Instant | None = Field(description="when it is attempted again")
    error_type: str
    error: str
    decided_by: str | None
    reason: str | None

    model_config = ConfigDict(json_schema_extra={"examples": [_PARKED]})

    @classmethod
    def of(cls, found: ParkedEvent) -> ParkedOut:
        """Show what the port answered."""
        return cls.model_validate(found)


class DiscardedOut(ParkedOut):
    """An event that one subscription will never handle."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DISCARDED]})


class ParkedPage(Out):
    """Some of the events put aside, by subscription and index; `next_cursor` asks for more."""

    items: list[ParkedOut]
    next_cursor: str | None

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [_PARKED], "next_cursor": None}]}
    )

    @classmethod
    def of(cls, page: Page[ParkedEvent]) -> ParkedPage:
        """Show a page."""
        return cls(items=[ParkedOut.of(each) for each in page.items], next_cursor=page.next_cursor)


class RequeuedOut(Out):
    """How many events will be attempted again: the one that was named, and those of its key."""

    requeued: int

    model_config = ConfigDict(json_schema_extra={"examples": [{"requeued": 1}]})


class DiscardBody(Body):
    """Why an event is given up."""

    reason: ReasonText

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the receiver is gone"}]})

    def to_command(self, found: ParkedEvent) -> DiscardParked:
        """Return the wish that makes it an event."""
        return DiscardParked(
            subscription=found.subscription,
            log_index=found.log_index,
            event_id=found.event_id,
            reason=self.reason,
        )
