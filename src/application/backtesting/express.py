"""The short way through a plain backtest: money first, events when somebody asks for them.

Most backtests are one strategy with market orders that always fill at the next open, bounded by
nothing but the cash. For these the arithmetic of sizing, venue and portfolio is all there is, and
each order takes a few exact sums. Orders and log are made by the engine when they are read, from
the same signals; if its money differed by a digit, reading them would raise. Whatever is not
plain, at the first sign of it, is left to the engine from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from traderbot.application.backtesting.spec import UNLIMITED, AtEnd, BacktestSpec
from traderbot.application.backtesting.tape import Tape
from traderbot.application.backtesting.watchdog import StrategyHangsError, Watchdog
from traderbot.domain.bots.sizing import by_share, fixed_units
from traderbot.domain.bots.sizing_rule import SizingRule
from traderbot.domain.market.instrument import Instrument, default_instrument
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.decimals import ZERO, add, subtract
from traderbot.domain.shared.values import Quantity, trusted_money, trusted_price
from traderbot.domain.simulation.fill_model import FillModel, SlippageKind
from traderbot.domain.simulation.slippage import half_spread, moved
from traderbot.domain.strategies.answers import StrategyContext

_BY_PRICE: Final = frozenset({SlippageKind.NONE, SlippageKind.BPS})
_CHUNK: Final = 512  # bars between two signs of life
_SIGNS: Final = {"BUY": 1, "SELL": -1, "HOLD": 0}


class Filled(NamedTuple):
    """A fill: the number of the bar at whose open it traded, and what it moved."""

    bar: int
    side: Side
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal


class Holding(NamedTuple):
    """Cash and units from a bar on."""

    bar: int
    cash: Decimal
    units: Decimal


@dataclass(frozen=True, slots=True)
class Express:
    """What came of it."""

    signals: Signals
    fills: Sequence[Filled]
    holdings: Sequence[Holding]
    codes: Mapping[int, str]  # why a signal led to nothing, by bar


class Signals:
    """The signals of a run: mostly 0, so only the others are kept."""

    __slots__ = ("_signs",)

    def __init__(self, signs: Mapping[int, int]) -> None:
        """Take what was not 0, by the number of the bar."""
        self._signs = signs

    def __getitem__(self, number: int) -> int:
        return self._signs.get(number, 0)


class NotPlainError(Exception):
    """Something came up that only the engine can carry out."""


def express(
    spec: BacktestSpec,
    signals: Sequence[int] | None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    seconds: float = 10.0,
) -> Express | None:
    """Run a plain backtest; None if it is not plain, and then nothing has happened.

    `signals` are those of a strategy that answers for all bars at once.
    """
    if not _is_plain(spec):
        return None
    try:
        return _Express(spec, Watchdog(seconds)).run(signals, on_progress or _silent)
    except (Exception, StrategyHangsError):  # noqa: BLE001 - the engine meets it again, and tells of it
        return None


def _is_plain(spec: BacktestSpec) -> bool:
    model: FillModel = spec.model
    if len(spec.traders) != 1 or len(spec.cash) != 1 or spec.limits != UNLIMITED:
        return False
    sizing = spec.traders[0].sizing
    if sizing is not None and (
        sizing.rule not in (SizingRule.SHARE, SizingRule.FIXED)
        or sizing.short
        or sizing.stop_loss is not None
        or sizing.take_profit is not None
    ):
        return False
    return model.participation is None and not model.latency


class _Express:
    def __init__(self, spec: BacktestSpec, dog: Watchdog) -> None:
        (trader,) = spec.traders
        self._spec = spec
        self._dog = dog
        self._tape: Tape = trader.tape
        self._sizing = trader.sizing
        self._allocation = trader.allocation
        self._instrument: Instrument = default_instrument(trader.tape.symbol)
        self._cash = spec.cash[0].amount
        self._units = ZERO
        self._fills: list[Filled] = []
        self._holdings = [Holding(0, self._cash, ZERO)]
        self._signs: dict[int, int] = {}
        self._codes: dict[int, str] = {}
        self._last = len(trader.tape) - 1

    def run(
        self, signals: Sequence[int] | None, on_progress: Callable[[int, int], None]
    ) -> Express:
        closing = self._spec.at_end is AtEnd.CLOSE
        end = self._last - 1 if closing else self._last + 1  # of what the strategy is asked about
        if signals is None:
            self._ask(end, on_progress)
        else:
            for number, sign in enumerate(signals[:end]):
                if sign:
                    self._take(number, sign)
        if closing and self._units:
            self._take(self._last - 1, -1)
        on_progress(self._last + 1, self._last + 1)
        return Express(Signals(self._signs), self._fills, self._holdings, self._codes)

    def _ask(self, end: int, on_progress: Callable[[int, int], None]) -> None:
        (trader,) = self._spec.traders
        context: StrategyContext = {
            "timeframe": self._tape.timeframe.value,
            "user_id": "",
            "bot_run_id": "",
        }
        watcher = trader.watch(context)
        signal, keep, rows = watcher.signal, watcher.keep, self._tape.rows
        with self._dog.watching():
            for first in range(0, end, _CHUNK):
                self._dog.steps = first
                on_progress(first, self._last + 1)
                for number, row in enumerate(rows[first : min(first + _CHUNK, end)], first):
                    said = signal(row)
                    keep(row)
                    if said != "HOLD":
                        self._take(number, _SIGNS[said])

    def _take(self, number: int, sign: int) -> None:
        """Follow a signal: what it asks for trades at the next open."""
        self._signs[number] = sign
        if sign > 0:
            if self._units:
                self._codes[number] = "ALREADY_LONG"
            else:
                self._buy(number)
        elif self._units:
            self._trade(number + 1, Side.SELL, self._units)
        else:
            self._codes[number] = "NO_POSITION"

    def _buy(self, number: int) -> None:
        close = trusted_price(self._tape.amounts["close"][number])
        if self._sizing is not None and self._sizing.rule is SizingRule.FIXED:
            sized = fixed_units(self._instrument, self._sizing.amount)
        else:
            share = self._allocation if self._sizing is None else self._sizing.amount
            equity = trusted_money(self._cash, self._tape.symbol.quote)
            sized = by_share(self._instrument, close, share, equity, UNLIMITED)
        if not sized.quantity:
            raise NotPlainError
        notional = close.notional(sized.quantity, self._tape.symbol).amount
        if notional > self._cash or notional > UNLIMITED.order_notional_max:
            raise NotPlainError  # the gate will have something to say
        self._trade(number + 1, Side.BUY, sized.quantity.value)

    def _trade(self, number: int, side: Side, units: Decimal) -> None:
        """Trade at the open of a bar, as `domain/simulation` does with a market order."""
        if number > self._last:
            return  # it works, and there is no bar any more to trade it
        model, tape = self._spec.model, self._tape
        quantity = Quantity(units)
        opened = trusted_price(tape.amounts["open"][number])
        by = half_spread(opened, model.spread_bps)
        if model.slippage.kind in _BY_PRICE:  # without the rest of the bar, which has to be made
            by = add(by, model.slippage.on_quote(opened))
        else:
            by = add(by, model.slippage.on_bar(opened, quantity, tape.bar(number)))
        price = moved(opened, side, by, self._instrument.tick_size)
        notional = price.notional(quantity, tape.symbol)
        fee = model.fee(notional, maker=False).amount
        worth = notional.amount
        if side is Side.BUY:
            self._cash, self._units = subtract(self._cash, add(worth, fee)), units
        else:
            self._cash, self._units = add(self._cash, subtract(worth, fee)), ZERO
        if self._cash < 0:
            raise NotPlainError  # trading stops, and the run ends
        self._fills.append(Filled(number, side, units, price.value, worth, fee))
        self._holdings.append(Holding(number, self._cash, self._units))


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
