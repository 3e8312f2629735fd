"""The limits in force, as they were read when a decision was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from traderbot.domain.risk.errors import InvalidLimitError
from traderbot.domain.shared.decimals import EXACT, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Symbol

RAISED_FOR: Final = timedelta(minutes=60)  # what is looser than before goes back after that
REPEATS_WITHIN: Final = timedelta(minutes=5)
MINUTE: Final = timedelta(seconds=60)
SECOND: Final = timedelta(seconds=1)
SIZES_NEEDED: Final = 20  # so many orders make a habit


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the gate measures orders with. None: there is no such limit.

    Fractions are of one; those "of equity" are of the portfolio's cash and positions at cost in the
    symbol's quote currency. `market_order_cushion` is how much worse than the reference a market
    order is assumed to fill; `fee_bps` is the highest fee the venue charges, in hundredths of a
    percent. What each limit is for, and where its default comes from: docs/risk.md.

    As it stands, this is the two limits every order has ever had. `PAPER` and `LIVE` are what an
    installation begins with.
    """

    order_notional_max: Decimal = Decimal(10_000)
    order_notional_fraction: Decimal = Decimal("0.1")
    market_order_cushion: Decimal = Decimal("0.05")
    fee_bps: Decimal = Decimal(10)
    order_notional_absolute: Decimal | None = None  # no event can change it
    order_quantity_multiple: Decimal | None = None  # of the median of own sizes
    price_collar: Decimal | None = None  # fraction of the market's price
    market_order_collar: Decimal | None = None  # how much worse a market order may trade
    price_drift_max: Decimal | None = None  # of own fills in a minute, a fraction
    reference_age_max: Decimal | None = None  # seconds
    duplicate_window: Decimal | None = None  # seconds
    message_rate_max: Decimal | None = None  # in 60 s; at most 128
    message_burst_max: Decimal | None = None  # in 1 s
    open_orders_max: Decimal | None = None  # of a portfolio; at most 64
    open_orders_symbol_max: Decimal | None = None
    position_notional_fraction: Decimal | None = None  # of equity
    gross_exposure_fraction: Decimal | None = None  # of equity
    net_exposure_fraction: Decimal | None = None  # of equity
    total_exposure_max: Decimal | None = None  # of all portfolios, in the quote currency
    daily_loss_reduce: Decimal | None = None  # fraction of equity
    daily_loss_halt: Decimal | None = None  # fraction of equity
    drawdown_max: Decimal | None = None  # fraction of equity, from the peak of 30 days
    strategy_repeat_max: Decimal | None = None  # orders of one bot in 5 minutes; at most 20
    strategy_day_max: Decimal | None = None  # orders of one bot in a day
    loss_streak_max: Decimal | None = None  # losing closes of one bot in 24 bars; at most 16
    reject_streak_max: Decimal | None = None  # venue refusals in 60 s; at most 16
    self_trade_max: Decimal | None = None  # 0: no order may meet one's own
    symbols: tuple[str, ...] | None = None  # all that may be traded

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a limit that is no exact number, or out of its range."""
        for name in _NAMES:
            value = getattr(self, name)
            if value is None and name not in _REQUIRED:
                continue
            amount = exact(value)
            if amount < 0:
                msg = f"{name} is never negative: {amount}"
                raise InvalidValueError(msg)
            if amount > _HIGHEST.get(name, amount):
                msg = f"{name} is at most {_HIGHEST[name]}: {plain(amount)}"
                raise InvalidValueError(msg)
            object.__setattr__(self, name, amount)
        if self.symbols is not None:
            object.__setattr__(self, "symbols", tuple(sorted({*self.symbols})))

    @property
    def fee_fraction(self) -> Decimal:
        """The highest fee as a share of the notional."""
        return EXACT.scaleb(self.fee_bps, -4)

    def text_of(self, name: str) -> str | None:
        """Return a limit as text: a plain number, or symbols with commas between them."""
        value = getattr(self, name)
        if value is None:
            return None
        return ",".join(value) if name == "symbols" else plain(value)

    def texts(self) -> dict[str, str | None]:
        """Return all of them as text, by name."""
        return {each.name: self.text_of(each.name) for each in fields(self)}


_REQUIRED: Final = frozenset(
    {"order_notional_max", "order_notional_fraction", "market_order_cushion", "fee_bps"}
)
_NAMES: Final = tuple(each.name for each in fields(Limits) if each.name != "symbols")
# As far as a portfolio's book looks back; a limit beyond it could not be kept.
_HIGHEST: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "message_rate_max": Decimal(128),
        "message_burst_max": Decimal(128),
        "open_orders_max": Decimal(64),
        "open_orders_symbol_max": Decimal(64),
        "strategy_repeat_max": Decimal(20),
        "loss_streak_max": Decimal(16),
        "reject_streak_max": Decimal(16),
    }
)
# Parameters of the sums rather than limits, and the one limit that only the settings hold.
_NOT_BY_EVENT: Final = frozenset({"order_notional_absolute", "market_order_cushion", "fee_bps"})
CHANGEABLE: Final = tuple(each.name for each in fields(Limits) if each.name not in _NOT_BY_EVENT)

LIVE: Final = Limits(
    order_notional_absolute=Decimal(100_000),
    order_quantity_multiple=Decimal(10),
    price_collar=Decimal("0.05"),
    market_order_collar=Decimal("0.05"),
    price_drift_max=Decimal("0.03"),
    reference_age_max=Decimal(10),
    duplicate_window=Decimal(2),
    message_rate_max=Decimal(50),
    message_burst_max=Decimal(10),
    open_orders_max=Decimal(50),
    open_orders_symbol_max=Decimal(10),
    position_notional_fraction=Decimal("0.2"),
    gross_exposure_fraction=Decimal(1),
    net_exposure_fraction=Decimal(1),
    daily_loss_reduce=Decimal("0.02"),
    daily_loss_halt=Decimal("0.03"),
    drawdown_max=Decimal("0.1"),
    strategy_repeat_max=Decimal(20),
    strategy_day_max=Decimal(200),
    loss_streak_max=Decimal(4),
    reject_streak_max=Decimal(5),
    self_trade_max=Decimal(0),
    symbols=(),
)
# Where it is looser than LIVE, docs/risk.md says why: bars instead of quotes, no list of symbols,
# and whoever tries a strategy out on paper places in a second what takes a day elsewhere.
PAPER: Final = replace(
    LIVE,
    price_collar=None,
    market_order_collar=None,
    price_drift_max=None,
    reference_age_max=None,
    message_rate_max=None,
    message_burst_max=None,
    open_orders_max=None,
    open_orders_symbol_max=None,
    symbols=None,
)


def limit_value(name: str, text: str | None) -> Decimal | tuple[str, ...] | None:
    """Return the value a person wrote for a limit that events may change.

    Raises:
        InvalidLimitError: there is no such limit, or it cannot be that.
    """
    if name not in CHANGEABLE:
        held = name in _NOT_BY_EVENT
        msg = (
            f"{name} is set by the installation alone: change TRADERBOT_RISK__{name.upper()}"
            if held
            else f"there is no limit {name!r:.60}; there are {', '.join(CHANGEABLE)}"
        )
        raise InvalidLimitError(msg)
    if text is None:
        return None
    try:
        if name == "symbols":
            codes = [Symbol(code.strip()).code for code in text.split(",") if code.strip()]
            return tuple(sorted({*codes}))
        value = exact(text)
        Limits(**{name: value})  # type: ignore[arg-type]
    except InvalidValueError as error:
        msg = f"{name} cannot be {text!r:.60}: {error}"
        raise InvalidLimitError(msg) from error
    return value


def stricter(
    name: str, one: Decimal | tuple[str, ...] | None, other: Decimal | tuple[str, ...] | None
) -> Decimal | tuple[str, ...] | None:
    """Return which of two values of a limit lets less pass; of two lists, what both let pass."""
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, tuple) or isinstance(other, tuple):
        assert isinstance(one, tuple)  # noqa: S101 - both are values of one limit
        assert isinstance(other, tuple)  # noqa: S101 - as above
        return tuple(code for code in one if code in other)
    return max(one, other) if name == "duplicate_window" else min(one, other)
