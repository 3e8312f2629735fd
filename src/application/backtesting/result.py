"""What came of a backtest: money bar by bar, trades, orders, and why it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import chain
from typing import Any

from traderbot.application.backtesting.engine import Lane, Played
from traderbot.application.backtesting.express import Express, Holding, Signals
from traderbot.application.backtesting.round_trips import RoundTrip, Traded, round_trips
from traderbot.application.backtesting.spec import BacktestSpec
from traderbot.application.backtesting.tape import Hole, Tape, whole
from traderbot.application.views import OrderView
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Side
from traderbot.domain.portfolio.events import FillBooked
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.decimals import EXACT, ZERO, add, plain, subtract, sum_of
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.values import Currency, Money, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedTrader:
    """A strategy that was stopped before its last bar, and why."""

    strategy: str
    symbol: str
    bar_at: datetime | None  # the bar it was asked about; None: before the first
    code: str
    reason: str


class BacktestResult:
    """The run as it went. Everything is exact; `float` figures are for statistics and charts."""

    def __init__(
        self,
        spec: BacktestSpec,
        run_id: str,
        express: Express | None,
        play: Callable[[Signals | None], Played],
    ) -> None:
        """Read what a run left behind; most of it is made when it is asked for.

        `play` has the engine run it, from these signals if there are any.
        """
        self.spec = spec
        self.run_id = run_id
        self._express = express
        self._play = play
        if express is None:
            _ = self.played

    @cached_property
    def played(self) -> Played:
        """The run with every order and event of it, as the engine made it.

        Raises:
            CorruptHistoryError: the short way came to another result, which no test has ever seen.
        """
        express = self._express
        played = self._play(None if express is None else express.signals)
        if express is not None:
            told = [it[2:7] for it in _traded(played)]
            if told != [it[1:6] for it in express.fills]:
                msg = f"run {self.run_id}: the engine traded something else than the short way"
                raise CorruptHistoryError(msg)
        return played

    def __repr__(self) -> str:
        return (
            f"<BacktestResult {self.run_id[:12]}: {len(self.trades)} trades, "
            f"equity {self.final_equity} from {self.spec.cash[0]}>"
        )

    @property
    def ended(self) -> str:
        """Why the run ended before its last bar; empty if it did not."""
        return "" if self._express else self.played.ended

    @cached_property
    def stopped(self) -> Sequence[StoppedTrader]:
        """The strategies that raised, hung or gave nonsense; the others went on."""
        if self._express:
            return ()
        return tuple(_stopped(lane) for lane in self.played.lanes if lane.stopped)

    @cached_property
    def holes(self) -> Mapping[Symbol, Sequence[Hole]]:
        """Where bars are missing, by symbol."""
        found: dict[Symbol, list[Hole]] = {}
        for tape in self.spec.tapes:
            if tape.holes:
                found.setdefault(tape.symbol, []).extend(tape.holes)
        return found

    # Money bar by bar ---------------------------------------------------------------------------

    @cached_property
    def at(self) -> Sequence[datetime]:
        """When each bar closed; bars of several series that close together count once."""
        if self._express:
            return self.spec.tapes[0].closes_at
        return [at for at, _ in self._timeline]

    @cached_property
    def equity_exact(self) -> Sequence[Decimal]:
        """Cash and positions at the newest closes, bar by bar, in the currency of the run."""
        plain_way = self._holdings
        if plain_way:
            return _equity_of(plain_way, self.spec.tapes[0], len(self.at))
        return self.equity_in(self.spec.currency)

    @cached_property
    def equity(self) -> Sequence[float]:
        """`equity_exact` as the nearest floats."""
        plain_way = self._holdings
        if plain_way:
            return _floats_of(plain_way, self.spec.tapes[0], len(self.at))
        return [float(value) for value in self.equity_exact]

    def equity_in(self, currency: Currency) -> Sequence[Decimal]:
        """Return cash and positions in one currency, bar by bar. Nothing is converted."""
        return list(self._equity(currency))

    @property
    def final_equity(self) -> Money:
        """Cash and positions after the last bar."""
        plain_way = self._holdings
        if plain_way:
            last, close = plain_way[-1], self.spec.tapes[0].amounts["close"][len(self.at) - 1]
            return Money(add(last.cash, EXACT.multiply(last.units, close)), self.spec.currency)
        return Money(self.equity_exact[-1], self.spec.currency)

    @property
    def portfolio(self) -> Portfolio:
        """The portfolio as it was left."""
        return self.played.snapshots[-1].portfolio

    @cached_property
    def open_units(self) -> Mapping[str, Decimal]:
        """What is held after the last bar, by symbol; below zero short."""
        if self._express:
            units = self._express.holdings[-1].units
            return {self.spec.tapes[0].symbol.code: units} if units else {}
        positions = self.portfolio.positions.items()
        return {symbol.code: it.net for symbol, it in positions if it.net}

    @property
    def borrowed(self) -> Money:
        """What short positions cost."""
        return Money.zero(self.spec.currency) if self._express else self.played.borrowed

    # Orders and trades --------------------------------------------------------------------------

    @cached_property
    def fills(self) -> Sequence[FillBooked]:
        """Everything that was traded, as it was booked, oldest first."""
        return _booked(self.played)

    @cached_property
    def trades(self) -> Sequence[RoundTrip]:
        """Closed trades, in the order in which they were closed."""
        return round_trips(self.traded)

    @cached_property
    def traded(self) -> Sequence[Traded]:
        """Every fill in plain amounts, oldest first."""
        if not self._express:
            return _traded(self.played)
        tape = self.spec.tapes[0]
        return [
            Traded(
                tape.at[it.bar], tape.symbol, *it[1:], it.quantity if it.side is Side.SELL else ZERO
            )
            for it in self._express.fills
        ]

    @cached_property
    def fees(self) -> Money:
        """All fees in the currency of the run."""
        currency = self.spec.currency
        paid = (it.fee for it in self.traded if it.symbol.quote == currency)
        return Money(sum_of(paid), currency)

    @cached_property
    def orders(self) -> Sequence[OrderView]:
        """Every order, oldest first."""
        return [OrderView.of(order) for order in self._orders()]

    @cached_property
    def rejected(self) -> Sequence[Order]:
        """Orders that the gate refused or the venue rejected; `reasons` has the codes."""
        ends = (OrderStatus.REFUSED, OrderStatus.REJECTED)
        return [order for order in self._orders() if order.status in ends]

    @cached_property
    def blocked(self) -> Mapping[str, int]:
        """How often a signal led to no order, by the reason."""
        found: dict[str, int] = {}
        codes = [self._express.codes] if self._express else [it.codes for it in self.played.lanes]
        for code in chain.from_iterable(it.values() for it in codes):
            found[code] = found.get(code, 0) + 1
        if self._express:
            return found
        for order in self._orders():
            if order.status is OrderStatus.REFUSED:
                code = order.reasons[0].code
                found[code] = found.get(code, 0) + 1
        return found

    def place_of(self, at: datetime) -> int:
        """Return the number of the bar, in `at` and `equity`, that an instant lies in."""
        return self._places[at]

    def summary(self) -> dict[str, Any]:
        """Return the main figures as plain values."""
        spec = self.spec
        return {
            "run_id": self.run_id,
            "bars": len(self.at),
            "first": spec.tapes[0].at[0],
            "last": self.at[-1],
            "traders": [
                {
                    "strategy": it.name,
                    "parameters": dict(it.strategy.parameters()),
                    "symbol": it.tape.symbol.code,
                    "timeframe": it.tape.timeframe.value,
                }
                for it in spec.traders
            ],
            "model": spec.model.name,
            "cash": [str(it) for it in spec.cash],
            "equity": str(self.final_equity),
            "profit": plain(subtract(self.final_equity.amount, spec.cash[0].amount)),
            "trades": len(self.trades),
            "won": sum(1 for it in self.trades if it.profit > 0),
            "fills": len(self.traded),
            "fees": str(self.fees),
            "borrowed": str(self.borrowed),
            "open": {code: plain(units) for code, units in self.open_units.items()},
            "rejected": 0 if self._express else len(self.rejected),
            "blocked": dict(sorted(self.blocked.items())),
            "holes": sum(len(it) for it in self.holes.values()),
            "ended": self.ended,
            "stopped": [
                {"strategy": it.strategy, "symbol": it.symbol, "code": it.code, "reason": it.reason}
                for it in self.stopped
            ],
        }

    # Help ---------------------------------------------------------------------------------------

    @cached_property
    def _holdings(self) -> Sequence[Holding]:
        """Cash and units from bar to bar; nothing if there are several traders or currencies."""
        if self._express:
            return self._express.holdings
        spec = self.spec
        if len(spec.traders) > 1 or spec.tapes[0].symbol.quote != spec.currency:
            return ()
        symbol = spec.tapes[0].symbol
        return [
            Holding(
                min(max(it.place, 0), self.played.last_place + 1),
                it.portfolio.cash_in(spec.currency).total.amount,
                it.portfolio.position_in(symbol).net,
            )
            for it in self.played.snapshots
        ]

    def _orders(self) -> Iterator[Order]:
        yield from self.played.room.orders.states.values()

    @cached_property
    def _timeline(self) -> Sequence[tuple[datetime, int]]:
        """The instants at which bars closed, each with the place of the last bar that did."""
        lanes, order = self.played.lanes, self.played.order[: self.played.last_place + 1]
        found: dict[datetime, int] = {}
        for place, (lane, number) in enumerate(order):
            found[lanes[lane].trader.tape.closes_at[number]] = place
        return list(found.items())

    @cached_property
    def _places(self) -> Mapping[datetime, int]:
        """The number of the bar by the instants at which bars of it opened."""
        ends = {at: number for number, (at, _) in enumerate(self._timeline)}
        found: dict[datetime, int] = {}
        for tape in self.spec.tapes:
            for at, closes_at in zip(tape.at, tape.closes_at, strict=True):
                if closes_at in ends:
                    found.setdefault(at, ends[closes_at])
        return found

    def _equity(self, currency: Currency) -> Iterator[Decimal]:
        tapes = {tape.symbol: tape for tape in self.spec.tapes if tape.symbol.quote == currency}
        marks = {symbol: _Marks(tape) for symbol, tape in tapes.items()}
        snapshots = [*self.played.snapshots]
        bounds = [it.place for it in snapshots[1:]] + [self.played.last_place + 1]
        newest = 0
        cash, held = _holdings(snapshots[0].portfolio, currency, marks)
        for at, place in self._timeline:
            while bounds[newest] <= place and newest + 1 < len(snapshots):
                newest += 1
                cash, held = _holdings(snapshots[newest].portfolio, currency, marks)
            equity = cash
            for net, mark in held:
                equity = add(equity, EXACT.multiply(net, mark.at(at)))
            yield equity


def _booked(played: Played) -> list[FillBooked]:
    return [
        event
        for deed in played.room.deeds
        for said in deed.said
        for event in said.events
        if isinstance(event, FillBooked)
    ]


def _traded(played: Played) -> list[Traded]:
    return [Traded.of(it) for it in _booked(played)]


def _equity_of(holdings: Sequence[Holding], tape: Tape, bars: int) -> list[Decimal]:
    closes, found = tape.amounts["close"], []
    ends = [it.bar for it in holdings[1:]] + [bars]
    for holding, end in zip(holdings, ends, strict=True):
        cash, units = holding.cash, holding.units
        if units:
            found += [
                add(cash, EXACT.multiply(units, close)) for close in closes[holding.bar : end]
            ]
        else:
            found += [cash] * (end - holding.bar)
    return found


def _floats_of(holdings: Sequence[Holding], tape: Tape, bars: int) -> list[float]:
    """Return the same as floats, by whole numbers: their division rounds once, to the nearest."""
    closes, places = tape.whole_closes
    found: list[float] = []
    ends = [it.bar for it in holdings[1:]] + [bars]
    for holding, end in zip(holdings, ends, strict=True):
        units, of_units = whole(holding.units)
        cash, of_cash = whole(holding.cash)
        scale = max(of_cash, of_units + places)
        cash *= 10 ** (scale - of_cash)
        units *= 10 ** (scale - of_units - places)
        divisor = 10**scale
        if units:
            found += [(cash + units * close) / divisor for close in closes[holding.bar : end]]
        else:
            found += [cash / divisor] * (end - holding.bar)
    return found


class _Marks:
    """The newest close of a series, asked for at rising instants."""

    __slots__ = ("_closes", "_closes_at", "_next")

    def __init__(self, tape: Tape) -> None:
        self._closes = tape.amounts["close"]
        self._closes_at = tape.closes_at
        self._next = 0

    def at(self, instant: datetime) -> Decimal:
        """Return the close of the last bar that was over by then."""
        number, closes_at = self._next, self._closes_at
        while number < len(closes_at) and closes_at[number] <= instant:
            number += 1
        self._next = number
        return self._closes[number - 1] if number else ZERO


def _holdings(
    portfolio: Portfolio, currency: Currency, marks: Mapping[Symbol, _Marks]
) -> tuple[Decimal, list[tuple[Decimal, _Marks]]]:
    held = [
        (it.net, marks[symbol])
        for symbol, it in portfolio.positions.items()
        if it.net and symbol in marks
    ]
    return portfolio.cash_in(currency).total.amount, held


def _stopped(lane: Lane) -> StoppedTrader:
    tape = lane.trader.tape
    return StoppedTrader(
        strategy=lane.trader.name,
        symbol=lane.symbol.code,
        bar_at=tape.at[lane.now] if lane.now >= 0 else None,
        code=lane.code,
        reason=lane.stopped,
    )
