"""Kelly sizing: the share of equity to put at risk, from a record of trades and its uncertainty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from traderbot.domain.market.instrument import Instrument
from traderbot.domain.risk.sizing.fixed_fractional import fixed_fractional
from traderbot.domain.risk.sizing.sized_quantity import (
    SizedQuantity,
    fraction,
    rounded_down,
    shown,
)
from traderbot.domain.shared.decimals import EXACT, ZERO, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Money, Price

_ONE = Decimal(1)
# Two-sided quantiles of the standard normal distribution: 95 % lie between -1.96 and 1.96.
_Z: Mapping[Decimal, Decimal] = MappingProxyType(
    {
        Decimal("0.8"): Decimal("1.281551565544600467"),
        Decimal("0.9"): Decimal("1.644853626951472715"),
        Decimal("0.95"): Decimal("1.959963984540054236"),
        Decimal("0.99"): Decimal("2.575829303548900761"),
    }
)


class Basis(StrEnum):
    """Which estimate of the win rate the fraction is made from."""

    POINT = "point"  # wins / trades
    LOWER_BOUND = "lower_bound"  # the lower end of its confidence interval


class WhenFew(StrEnum):
    """What to do with fewer trades than the policy asks for."""

    REFUSE = "refuse"  # not enough evidence
    LOWER_BOUND = "lower_bound"  # go on, but from the lower bound, which few trades push down


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRecord:
    """What closed trades won and lost: two counts and two sums, each sum not negative.

    Results must be comparable: each as a multiple of what it risked (R), or as a share of the
    equity; amounts of money only if every trade risked the same amount. Trades that neither won
    nor lost do not count: they leave the best fraction where it is.
    """

    wins: int
    losses: int
    won: Decimal
    lost: Decimal

    def __post_init__(self) -> None:
        """Raise InvalidValueError if counts and sums contradict each other."""
        for count, total, name in (
            (self.wins, self.won, "wins"),
            (self.losses, self.lost, "losses"),
        ):
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                msg = f"{name} is a whole number from 0, not {count!r:.60}"
                raise InvalidValueError(msg)
            if exact(total) < 0 or bool(total) is not bool(count):
                msg = f"{count} {name} cannot add up to {plain(exact(total))}"
                raise InvalidValueError(msg)

    @staticmethod
    def of(results: Iterable[Decimal]) -> TradeRecord:
        """Count and add up the results of closed trades, gains above zero and losses below.

        Raises:
            InvalidValueError: a result is a float, NaN or has too many digits.
        """
        wins = losses = 0
        won = lost = ZERO
        for result in results:
            value = exact(result)
            if value > 0:
                wins, won = wins + 1, EXACT.add(won, value)
            elif value < 0:
                losses, lost = losses + 1, EXACT.subtract(lost, value)
        return TradeRecord(wins=wins, losses=losses, won=won, lost=lost)

    @property
    def trades(self) -> int:
        """How many won or lost."""
        return self.wins + self.losses


@dataclass(frozen=True, slots=True, kw_only=True)
class KellyPolicy:
    """How far a record is trusted.

    `multiplier` of the full fraction is used; half of it gives three quarters of the growth with
    half of the swings (Thorp). `cap` bounds the equity at risk in one trade; its default is the
    daily loss at which the account is only allowed to reduce. `confidence` is one of 0.8, 0.9,
    0.95, 0.99.
    """

    multiplier: Decimal = Decimal("0.5")
    cap: Decimal = Decimal("0.02")
    minimum_trades: int = 30
    confidence: Decimal = Decimal("0.95")
    basis: Basis = Basis.POINT
    when_few: WhenFew = WhenFew.REFUSE

    def __post_init__(self) -> None:
        """Raise InvalidValueError for a number out of its bounds."""
        fraction("multiplier", self.multiplier)
        fraction("cap", self.cap)
        if self.minimum_trades < 1:
            msg = f"minimum_trades is at least 1, not {self.minimum_trades}"
            raise InvalidValueError(msg)
        if self.confidence not in _Z:
            known = ", ".join(plain(level) for level in _Z)
            msg = f"confidence is one of {known}; not {self.confidence}"
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class KellyFraction:
    """The share of equity to put at risk, or zero and the one reason for it.

    `full` is the uncapped fraction of the point estimate, `low` and `high` its interval: below zero
    where the record says "do not play". None where the record cannot tell.
    """

    risk_fraction: Decimal = ZERO
    full: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    blocking_code: str | None = None
    arithmetic: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take a copy: the arithmetic does not change with the caller's dictionary."""
        object.__setattr__(self, "arithmetic", MappingProxyType(dict(self.arithmetic)))


DEFAULT_POLICY = KellyPolicy()


