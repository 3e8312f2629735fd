"""Plays bars to strategies, and carries out what follows by the commands of a live run.

Most bars change nothing: no order works and the strategy holds. On those only the strategy is
asked. Their decision records are made when a log is wanted (`log.py`), and so are the inputs,
indicator values and reasons of all others. What is never put off: orders, fills and money.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from heapq import merge
from typing import Final, Protocol

from traderbot.application.backtesting.errors import MissingBarsError
from traderbot.application.backtesting.room import MovableClock, Room, SkippingIds
from traderbot.application.backtesting.spec import AtEnd, BacktestSpec, OnGap, Trader, texts
from traderbot.application.backtesting.tape import Tape
from traderbot.application.backtesting.venue import RecordMeeting, Venue, record_meeting
from traderbot.application.backtesting.watchdog import StrategyHangsError, Watchdog
from traderbot.application.commands.bots import DecideOnBar, StartBot, StopBot
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio, Withdraw
from traderbot.application.commands.users import RegisterUser
from traderbot.application.gate import Gate
from traderbot.application.ports.commands import IdempotencyKey, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.reactions.stop_trading import StopTrading
from traderbot.application.use_cases import UseCases
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.bots.sizing_rule import SizingRule
from traderbot.domain.market.bars import Bar
from traderbot.domain.orders.ticket import OrderKind
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.shared.decimals import EXACT, ZERO, add, plain
from traderbot.domain.shared.errors import TraderbotError
from traderbot.domain.shared.history import evolve
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Currency, Money, Symbol
from traderbot.domain.strategies.answers import StrategyContext
from traderbot.domain.strategies.strategy import BaseStrategy
from traderbot.domain.strategies.watching import Watcher

OPERATOR: Final = Origin(actor=Actor("operator", "backtest", "library"))
BORROW: Final = Origin(actor=Actor("system", "borrow", "venue"))
LAST_BAR: Final = "the last bar was reached"
FORCED: Final = "the run ends at the next open: what is held is closed"
OVER: Final = "the run ends here"
_EMAIL: Final = "backtest@example.com"
_NAME: Final = "backtest"
_WORDS: Final = {1: "BUY", -1: "SELL", 0: "HOLD"}
_SIGNS: Final = {"BUY": 1, "SELL": -1, "HOLD": 0}
_YEAR: Final = timedelta(days=365)
_TEN_THOUSAND: Final = Decimal(10_000)
_SATOSHI: Final = Decimal("0.00000001")
BATCH_PATIENCE: Final = 10  # times as long as for one bar
_TOLD_EVERY: Final = 4096  # bars between two words of progress

# Answers +1, -1 or 0 for every bar at once, or None if the strategy has to be asked bar by bar.
Batch = Callable[[BaseStrategy, Tape], "SignalsByBar | None"]


class SignalsByBar(Protocol):
    """A signal for each bar, asked for by its number."""

    def __getitem__(self, number: int, /) -> int: ...


@dataclass(slots=True, eq=False)
class Lane:
    """One trader at work."""

    trader: Trader
    run_id: BotRunId
    origin: Origin
    watcher: Watcher | None
    signals: SignalsByBar | None
    recorded: int = 0  # how many bars its BotRun knows of
    now: int = -1  # the number of its newest bar
    stopped: str = ""  # why, if it is
    code: str = ""
    codes: dict[int, str] = field(default_factory=dict)  # why a signal led to nothing, by bar

    symbol: Symbol = field(init=False)
    tape: Tape = field(init=False)

    def __post_init__(self) -> None:
        self.tape = self.trader.tape
        self.symbol = self.tape.symbol


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The portfolio from a place in the order of bars on."""

    place: int
    portfolio: Portfolio


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Everything a run left behind."""

    spec: BacktestSpec
    room: Room
    owner_id: UserId
    portfolio_id: PortfolioId
    lanes: Sequence[Lane]
    order: Sequence[tuple[int, int]]  # lane and number of each bar, in the order of their closes
    snapshots: Sequence[Snapshot]
    ended: str  # why the whole run ended before its last bar; empty if it did not
    borrowed: Money  # what short positions cost
    last_place: int
    quiet: Sequence[tuple[int, int]]  # how many ids were made before so many quiet bars


class Engine:
    """One backtest, run once."""

    def __init__(
        self,
        spec: BacktestSpec,
        clock: MovableClock,
        ids: SkippingIds,
        *,
        batch: Batch,
        seconds: float = 10.0,
    ) -> None:
        """Prepare it. A strategy may take `seconds` to answer, and is stopped after that."""
        self._spec = spec
        self._room = room = Room(clock, ids)
        gate = Gate(limits=spec.limits)
        handlers = UseCases.build(spec.limits, clock, ids, gate).handlers()
        room.handlers = {**handlers, RecordMeeting: record_meeting}
        room.stop_trading = StopTrading(gate=gate)
        self._clock = clock
        self._batch = batch
        self._dog = Watchdog(seconds)
        self._busy: set[Symbol] = set()
        self._snapshots: list[Snapshot] = []
        self._shorts = False
        self._idle = 0
        self._quiet: list[tuple[int, int]] = []
        self._ended = ""
        self._borrowed = Money.zero(spec.currency)
        self._last_place = -1

    def run(self, on_progress: Callable[[int, int], None] | None = None) -> Played:
        """Play every bar to its end."""
        # What is made here is kept: looking for garbage in it would take a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._begin()
            order = _order(self._lanes)
            with self._dog.watching():
                self._play(order, on_progress or _silent)
            self._stop_all()
        finally:
            if collecting:
                gc.enable()
        return Played(
            spec=self._spec,
            room=self._room,
            owner_id=self._owner,
            portfolio_id=self._portfolio_id,
            lanes=self._lanes,
            order=order,
            snapshots=self._snapshots,
            ended=self._ended,
            borrowed=self._borrowed,
            last_place=self._last_place,
            quiet=self._quiet,
        )

    # Before the first bar -----------------------------------------------------------------------

    def _begin(self) -> None:
        spec, run = self._spec, self._room.run
        # The log records first which bars there are, one command a series.
        self._room.ids.skip(len(spec.tapes))
        user = run(RegisterUser(email=_EMAIL, password_hash="-"), OPERATOR)  # noqa: S106 - nobody logs in
        self._owner = owner = UserId(user.user_id)
        opened = run(OpenPortfolio(owner_id=owner, name=_NAME, cash=spec.cash[0]), OPERATOR)
        self._portfolio_id = id_ = PortfolioId(opened.portfolio_id)
        for money in spec.cash[1:]:
            run(Deposit(owner_id=owner, portfolio_id=id_, amount=money), OPERATOR)
        self._venue = Venue(self._room, id_, spec.model)
        self._lanes = [self._lane(trader) for trader in spec.traders]
        self._snap()

    def _lane(self, trader: Trader) -> Lane:
        started = self._room.run(
            StartBot(
                owner_id=self._owner,
                portfolio_id=self._portfolio_id,
                strategy=trader.name,
                parameters=texts(trader.strategy),
                symbol=trader.tape.symbol,
                timeframe=trader.tape.timeframe,
                allocation=trader.allocation,
                sizing=trader.sizing,
            ),
            OPERATOR,
        )
        run_id = BotRunId(started.bot_run_id)
        lane = Lane(
            trader=trader,
            run_id=run_id,
            origin=Origin(actor=Actor("bot", run_id, "runner")),
            watcher=None,
            signals=None,
        )
        # Sizing by an indicator needs what the strategy saw, and so its eyes, on every signal.
        by_eye = trader.sizing is not None and trader.sizing.rule is SizingRule.VOLATILITY
        try:
            if not by_eye:
                # All bars at once, and perhaps a compiler before them.
                with Watchdog(BATCH_PATIENCE * self._dog.seconds).watching():
                    lane.signals = self._batch(trader.strategy, trader.tape)
            if lane.signals is None:
                lane.watcher = trader.watch(self._context(lane))
        except (Exception, StrategyHangsError) as error:  # noqa: BLE001 - of anybody's strategy
            self._fail(lane, error)
        return lane

    def _context(self, lane: Lane) -> StrategyContext:
        return {
            "timeframe": lane.tape.timeframe.value,
            "user_id": self._owner,
            "bot_run_id": lane.run_id,
        }

    # Bar after bar --------------------------------------------------------------------------------

    def _play(  # noqa: C901 - the one loop; calls would cost as much as what they do
        self, order: Sequence[tuple[int, int]], on_progress: Callable[[int, int], None]
    ) -> None:
        lanes, busy, dog = self._lanes, self._busy, self._dog
        closing, charges = self._spec.at_end is AtEnd.CLOSE, bool(self._spec.borrow_bps)
        total = len(order)
        place, sign = -1, 0
        for place, (number, i) in enumerate(order):
            lane = lanes[number]
            if lane.stopped:
                continue
            dog.steps = place
            if not place % _TOLD_EVERY:
                on_progress(place, total)
            lane.now = i
            watcher = lane.watcher
            try:
                if lane.signals is not None:
                    sign = lane.signals[i]
                elif watcher is not None:
                    row = lane.tape.rows[i]
                    sign = _SIGNS[watcher.signal(row)]
                if closing and i >= len(lane.tape) - 2:
                    sign = self._closing_sign(lane, i, place)
                if sign or self._shorts or (busy and lane.symbol in busy):
                    self._room.place = place
                    self._visit(lane, i, sign, charges=charges)
                else:
                    self._idle += 1
                if watcher is not None:
                    watcher.keep(row)
            except (Exception, StrategyHangsError) as error:  # noqa: BLE001 - of anybody's strategy
                self._room.place = place
                self._fail(lane, error)
            if self._ended:
                break
        self._last_place = place
        on_progress(total, total)

    def _visit(self, lane: Lane, i: int, sign: int, *, charges: bool) -> None:
        """Take in a bar on which something may happen."""
        symbol = lane.symbol
        charged = charges and (self._shorts or symbol in self._busy)
        if symbol in self._busy or charged or not self._stays_quiet(lane, i, sign):
            self._catch_up_ids()
            bar = lane.tape.bar(i)
            self._clock.move_to(bar.closes_at)
            self._venue.meet(bar, lane.origin)
            self._room.closes[symbol] = bar.close
            if charges:
                self._charge(lane, i)
            self._look_at_the_book(symbol)
            # Often the bar has filled what worked, and the strategy has nothing to add.
            if symbol in self._busy or not self._stays_quiet(lane, i, sign):
                self._decide(lane, i, bar, sign)
                self._look_at_the_book(symbol)
        self._check_margin()

    def _look_at_the_book(self, symbol: Symbol) -> None:
        book = self._venue.book(symbol)
        if book is not None and book.working:
            self._busy.add(symbol)
        else:
            self._busy.discard(symbol)
        self._snap()

    def _stays_quiet(self, lane: Lane, i: int, sign: int) -> bool:
        """Whether a decision leads to nothing where nothing works; then its record can wait."""
        code = self._blocked(lane, sign)
        if code is None:
            return False
        if code:
            lane.codes[i] = code
        self._idle += 1
        return True

    def _blocked(self, lane: Lane, sign: int) -> str | None:
        """Return why a decision on a quiet symbol leads to nothing; empty: no signal; None: not so.

        The first lines of `domain/bots/sizing.py`, which ask nothing but the position.
        """
        if not sign:
            return ""
        net = self._portfolio.position_in(lane.symbol).net
        sizing = lane.trader.sizing
        short = sizing is not None and sizing.short
        if sign > 0:
            return "ALREADY_LONG" if net > 0 else None
        if short:
            return "ALREADY_SHORT" if net < 0 else None
        return "NO_POSITION" if net <= 0 else None

    def _catch_up_ids(self) -> None:
        """Leave out the ids that a live run would have given to quiet bars since the last time."""
        if self._idle:
            self._quiet.append((self._room.ids.made, self._idle))
            self._room.ids.skip(self._idle)
            self._idle = 0

    def _decide(self, lane: Lane, i: int, bar: Bar, sign: int) -> None:
        self._catch_up(lane, i)
        room = self._room
        net = self._portfolio_now.position_in(lane.symbol).net
        if sign and net and (sign > 0) is not (net > 0):
            self._clear_exits(lane, bar)
        indicators: dict[str, str] = {}
        if (
            lane.watcher is not None
            and lane.trader.sizing is not None
            and lane.trader.sizing.indicator
        ):
            seen = lane.watcher.look(lane.tape.rows[i])
            indicators = {name: repr(float(it)) for name, it in seen.explanation.indicators.items()}
        command = DecideOnBar(
            bot_run_id=lane.run_id,
            seen=Observation(
                bar_at=bar.at,
                closes_at=bar.closes_at,
                close=bar.close,
                input_digest="",  # this and the words are filled in where the log is made
                signal=_WORDS[sign],
                confidence="0.0",
                reason="",
                indicators=indicators,
                rules={},
            ),
        )
        key = IdempotencyKey(f"bot:{lane.run_id}", bar.at.isoformat())
        decision = room.run(command, Origin(actor=lane.origin.actor, key=key))
        lane.recorded = i + 1
        if sign and decision.order_id is None and decision.blocking_code is not None:
            lane.codes[i] = decision.blocking_code
        if decision.order_id is not None and decision.blocking_code is None:
            order = room.orders.find(OrderId(decision.order_id))
            if order is not None and order.status.is_open:
                self._venue.submit(order, bar, lane.origin)

    def _catch_up(self, lane: Lane, i: int) -> None:
        """Let the bot's aggregate know of the bars on which nothing happened."""
        missing = i - lane.recorded
        if not missing:
            return
        states, tape = self._room.bots.states, lane.tape
        run = states[lane.run_id]
        states[lane.run_id] = evolve(
            run,
            version=run.version + missing,
            decisions=run.decisions + missing,
            last_bar_at=tape.at[i - 1],
            updated_at=tape.closes_at[i - 1],
        )

    def _clear_exits(self, lane: Lane, bar: Bar) -> None:
        """Take the orders back that protect a position: the strategy wants to be out of it."""
        book = self._venue.book(lane.symbol)
        working = () if book is None else tuple(book.queue())
        exits = [it for it in working if it.ticket.reduce_only]
        # The limit order first: a stop that is taken from its pair would be placed anew.
        for resting in sorted(exits, key=lambda it: it.ticket.kind is OrderKind.STOP):
            order = self._room.orders.find(resting.order_id)
            if order is None or not order.status.is_open or order.parent_id is None:
                continue
            cancel = CancelOrder(
                owner_id=self._owner, order_id=order.id, reason="the strategy closes the position"
            )
            self._room.run(cancel, lane.origin)
            self._venue.take_back(lane.symbol, bar, lane.origin)

    def _closing_sign(self, lane: Lane, i: int, place: int) -> int:
        """Return the sign that gets out of what is held, instead of the strategy's own."""
        if i == len(lane.tape) - 1:
            return 0
        self._room.place = place
        # What fills in this very bar counts as well.
        bar = lane.tape.bar(i)
        if lane.symbol in self._busy:
            self._catch_up_ids()
            self._clock.move_to(bar.closes_at)
            self._venue.meet(bar, lane.origin)
        net = self._portfolio_now.position_in(lane.symbol).net
        return (net < 0) - (net > 0)

    # Money ----------------------------------------------------------------------------------------

    @property
    def _portfolio_now(self) -> Portfolio:
        return self._room.portfolios.states[self._portfolio_id]

    def _snap(self) -> None:
        portfolio = self._portfolio_now
        if not self._snapshots or self._snapshots[-1].portfolio is not portfolio:
            self._portfolio = portfolio
            self._snapshots.append(Snapshot(self._room.place, portfolio))
            self._shorts = any(it.net < 0 for it in portfolio.positions.values())

    def _charge(self, lane: Lane, i: int) -> None:
        """Take what a short position costs for the time of a bar, at its close."""
        position = self._portfolio_now.position_in(lane.symbol)
        lender = next(it for it in self._lanes if it.symbol == lane.symbol)
        if (
            position.net >= 0 or lender is not lane
        ):  # of several traders of a symbol, one is charged
            return
        tape = lane.tape
        worth = EXACT.multiply(position.net.copy_abs(), tape.amounts["close"][i])
        by_year = EXACT.divide(EXACT.multiply(worth, self._spec.borrow_bps), _TEN_THOUSAND)
        share = Decimal(tape.timeframe.duration // timedelta(seconds=1)) / Decimal(
            _YEAR // timedelta(seconds=1)
        )
        cost = EXACT.multiply(by_year, share).quantize(_SATOSHI, ROUND_HALF_EVEN, EXACT)
        if not cost:
            return
        amount = Money(cost, lane.symbol.quote)
        free = self._portfolio_now.cash_in(amount.currency).free
        if amount > free:
            self._ended = f"margin call: {amount} to borrow {lane.symbol}, {free} free"
            return
        withdraw = Withdraw(owner_id=self._owner, portfolio_id=self._portfolio_id, amount=amount)
        self._room.run(withdraw, BORROW)
        if amount.currency == self._borrowed.currency:
            self._borrowed += amount

    def _check_margin(self) -> None:
        """End the run where the account could not go on: nothing left, or too little for shorts."""
        portfolio = self._portfolio
        for currency, cash in portfolio.cash.items():
            total = cash.total.amount
            if total < 0 and not self._shorts:
                self._ended = f"insolvent: {plain(total)} {currency} of cash"
            if self._shorts and not self._ended:
                self._check_shorts(portfolio, currency, total)

    def _check_shorts(self, portfolio: Portfolio, currency: Currency, total: Decimal) -> None:
        equity, owed = total, ZERO
        for lane in {lane.symbol: lane for lane in self._lanes}.values():
            net = portfolio.position_in(lane.symbol).net
            if not net or lane.symbol.quote != currency or lane.now < 0:
                continue
            worth = EXACT.multiply(net, lane.tape.amounts["close"][lane.now])
            equity = add(equity, worth)
            if worth < 0:
                owed = add(owed, worth.copy_abs())
        if equity <= 0:
            self._ended = f"insolvent: equity {plain(equity)} {currency}"
        elif equity < EXACT.multiply(owed, self._spec.maintenance):
            self._ended = f"margin call: equity {plain(equity)}, {plain(owed)} {currency} owed"

    # The end ----------------------------------------------------------------------------------

    def _fail(self, lane: Lane, error: BaseException) -> None:
        """Stop one trader, and let the others go on."""
        reason, code = f"{type(error).__name__}: {error}", "STRATEGY_FAILED"
        if isinstance(error, StrategyHangsError):
            reason, code = f"no answer within {self._dog.seconds:g} seconds", "STRATEGY_HANGS"
            if lane.now < 0:
                reason = f"no answer within {BATCH_PATIENCE * self._dog.seconds:g} seconds"
        elif isinstance(error, TraderbotError):
            code = error.code
        lane.stopped, lane.code = reason, code
        self._catch_up_ids()
        if lane.now >= 0:
            self._clock.move_to(lane.tape.closes_at[lane.now])
            self._catch_up(lane, lane.now)
        self._stop(lane, f"the strategy was stopped: {reason}"[:_REASON])

    def _stop_all(self) -> None:
        self._catch_up_ids()
        self._room.place = self._last_place + 1
        for lane in self._lanes:
            if lane.now >= 0:
                self._clock.move_to(lane.tape.closes_at[lane.now])
        for lane in self._lanes:
            if not lane.stopped:
                self._catch_up(lane, lane.now + 1)
                self._stop(lane, self._ended or LAST_BAR)
        self._snap()

    def _stop(self, lane: Lane, reason: str) -> None:
        reason = "".join(each if each.isprintable() else " " for each in reason)
        stop = StopBot(owner_id=self._owner, bot_run_id=lane.run_id, reason=reason)
        self._room.run(stop, OPERATOR)


_REASON: Final = 200


def ensure_whole(spec: BacktestSpec) -> None:
    """Raise MissingBarsError if there are holes, and the spec refuses them."""
    if spec.on_gap is not OnGap.REFUSE:
        return
    for tape in spec.tapes:
        if tape.holes:
            hole = tape.holes[0]
            raise MissingBarsError(tape.symbol.code, hole.after, hole.before, len(tape.holes))


def _order(lanes: Iterable[Lane]) -> Sequence[tuple[int, int]]:
    """Return lane and number of every bar, in the order in which they close."""
    tapes = [lane.tape for lane in lanes]
    if len(tapes) == 1:
        return [(0, i) for i in range(len(tapes[0]))]
    closing = (
        [(at, lane, i) for i, at in enumerate(it.closes_at)] for lane, it in enumerate(tapes)
    )
    return [(lane, i) for _, lane, i in merge(*closing)]


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
