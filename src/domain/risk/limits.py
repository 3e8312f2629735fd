"""The limits in force, as they were read when a decision was made."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from traderbot.domain.shared.decimals import EXACT, exact
from traderbot.domain.shared.errors import InvalidValueError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the gate measures orders with.

    `order_notional_max` is in the symbol's quote currency; `order_notional_fraction` is of the
    portfolio's equity at cost; `market_order_cushion` is how much worse than the reference a market
    order is assumed to fill; `fee_bps` is the highest fee the venue charges, in hundredths of a
    percent.
    """

    order_notional_max: Decimal = Decimal(10_000)
    order_notional_fraction: Decimal = Decimal("0.1")
    market_order_cushion: Decimal = Decimal("0.05")
    fee_bps: Decimal = Decimal(10)

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a limit that is no exact number, or below zero."""
        for name in (
            "order_notional_max",
            "order_notional_fraction",
            "market_order_cushion",
            "fee_bps",
        ):
            value = exact(getattr(self, name))
            if value < 0:
                msg = f"{name} is never negative: {value}"
                raise InvalidValueError(msg)
            object.__setattr__(self, name, value)

    @property
    def fee_fraction(self) -> Decimal:
        """The highest fee as a share of the notional."""
        return EXACT.scaleb(self.fee_bps, -4)
