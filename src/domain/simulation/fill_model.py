"""How the simulated venue fills: its fees, its slippage, and what it does not believe in.

The defaults are the program's own: ten basis points of fee, five of slippage, and a market that has
room for every order. Everything beyond is said by whoever wants it, and every trade names the model
it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.decimals import EXACT, ZERO, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price, Quantity
from traderbot.domain.simulation.slippage import (
    bps_slippage,
    no_slippage,
    range_slippage,
    volume_slippage,
)

_BPS = Decimal(10_000)


class SlippageKind(StrEnum):
    """Which function of `slippage.py` says how much worse an order trades."""

    NONE = "none"
    BPS = "bps"
    RANGE = "range"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Slippage:
    """A slippage model; `amount` is basis points, a share of the range, or the price impact."""

    kind: SlippageKind
    amount: Decimal = ZERO

    def on_bar(self, price: Price, quantity: Quantity, bar: Bar) -> Decimal:
        """Return how much worse than `price` so much trades in a bar."""
        match self.kind:
            case SlippageKind.NONE:
                return no_slippage()
            case SlippageKind.BPS:
                return bps_slippage(price, self.amount)
            case SlippageKind.RANGE:
                return range_slippage(bar.high, bar.low, self.amount)
            case SlippageKind.VOLUME:
                return volume_slippage(price, quantity, bar.volume, self.amount)

    def on_quote(self, price: Price) -> Decimal:
        """Return how much worse than a quote of unknown size an order trades.

        A quote has neither range nor volume; only a share of the price can be told of it.
        """
        return bps_slippage(price, self.amount) if self.kind is SlippageKind.BPS else ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModel:
    """Everything the simulation assumes.

    `spread_bps` is the whole spread around a bar's prices; quotes have their own. `participation`
    is the most of a bar's volume, or of a level, that the book's orders get together; the rest of
    an order waits for the next bar. `latency` passes before an order or an amendment is seen. With
    `through`, a resting order fills only when the market trades beyond its limit, not at a touch:
    others stood before it.
    """

    maker_fee_bps: Decimal = Decimal(10)
    taker_fee_bps: Decimal = Decimal(10)
    slippage: Slippage = Slippage(SlippageKind.BPS, Decimal(5))
    spread_bps: Decimal = ZERO
    participation: Decimal | None = None
    latency: timedelta = timedelta(0)
    through: bool = False

    def __post_init__(self) -> None:
        """Raise InvalidValueError for what no market could do."""
        shares = (self.maker_fee_bps, self.taker_fee_bps, self.spread_bps, self.slippage.amount)
        if any(not isinstance(it, Decimal) or not it.is_finite() for it in shares):
            msg = "fees, spread and slippage are finite decimals"
            raise InvalidValueError(msg)
        # A maker may be paid; nobody else is.
        if min(self.taker_fee_bps, self.spread_bps, self.slippage.amount) < 0:
            msg = "a taker's fee, a spread and a slippage are not below 0"
            raise InvalidValueError(msg)
        if self.participation is not None and not 0 < self.participation <= 1:
            msg = f"a participation is above 0 and at most 1, not {self.participation}"
            raise InvalidValueError(msg)
        if self.latency < timedelta(0):
            msg = "a latency is not below 0"
            raise InvalidValueError(msg)

    @property
    def name(self) -> str:
        """The model in words, as every trade is recorded with: what is off is left out."""
        said = [f"maker {plain(self.maker_fee_bps)} taker {plain(self.taker_fee_bps)} bps"]
        if self.slippage.kind is not SlippageKind.NONE:
            said.append(f"slippage {self.slippage.kind.value} {plain(self.slippage.amount)}")
        if self.spread_bps:
            said.append(f"spread {plain(self.spread_bps)} bps")
        if self.participation is not None:
            said.append(f"participation {plain(self.participation)}")
        if self.latency:
            said.append(f"latency {self.latency}")
        if self.through:
            said.append("through")
        return ", ".join(said)

    def fee(self, notional: Money, *, maker: bool) -> Money:
        """Return what a trade costs beside its price."""
        bps = self.maker_fee_bps if maker else self.taker_fee_bps
        return notional.times(EXACT.divide(bps, _BPS))

    def share_of(self, quantity: Quantity) -> Decimal | None:
        """Return how much of what is offered may be taken; None when there is no cap."""
        if self.participation is None:
            return None
        return EXACT.multiply(quantity.value, self.participation)
