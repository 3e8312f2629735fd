"""What is in force at the risk gate, read from the log: states, limits, what stopped what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from traderbot.domain.risk.control import RiskControl
from traderbot.domain.shared.ids import OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAlert:
    """One thing that happened at a scope of the gate, as it is told to people."""

    scope: str
    version: int
    at: datetime
    type: str  # the event's stored name
    cause: str
    message: str
    by: str


class RiskReading(Protocol):
    """The scopes as their events have made them. Every method raises DatabaseUnavailableError."""

    def controls(self) -> Sequence[RiskControl]:
        """Return every scope that ever had a state or limits of its own, by key."""
        ...

    def control(self, scope: str, version: int | None = None) -> RiskControl | None:
        """Return one scope, as it is or as it was after so many events; None if it has none."""
        ...

    def alerts(self, scopes: Sequence[str] | None, limit: int) -> Sequence[RiskAlert]:
        """Return what happened at these scopes (None: at all), newest first."""
        ...

    def installed_for(self, order_id: OrderId) -> str:
        """Return what the settings said when the gate judged an order; empty if nobody knows.

        As `domain/risk/installed.py` writes it.
        """
        ...

    def working(self, scope: str) -> Sequence[OrderId]:
        """Return the orders of a scope that may still trade, oldest first.

        Of a venue: those it has, and those that no venue has yet.
        """
        ...


class NothingAtRisk:
    """`RiskReading` of a program without a database."""

    def controls(self) -> Sequence[RiskControl]:
        """Return no scope."""
        return ()

    def control(self, scope: str, version: int | None = None) -> RiskControl | None:  # noqa: ARG002
        """Return None."""
        return None

    def alerts(self, scopes: Sequence[str] | None, limit: int) -> Sequence[RiskAlert]:  # noqa: ARG002
        """Return nothing."""
        return ()

    def installed_for(self, order_id: OrderId) -> str:  # noqa: ARG002
        """Return that nobody knows."""
        return ""

    def working(self, scope: str) -> Sequence[OrderId]:  # noqa: ARG002
        """Return no order."""
        return ()
