"""The order as a few numbers and a word, in the slow and obvious way: what `Order` must agree with.

It knows no events. Every method is something that happens; it answers whether it counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

_WITH_VENUE = {"submitting", "unknown", "unconfirmed", "accepted", "partially_filled"}
_OPEN = _WITH_VENUE | {"approved", "pending_cancel"}


@dataclass
class OrderModel:
    """One approved order of `quantity`, of which `reserved` is set aside."""

    quantity: Decimal
    reserved: Decimal
    status: str = "approved"
    filled: Decimal = Decimal(0)
    known: set[str] = field(default_factory=set)
    named: bool = False
    asked_back: bool = False
    not_found: int = 0
    attempts: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN

    def submit(self) -> bool:
        proven = self.status == "unknown" and self.not_found >= 2
        if self.asked_back or (self.status != "approved" and not proven):
            return False
        self.status, self.attempts, self.not_found = "submitting", self.attempts + 1, 0
        return True

    def defer(self) -> bool:
        if self.status != "submitting":
            return False
        self.status = "approved"
        if self.asked_back:
            self._end("canceled")
        return True

    def lose_sight(self) -> bool:
        if self.status != "submitting":
            return False
        self.status = "unknown"
        return True

    def not_found_now(self) -> bool:
        if self.status not in {"unknown", "unconfirmed"} or self.not_found >= 2:
            return False
        self.not_found += 1
        return True

    def give_up(self) -> bool:
        if self.status != "unknown":
            return False
        self.status = "unconfirmed"
        return True

    def accept(self) -> bool:
        if self.named and self.status not in {"submitting", "unknown", "unconfirmed"}:
            return False
        self.named = True
        if self.status in {"approved", "submitting", "unknown", "unconfirmed"}:
            self.status = "pending_cancel" if self.asked_back else "accepted"
        return True

    def fill(self, name: str, quantity: Decimal) -> bool:
        if name in self.known:
            return False
        rest = max(self.quantity - self.filled, Decimal(0))
        self.reserved -= self.reserved if quantity >= rest else self.reserved * quantity / rest
        self.known.add(name)
        self.filled += quantity
        if self.filled >= self.quantity:
            self.status = "filled"
        elif self.is_open:
            self.status = "pending_cancel" if self.asked_back else "partially_filled"
        return True

    def request_cancel(self) -> bool:
        if self.asked_back or not self.is_open:
            return False
        if self.status == "approved":
            return self._end("canceled")
        self.asked_back = True
        if self.status in {"accepted", "partially_filled"}:
            self.status = "pending_cancel"
        return True

    def refuse_cancel(self) -> bool:
        if self.status != "pending_cancel":
            return False
        self.asked_back = False
        self.status = "partially_filled" if self.filled else "accepted"
        return True

    def end(self, how: str) -> bool:
        return self.is_open and self._end(how)

    def _end(self, how: str) -> bool:
        self.status, self.reserved = how, Decimal(0)
        return True
