"""The Portfolio aggregate: cash per currency with reservations, and the positions beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

from traderbot.domain.orders.events import (
    AmendRefused,
    AmendRequested,
    OrderAmended,
    OrderApproved,
    OrderEnded,
    OrderFilled,
)
from traderbot.domain.orders.ticket import Side, Ticket
from traderbot.domain.portfolio.errors import InsufficientFundsError, InvalidTransferError
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    ExposureReleased,
    ExposureReserved,
    FillBooked,
    PortfolioEvent,
    PortfolioOpened,
)
from traderbot.domain.portfolio.position import Position
from traderbot.domain.portfolio.trading_memory import TradingMemory
from traderbot.domain.shared.decimals import LIMIT, ZERO, add
from traderbot.domain.shared.errors import CorruptHistoryError, InvalidValueError
from traderbot.domain.shared.history import evolve, fold
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.domain.shared.values import Currency, Money, Symbol, trusted_money

NAME_LENGTH = 64
_REASON_LENGTH = 500
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Cash:
    """One currency: what is free, set aside for working orders, and locked by short positions."""

    free: Money
    reserved: Money
    collateral: Money

    @staticmethod
    @lru_cache(maxsize=4096)
    def none(of: Currency) -> Cash:
        """Return an account with nothing in it."""
        nothing = Money.zero(of)
        return Cash(nothing, nothing, nothing)

    @property
    def total(self) -> Money:
        """All of it: free + reserved + collateral."""
        return self.free + self.reserved + self.collateral

    @property
    def whole(self) -> Decimal:
        """The same, as a bare number."""
        return add(add(self.free.amount, self.reserved.amount), self.collateral.amount)


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """A portfolio as its events have made it. Only `apply` makes the next one."""

    id: PortfolioId
    owner_id: UserId
    name: str
    opened_at: datetime
    updated_at: datetime
    cash: MappingProxyType[Currency, Cash] = field(default_factory=lambda: MappingProxyType({}))
    positions: MappingProxyType[Symbol, Position] = field(
        default_factory=lambda: MappingProxyType({})
    )
    memory: TradingMemory = field(default_factory=TradingMemory)  # what the risk gate asks about
    version: int = 1

    @staticmethod
    def open(
        portfolio_id: PortfolioId, owner_id: UserId, name: str, *, at: datetime
    ) -> tuple[PortfolioEvent, ...]:
        """Open an empty portfolio. Raises InvalidValueError for a blank or overlong name."""
        if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
            msg = f"a portfolio's name is 1 to {NAME_LENGTH} printable characters"
            raise InvalidValueError(msg)
        return (PortfolioOpened(portfolio_id=portfolio_id, at=at, owner_id=owner_id, name=name),)

    def deposit(self, amount: Money, *, at: datetime) -> tuple[PortfolioEvent, ...]:
        """Take money in. Raises InvalidTransferError for nothing or less, or more than fits."""
        if amount.amount <= 0:
            msg = f"a deposit is above zero, not {amount}"
            raise InvalidTransferError(msg)
        if add(self.cash_in(amount.currency).total.amount, amount.amount) >= LIMIT:
            msg = f"{amount} more is more than an account can hold"
            raise InvalidTransferError(msg)
        return (CashDeposited(portfolio_id=self.id, at=at, amount=amount),)

    def withdraw(self, amount: Money, *, at: datetime) -> tuple[PortfolioEvent, ...]:
        """Pay money out.

        Raises:
            InvalidTransferError: nothing or less.
            InsufficientFundsError: more than is free.
        """
        if amount.amount <= 0:
            msg = f"a withdrawal is above zero, not {amount}"
            raise InvalidTransferError(msg)
        free = self.cash_in(amount.currency).free
        if amount > free:
            msg = f"{amount} asked, {free} free"
            raise InsufficientFundsError(msg)
        return (CashWithdrawn(portfolio_id=self.id, at=at, amount=amount),)

    def correct(
        self, amount: Money, reason: str, *, corrects: str | None = None, at: datetime
    ) -> tuple[PortfolioEvent, ...]:
        """Put right what was recorded wrongly, with an event that makes up for it.

        Free cash never goes below zero by it: what is set aside or held has to be freed first.

        Raises:
            InvalidTransferError: nothing, or more than fits.
            InsufficientFundsError: more would be taken than is free.
            InvalidValueError: no reason is given.
        """
        if not amount:
            msg = "a correction of nothing"
            raise InvalidTransferError(msg)
        cash = self.cash_in(amount.currency)
        if amount.amount > 0 and add(cash.total.amount, amount.amount) >= LIMIT:
            msg = f"{amount} more is more than an account can hold"
            raise InvalidTransferError(msg)
        if amount.amount < 0 and -amount > cash.free:
            msg = f"{-amount} to be taken out, {cash.free} free: cancel orders or deposit first"
            raise InsufficientFundsError(msg)
        said = reason.strip()
        if not 0 < len(said) <= _REASON_LENGTH or not said.isprintable():
            msg = f"a reason is 1 to {_REASON_LENGTH} printable characters"
            raise InvalidValueError(msg)
        return (
            CashCorrected(
                portfolio_id=self.id, at=at, amount=amount, reason=said, corrects=corrects
            ),
        )

    def reserve(self, ticket: Ticket, approved: OrderApproved) -> tuple[PortfolioEvent, ...]:
        """Set aside what an approved order may cost."""
        return (
            ExposureReserved(
                portfolio_id=self.id,
                at=approved.at,
                order_id=approved.order_id,
                symbol=ticket.symbol,
                cash=approved.reserved,
                closing=approved.closing,
                side=ticket.side,
            ),
        )

    def reserve_more(self, ticket: Ticket, asked: AmendRequested) -> tuple[PortfolioEvent, ...]:
        """Set aside what a change of an order may cost beside what it holds already."""
        if not asked.reserved_more and not asked.closing_more:
            return ()
        return (
            ExposureReserved(
                portfolio_id=self.id,
                at=asked.at,
                order_id=asked.order_id,
                symbol=ticket.symbol,
                cash=asked.reserved_more,
                closing=asked.closing_more,
                side=ticket.side,
            ),
        )

    def release(
        self, ticket: Ticket, ended: OrderEnded | OrderAmended | AmendRefused
    ) -> tuple[PortfolioEvent, ...]:
        """Free what an order had set aside that ended, or that needs less from now on."""
        if not isinstance(ended, OrderEnded) and not ended.released and not ended.closing_released:
            return ()
        return (
            ExposureReleased(
                portfolio_id=self.id,
                at=ended.at,
                order_id=ended.order_id,
                symbol=ticket.symbol,
                cash=ended.released,
                closing=ended.closing_released,
                side=ticket.side if ended.closing_released else None,
            ),
        )

    def book(
        self, ticket: Ticket, filled: OrderFilled, bot_run_id: BotRunId | None = None
    ) -> tuple[PortfolioEvent, ...]:
        """Book what the venue traded. A fact: it is never refused, even if cash goes below zero."""
        fill = filled.fill
        held = self.position_in(ticket.symbol)
        change = held.change_by(ticket.side, fill, filled.reservation_used)
        return (
            FillBooked(
                portfolio_id=self.id,
                at=filled.at,
                order_id=filled.order_id,
                fill_id=fill.id,
                symbol=ticket.symbol,
                side=ticket.side,
                quantity=fill.quantity,
                price=fill.price,
                notional=change.notional,
                fee=fill.fee,
                closed=change.closed,
                cost_change=change.cost_change,
                realised=change.realised,
                collateral_change=change.collateral_change,
                reservation_used=filled.reservation_used,
                closing_used=filled.closing_used,
                bot_run_id=bot_run_id,
            ),
        )

    def cash_in(self, currency: Currency) -> Cash:
        """Return the account in that currency, empty if there is none."""
        return self.cash.get(currency) or Cash.none(currency)

    def position_in(self, symbol: Symbol) -> Position:
        """Return the position in that symbol, flat if there is none."""
        return self.positions.get(symbol) or Position.flat(symbol)

    def equity_at_cost(self, currency: Currency) -> Money:
        """Return cash and positions in that currency, each position at what it cost."""
        _, net = self.invested(currency)
        return trusted_money(add(self.cash_in(currency).whole, net), currency)

    def invested(self, currency: Currency) -> tuple[Decimal, Decimal]:
        """Return what all positions in a currency cost: regardless of their side, and with it."""
        gross = net = ZERO
        for position in self.positions.values():
            cost = position.cost
            if cost.currency is currency or cost.currency == currency:
                gross, net = add(gross, cost.amount.copy_abs()), add(net, cost.amount)
        return gross, net

    @staticmethod
    def begin(event: PortfolioEvent) -> Portfolio:
        """Return the portfolio its first event opened.

        Raises:
            CorruptHistoryError: the history does not start with an opening.
        """
        if not isinstance(event, PortfolioOpened):
            msg = f"portfolio {event.portfolio_id} starts with {type(event).__name__}"
            raise CorruptHistoryError(msg)
        return Portfolio(
            id=event.portfolio_id,
            owner_id=event.owner_id,
            name=event.name,
            opened_at=event.at,
            updated_at=event.at,
        )

    def apply(self, event: PortfolioEvent) -> Portfolio:
        """Return the portfolio after `event`."""
        match event:
            case ExposureReserved(cash=cash):
                old = self.cash_in(cash.currency)
                new = Cash(old.free - cash, old.reserved + cash, old.collateral)
                claimed = self._claimed(event.symbol, event)
                memory = self.memory.reserved(event)
                return self._after(event, self._with(cash.currency, new), claimed, memory)
            case ExposureReleased(cash=cash):
                old = self.cash_in(cash.currency)
                new = Cash(old.free + cash, old.reserved - cash, old.collateral)
                claimed = self._claimed(event.symbol, event)
                memory = self.memory.released(event)
                return self._after(event, self._with(cash.currency, new), claimed, memory)
            case FillBooked():
                memory = self.memory.filled(event, self.position_in(event.symbol).net)
                return self._after(event, self._settled(event), self._booked(event), memory)
            case CashDeposited(amount=amount):
                old = self.cash_in(amount.currency)
                new = replace(old, free=old.free + amount)
                return self._after(event, self._with(amount.currency, new))
            case CashWithdrawn(amount=amount):
                old = self.cash_in(amount.currency)
                new = replace(old, free=old.free - amount)
                return self._after(event, self._with(amount.currency, new))
            case CashCorrected(amount=amount):
                old = self.cash_in(amount.currency)
                new = replace(old, free=old.free + amount)
                return self._after(event, self._with(amount.currency, new))
            case PortfolioOpened():
                msg = f"portfolio {self.id} was opened twice"
                raise CorruptHistoryError(msg)

    def _after(
        self,
        event: PortfolioEvent,
        cash: Mapping[Currency, Cash],
        positions: Mapping[Symbol, Position] | None = None,
        memory: TradingMemory | None = None,
    ) -> Portfolio:
        return evolve(
            self,
            version=self.version + 1,
            updated_at=event.at,
            cash=_read_only(cash),
            positions=self.positions if positions is None else _read_only(positions),
            memory=memory or self.memory,
        )

    def _with(self, currency: Currency, cash: Cash) -> dict[Currency, Cash]:
        return self.cash.copy() | {currency: cash}

    def _settled(self, event: FillBooked) -> Mapping[Currency, Cash]:
        """Cash after a fill; `postings` in ledger.py writes the same amounts as double entry."""
        quote, fee = event.notional.currency, event.fee
        old = self.cash_in(quote)
        cash = self._with(
            quote,
            Cash(
                old.free + free_change(event),
                old.reserved - event.reservation_used,
                old.collateral + event.collateral_change,
            ),
        )
        if fee.currency != quote:
            paid = cash.get(fee.currency) or Cash.none(fee.currency)
            cash[fee.currency] = replace(paid, free=paid.free - fee)
        return cash

    def _booked(self, event: FillBooked) -> dict[Symbol, Position]:
        held = self.position_in(event.symbol).apply(event)
        return self.positions.copy() | {event.symbol: held}

    def _claimed(
        self, symbol: Symbol, event: ExposureReserved | ExposureReleased
    ) -> Mapping[Symbol, Position]:
        if not event.closing:
            return self.positions
        held = self.position_in(symbol)
        if isinstance(event, ExposureReserved):
            after = held.claim(event.side, event.closing)
        else:
            after = held.unclaim(event.side, event.closing)
        return self.positions.copy() | {symbol: after}

    @staticmethod
    def from_events(events: Iterable[PortfolioEvent]) -> Portfolio:
        """Fold a whole history. Raises CorruptHistoryError."""
        return fold(Portfolio.begin, events)


def free_change(event: FillBooked) -> Money:
    """Return what a fill does to free cash in the currency it was traded in."""
    change = event.reservation_used - event.collateral_change
    change = change - event.notional if event.side is Side.BUY else change + event.notional
    return change - event.fee if event.fee.currency == change.currency else change


def _read_only(mapping: Mapping[K, V]) -> MappingProxyType[K, V]:
    # What is read-only already is not wrapped again: wrappers around wrappers grow with each event.
    return mapping if isinstance(mapping, MappingProxyType) else MappingProxyType(mapping)