def kelly_fraction(record: TradeRecord, policy: KellyPolicy = DEFAULT_POLICY) -> KellyFraction:
    """Return the share of equity to lose if the next trade loses as the average one did.

    full = p - (1 - p) / b, with p the share of trades won and b the average gain over the average
    loss. The interval is Wilson's score interval of p, put through the same formula, which rises
    with p. It knows nothing of how uncertain b is, nor of trades that depend on each other: it is
    too narrow rather than too wide. Gains and losses are taken to be all of average size; where
    single losses are far above it, the formula asks for too much, and the cap is what protects.

    Blocking codes: NOT_ENOUGH_EVIDENCE (fewer trades than the minimum, or none that won, or none
    that lost, so that b is unknown), NO_EDGE (the fraction is not above zero).

    Source:
        J. L. Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal
        35(4), 1956; E. O. Thorp, "The Kelly Criterion in Blackjack, Sports Betting and the Stock
        Market", 2006; E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
        Inference", Journal of the American Statistical Association 22, 1927.
    """
    arithmetic = {
        "wins": str(record.wins),
        "losses": str(record.losses),
        "won": plain(record.won),
        "lost": plain(record.lost),
        "minimum_trades": str(policy.minimum_trades),
    }
    few = record.trades < policy.minimum_trades
    if not record.wins or not record.losses:
        return KellyFraction(blocking_code="NOT_ENOUGH_EVIDENCE", arithmetic=arithmetic)
    win_rate = EXACT.divide(Decimal(record.wins), Decimal(record.trades))
    lowest, highest = wilson_interval(record.wins, record.trades, policy.confidence)
    # b = (won / wins) / (lost / losses), in one division.
    payoff = EXACT.divide(
        EXACT.multiply(record.won, Decimal(record.losses)),
        EXACT.multiply(record.lost, Decimal(record.wins)),
    )
    full, low, high = (_full(rate, payoff) for rate in (win_rate, lowest, highest))
    cautious = policy.basis is Basis.LOWER_BOUND or few
    used = low if cautious else full
    scaled = EXACT.multiply(used, policy.multiplier)
    taken = rounded_down(max(ZERO, min(scaled, policy.cap)))
    arithmetic |= {
        "win_rate": shown(win_rate),
        "payoff_ratio": shown(payoff),
        "confidence": plain(policy.confidence),
        "kelly_full": shown(full),
        "kelly_low": shown(low),
        "kelly_high": shown(high),
        "basis": (Basis.LOWER_BOUND if cautious else Basis.POINT).value,
        "multiplier": plain(policy.multiplier),
        "cap": plain(policy.cap),
    }
    code = None
    if few and policy.when_few is WhenFew.REFUSE:
        taken, code = ZERO, "NOT_ENOUGH_EVIDENCE"
    elif not taken:
        code = "NO_EDGE"
    return KellyFraction(
        risk_fraction=taken,
        full=rounded_down(full),
        low=rounded_down(low),
        high=rounded_down(high),
        blocking_code=code,
        arithmetic={**arithmetic, "risk_fraction": plain(taken)},
    )


def kelly_sizing(
    instrument: Instrument,
    *,
    equity: Money,
    entry: Price,
    stop: Price,
    record: TradeRecord,
    policy: KellyPolicy = DEFAULT_POLICY,
    fee_bps: Decimal = ZERO,
    notional_max: Money | None = None,
) -> SizedQuantity:
    """Return how much to trade so that being stopped out costs the Kelly fraction of the equity.

    Raises:
        InvalidValueError: stop equals entry, or a number is out of its bounds.
        CurrencyMismatchError: equity or notional_max is not in the symbol's quote currency.
    """
    found = kelly_fraction(record, policy)
    if found.blocking_code is not None:
        return SizedQuantity(blocking_code=found.blocking_code, arithmetic=found.arithmetic)
    sized = fixed_fractional(
        instrument,
        equity=equity,
        entry=entry,
        stop=stop,
        risk_fraction=found.risk_fraction,
        fee_bps=fee_bps,
        notional_max=notional_max,
    )
    return SizedQuantity(
        quantity=sized.quantity,
        blocking_code=sized.blocking_code,
        arithmetic={**found.arithmetic, **sized.arithmetic},
    )


def wilson_interval(
    successes: int, trials: int, confidence: Decimal = DEFAULT_POLICY.confidence
) -> tuple[Decimal, Decimal]:
    """Return the interval that holds the true rate with about this confidence.

    (p + z²/2n ± z * sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n), with p = successes / trials and n =
    trials. Unlike p ± z * sqrt(p(1 - p)/n) it stays within 0 and 1, and is not of width zero when
    all or none succeeded.

    Raises:
        InvalidValueError: no trials, successes not from 0 to trials, or an unknown confidence.
    """
    if not 0 <= successes <= trials or trials < 1:
        msg = f"{successes} of {trials} is no rate: trials >= 1, 0 <= successes <= trials"
        raise InvalidValueError(msg)
    if confidence not in _Z:
        msg = f"confidence is one of {', '.join(map(plain, _Z))}; not {confidence}"
        raise InvalidValueError(msg)
    n, hits = Decimal(trials), Decimal(successes)
    z2 = EXACT.multiply(_Z[confidence], _Z[confidence])
    # Multiplied out by n, so that only the root and the last division are rounded.
    middle = EXACT.add(hits, EXACT.divide(z2, Decimal(2)))
    spread = EXACT.add(
        EXACT.divide(EXACT.multiply(hits, EXACT.subtract(n, hits)), n),
        EXACT.divide(z2, Decimal(4)),
    )
    half = EXACT.sqrt(EXACT.multiply(z2, spread))
    whole = EXACT.add(n, z2)
    low = EXACT.divide(EXACT.subtract(middle, half), whole)
    high = EXACT.divide(EXACT.add(middle, half), whole)
    return max(low, ZERO), min(high, _ONE)


def _full(rate: Decimal, payoff: Decimal) -> Decimal:
    return EXACT.subtract(rate, EXACT.divide(EXACT.subtract(_ONE, rate), payoff))
