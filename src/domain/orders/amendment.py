"""A change of an order: as it is wanted, and while the venue has not answered."""

from __future__ import annotations

from dataclasses import dataclass

from traderbot.domain.shared.values import Money, Price, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A change that is wanted. `quantity` is the whole new quantity, fills included."""

    quantity: Quantity
    limit_price: Price | None = None
    stop_price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAmendment:
    """A change the venue was asked for: what was set aside for it, and what it would free."""

    quantity: Quantity
    limit_price: Price | None
    stop_price: Price | None
    reserved_more: Money
    reserved_spare: Money
    closing_more: Quantity
    closing_spare: Quantity
