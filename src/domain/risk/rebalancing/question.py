"""What a rebalancing plan is asked: the holdings with their targets, and the rules to respect."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.sizing.sized_quantity import not_negative, rounded_down
from traderbot.domain.shared.decimals import EXACT, ZERO, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol

_NOTHING = Quantity(0)
_FEE_BPS_MAX = Decimal(1_000)  # 10 %; above it, trading to pay for trading need not come to an end


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One symbol: what is held of it, what it is worth, and the share of equity it should be.

    `sellable` is what no working order has claimed; all of it, if not given. What is held and has
    no place in the portfolio any more needs a line too, with a target of zero.
    """

    instrument: Instrument
    target: Decimal
    reference: Price
    held: Quantity = _NOTHING
    sellable: Quantity | None = None

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a weight not from 0 to 1, or more sellable than held."""
        if not 0 <= exact(self.target) <= 1:
            msg = f"the target of {self.symbol} is a share from 0 to 1, not {plain(self.target)}"
            raise InvalidValueError(msg)
        if self.sellable is not None and self.sellable > self.held:
            msg = f"{self.sellable} of {self.symbol} cannot be sold: {self.held} are held"
            raise InvalidValueError(msg)

    @property
    def symbol(self) -> Symbol:
        """What the line is about."""
        return self.instrument.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalancingRules:
    """What a plan respects.

    `tolerance` is a share of the equity. `minimum_trade` and `order_notional_max` are amounts in
    the portfolio's currency, for each order. `fee_bps` is of the notional. `market_order_cushion`
    is how much worse than the reference a buy is assumed to fill when cash is counted: the gate
    asks for it of market orders; limit orders at the reference need none.
    """

    tolerance: Decimal = Decimal("0.01")
    minimum_trade: Decimal = ZERO
    fee_bps: Decimal = Decimal(10)
    order_notional_max: Decimal | None = None
    market_order_cushion: Decimal = ZERO

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a number out of its bounds."""
        for name in ("tolerance", "minimum_trade", "fee_bps", "market_order_cushion"):
            object.__setattr__(self, name, not_negative(name, getattr(self, name)))
        if self.order_notional_max is not None:
            most = not_negative("order_notional_max", self.order_notional_max)
            object.__setattr__(self, "order_notional_max", most)
        if self.tolerance >= 1:
            msg = f"tolerance is a share of the equity below 1, not {plain(self.tolerance)}"
            raise InvalidValueError(msg)
        if self.fee_bps > _FEE_BPS_MAX:
            msg = f"fee_bps is at most {_FEE_BPS_MAX} (10 %), not {plain(self.fee_bps)}"
            raise InvalidValueError(msg)

    @staticmethod
    def within(
        limits: Limits,
        equity: Money,
        *,
        tolerance: Decimal = Decimal("0.01"),
        minimum_trade: Decimal = ZERO,
    ) -> RebalancingRules:
        """Return rules whose market orders the gate lets pass under these limits."""
        share = EXACT.multiply(max(equity.amount, ZERO), limits.order_notional_fraction)
        most = min(limits.order_notional_max, rounded_down(share))
        return RebalancingRules(
            tolerance=tolerance,
            minimum_trade=minimum_trade,
            fee_bps=limits.fee_bps,
            order_notional_max=most,
            market_order_cushion=limits.market_order_cushion,
        )
