"""What to run: strategies on series, with what money, at what costs, within which limits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from traderbot.application.backtesting.errors import InvalidBacktestError
from traderbot.application.backtesting.tape import Tape
from traderbot.application.backtesting.windows import TapeWatcher, asks_by_windows
from traderbot.domain.bots.sizing_rule import Sizing
from traderbot.domain.risk.limits import PAPER, Limits
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.values import Currency, Money
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.strategies.answers import StrategyContext
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Watcher, nanoseconds

ENGINE: Final = "traderbot.backtest/1"
_UNBOUNDED: Final = Decimal(10) ** 15

# Nothing but the cash bounds an order: what most backtests elsewhere do.
UNLIMITED: Final = Limits(
    order_notional_max=_UNBOUNDED,
    order_notional_fraction=_UNBOUNDED,
    market_order_cushion=Decimal(0),
    fee_bps=Decimal(0),
)


class AtEnd(StrEnum):
    """What becomes of a position that is open when the bars end."""

    MARK = "mark"  # it stays open, and is worth the last close
    CLOSE = "close"  # it is closed at the open of the last bar, fees included


class OnGap(StrEnum):
    """What a hole in the bars means."""

    REFUSE = "refuse"
    FLAG = "flag"  # the result names it


class Heard(NamedTuple):
    """A row of a further series: known from an instant on, nanoseconds since 1970, UTC."""

    known_at: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trader:
    """One strategy on one series. Without `sizing`, an order uses at most `allocation`.

    `further` holds the rows of each further series the strategy wants, by its name, in the order
    they became known: bars of another timeframe or symbol (`heard_of`), or a sentiment. They are
    shown no earlier than that.
    """

    strategy: BaseStrategy
    tape: Tape
    allocation: Decimal = Decimal("0.1")
    sizing: Sizing | None = None
    further: Mapping[str, Sequence[Heard]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InvalidBacktestError for no share, or a series missing that is wanted."""
        if not 0 < exact(self.allocation) <= 1:
            msg = f"an allocation is a share above 0 and at most 1, not {self.allocation}"
            raise InvalidBacktestError(msg)
        for wanted in self.strategy.also:
            if wanted.name not in self.further:
                msg = f"{self.name} wants the further series {wanted.name}: give its rows"
                raise InvalidBacktestError(msg)

    def watch(self, context: StrategyContext) -> Watcher:
        """Open the strategy's eyes on the series, before its first bar."""
        if asks_by_windows(self.strategy):
            return TapeWatcher(self.strategy, self.tape, context)
        watcher = self.strategy.watch(self.tape.symbol.code, context)
        for name, rows in self.further.items():
            for row in rows:
                watcher.hear(name, row.known_at, row.values)
        return watcher

    @property
    def name(self) -> str:
        """What the strategy is called in the log."""
        return self.strategy.name or type(self.strategy).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSpec:
    """A whole backtest. Equal specs on equal bars make equal bytes.

    The traders share one portfolio with this `cash`. `borrow_bps` is what a short position costs a
    year, in hundredths of a percent of its worth at each close. Below `maintenance`, a share of
    what is owed, the venue calls for margin, and the run ends.
    """

    traders: tuple[Trader, ...]
    cash: tuple[Money, ...] = (Money("100000", "USD"),)
    model: FillModel = field(default_factory=FillModel)
    limits: Limits = PAPER
    at_end: AtEnd = AtEnd.MARK
    on_gap: OnGap = OnGap.FLAG
    borrow_bps: Decimal = Decimal(0)
    maintenance: Decimal = Decimal("0.3")

    def __post_init__(self) -> None:
        """Raise InvalidBacktestError for what cannot be run."""
        if not self.traders:
            raise InvalidBacktestError("a backtest needs at least one strategy on one series")
        if not self.cash:
            raise InvalidBacktestError("a backtest needs cash to begin with")
        for money in self.cash:
            if money.amount <= 0:
                raise InvalidBacktestError(f"cash is above zero, not {money}")
        currencies = [money.currency for money in self.cash]
        if len(set(currencies)) != len(currencies):
            raise InvalidBacktestError("cash names each currency once")
        for trader in self.traders:
            quote = trader.tape.symbol.quote
            if quote not in currencies:
                msg = f"{trader.tape.symbol} is paid in {quote}, and there is no cash in {quote}"
                raise InvalidBacktestError(msg)
        for name in ("borrow_bps", "maintenance"):
            if not 0 <= getattr(self, name) <= _UNBOUNDED:
                raise InvalidBacktestError(f"{name} is not below 0")

    @property
    def currency(self) -> Currency:
        """What results are counted in: the first currency of the cash."""
        return self.cash[0].currency

    @property
    def tapes(self) -> Sequence[Tape]:
        """Every series, each once, in the order of the traders."""
        return tuple({id(it.tape): it.tape for it in self.traders}.values())

    @property
    def begins_at(self) -> datetime:
        """When the first bar opens."""
        return min(tape.at[0] for tape in self.tapes)

    @property
    def run_id(self) -> str:
        """One hash of code, parameters, data, engine and all terms: equal ids mean equal bytes."""
        told = sha256(ENGINE.encode())
        for part in self._parts():
            # The length first: no two lists of parts can be one text.
            told.update(f"|{len(part)}:{part}".encode())
        return told.hexdigest()

    def _parts(self) -> list[str]:
        parts = [
            *map(str, self.cash),
            self.model.name,
            *(f"{name}={value}" for name, value in self.limits.texts().items()),
            self.at_end.value,
            str(self.borrow_bps),
            str(self.maintenance),
        ]
        for trader in self.traders:
            parts += [
                trader.name,
                source_digest(trader.strategy),
                repr(sorted(texts(trader.strategy).items())),
                str(trader.allocation),
                repr(trader.sizing),
                trader.tape.digest,
                *(f"{name}:{_digest_of(rows)}" for name, rows in sorted(trader.further.items())),
            ]
        return parts


def texts(strategy: BaseStrategy) -> Mapping[str, str]:
    """Return a strategy's parameters as text."""
    return dict(strategy.parameters())


def heard_of(tape: Tape) -> Sequence[Heard]:
    """Return a series as a further one: each bar is known when it has closed."""
    return [
        Heard(nanoseconds(at), row[1:]) for at, row in zip(tape.closes_at, tape.rows, strict=True)
    ]


def _digest_of(rows: Sequence[Heard]) -> str:
    return sha256("|".join(map(repr, rows)).encode()).hexdigest()


def source_digest(strategy: BaseStrategy) -> str:
    """Return SHA-256 of the files of the strategy's class, and of those it is made from.

    Whole files, because a class calls what stands beside it. Where there is no file (typed into an
    interpreter), the name of the class has to do.
    """
    return _source_digest(type(strategy))  # type: ignore[arg-type]  # classes have a hash


@lru_cache(maxsize=256)
def _source_digest(of: type[BaseStrategy]) -> str:
    told = sha256()
    for kind in of.__mro__[:-1]:
        told.update(f"{kind.__module__}.{kind.__qualname__}".encode())
        try:
            told.update(Path(inspect.getfile(kind)).read_bytes())
        except (OSError, TypeError):
            told.update(b"?")
    return told.hexdigest()
