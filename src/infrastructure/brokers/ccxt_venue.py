"""Crypto venues by way of ccxt. Binance spot is the one this program is tested with.

ccxt signs, names symbols and finds its way; it retries nothing, follows nothing, rounds nothing.
Numbers pass through it as text. What a failed call means is read from what came back, below ccxt.

Binance spot has no dead-man's switch, gives a client order id away again once its order is closed,
and has no positions: what an account has of a coin is its position in the pair with `quote`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import (
    Abilities,
    Acknowledged,
    ChangeAnswer,
    Denied,
    FindAnswer,
    NotSent,
    Stream,
    SubmitAnswer,
    Unclear,
    VenueNews,
    VenueOrder,
    VenueStatus,
    VenueTrade,
    WorkingOrder,
)
from traderbot.domain.market.instrument import Instrument
from traderbot.domain.orders.ticket import OrderKind, Ticket, TimeInForce
from traderbot.domain.shared.decimals import EXACT, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Currency, Price, Quantity, Symbol, currency, symbol
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.ccxt_orders import order_of
from traderbot.infrastructure.brokers.ccxt_stream import CcxtStream
from traderbot.infrastructure.brokers.ccxt_trades import EPOCH, CcxtTrades, all_of
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line, Said, UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames
from traderbot.infrastructure.brokers.sendable import why_not_sendable
from traderbot.infrastructure.brokers.venue_errors import Meaning, unclear

_BPS_IN_PERCENT: Final = 100
_KINDS: Final = {
    OrderKind.MARKET: "market",
    OrderKind.LIMIT: "limit",
    OrderKind.STOP: "market",
    OrderKind.STOP_LIMIT: "limit",
    OrderKind.TRAILING_STOP: "market",
}
_DURATIONS: Final = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}


class CcxtVenue:
    """`Venue` on one account of Binance spot."""

    def __init__(
        self,
        *,
        account: str,
        key: str,
        secret: str,
        clock: Clock,
        sandbox: bool = False,
        address: str | None = None,
        quote: str = "USDT",
        timeout_seconds: float = 5.0,
        budget: Budget | None = None,
    ) -> None:
        """Build the clients; nothing is sent yet.

        Args:
            account: what this program calls the account; part of every fill's identity.
            key: the API key. One that may trade and not withdraw.
            secret: its secret.
            clock: for when the stream was connected.
            sandbox: the venue's test network, which has a name of its own: its trades are others.
            address: `address:port` of a gateway on this machine that speaks for the venue.
            quote: the coin that positions are counted in pairs with.
            timeout_seconds: how long one call may take.
            budget: how much may be asked; without one, until the venue refuses.

        Raises:
            MissingExtraError: ccxt is not installed.
        """
        self.name = "binance-testnet" if sandbox else "binance"
        self.account = account
        self.abilities = Abilities(
            kinds=frozenset(_KINDS),
            durations=frozenset(_DURATIONS),
            post_only=True,
            stream=True,
        )
        self._quote, self._clock, self._timeout = quote, clock, timeout_seconds
        self._clients = CcxtClients(
            key,
            secret,
            name=self.name,
            sandbox=sandbox,
            address=address,
            timeout_seconds=timeout_seconds,
            budget=budget,
        )
        self._names = OrderNames()
        self._trades = CcxtTrades(self._clients, self._names)

    def close(self) -> None:
        """Hang up."""
        self._clients.close()

    # Orders.

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """Return the steps of a symbol."""
        self._clients.learn()
        market = self._clients.market(symbol.code)
        if market is None or not market.get("active", True) or not market.get("spot"):
            return None
        try:
            return Instrument(
                symbol=symbol,
                tick_size=Price(_plain(market["precision"]["price"])),
                lot_size=Quantity(_plain(market["precision"]["amount"])),
            )
        except (InvalidValueError, KeyError, TypeError) as error:
            msg = f"{self.name} does not say in which steps {symbol} is traded"
            raise VenueUnavailableError(msg) from error

    def submit(self, order: WorkingOrder) -> SubmitAnswer:
        """Send an order, once."""
        try:
            refusal = why_not_sendable(order, self.abilities, self.instrument(order.ticket.symbol))
        except VenueUnavailableError as error:
            return NotSent(reason=str(error))
        if refusal is not None:
            return Denied(code="INVALID_ORDER", reason=refusal, raw="")
        ticket = order.ticket
        if ticket.trail is not None or (ticket.trail_bps or 0) % 1:
            return Denied(code="INVALID_ORDER", reason="it trails by whole basis points", raw="")
        arguments = (
            ticket.symbol.code,
            _KINDS[ticket.kind],
            ticket.side.value,
            str(order.remaining),
            None if ticket.limit_price is None else str(ticket.limit_price),
            _parameters(order),
        )
        answer = self._clients.orders.call(lambda client: client.create_order(*arguments))
        if isinstance(answer, Failed):
            self._clients.learn_from(answer)
            return answer.of_submission()
        return self._acknowledged(answer, order)

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for an order back. One that has ended already is told as it ended."""
        code = order.ticket.symbol.code
        if (problem := self._unprepared()) is not None:
            return problem
        # Its own id is the better one: names are given away again.
        name = order.venue_order_id
        named = {} if name is not None else {"origClientOrderId": order.client_order_id}
        answer = self._clients.orders.call(
            lambda client: client.cancel_order(name, code, named), for_cancel=True
        )
        if isinstance(answer, Said):
            return self._acknowledged(answer, order)
        self._clients.learn_from(answer)
        if answer.meaning is not Meaning.ABSENT:
            return answer.of_change()
        # It says the same of orders that have ended and of those it never had.
        found = self._find(order, self._clients.orders, for_cancel=True)
        if isinstance(found, NotSent):
            return unclear(answer.evidence, "the cancel was answered, and nothing after it")
        if isinstance(found, Acknowledged) and found.order.status is VenueStatus.WORKING:
            return unclear(answer.evidence, "the venue has it, and would not cancel it")
        return found

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Refuse: the venue changes no order in its place."""
        del order
        return Denied(code="NOT_SUPPORTED", reason="this venue changes no orders", raw="")

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order by its client order id."""
        return self._find(order, self._clients.questions)

    def _find(self, order: WorkingOrder, line: Line, *, for_cancel: bool = False) -> FindAnswer:
        code = order.ticket.symbol.code
        if (problem := self._unprepared()) is not None:
            return problem
        answer = line.call(
            lambda client: client.fetch_order(
                None, code, {"origClientOrderId": order.client_order_id}
            ),
            weight=4,
            for_cancel=for_cancel,
        )
        if isinstance(answer, Failed):
            self._clients.learn_from(answer)
            return answer.of_question()
        return self._acknowledged(answer, order)

    def cancel_all(self) -> bool:
        """Ask for every order back, symbol by symbol."""
        try:
            symbols = sorted(
                {it.symbol for it in self._open(self._clients.orders, for_cancel=True)}
            )
        except VenueUnavailableError:
            return False
        done = True
        for it in symbols:
            answer = self._cancel_symbol(it.code)
            # "Unknown order" means that there is none left to cancel.
            done &= isinstance(answer, Said) or answer.meaning is Meaning.ABSENT
        return done

    def _cancel_symbol(self, code: str) -> Said[Any] | Failed:
        return self._clients.orders.call(
            lambda client: client.cancel_all_orders(code), for_cancel=True
        )

    def keep_alive(self, seconds: int) -> bool:
        """Return False: this venue has no dead-man's switch."""
        del seconds
        return False

    # Questions.

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order that works."""
        return self._open(self._clients.questions)

    def _open(self, line: Line, *, for_cancel: bool = False) -> Sequence[VenueOrder]:
        self._clients.learn()
        told = self._clients.listed(
            line.call(lambda client: client.fetch_open_orders(), weight=80, for_cancel=for_cancel)
        )
        return [self._names.learn(it) for it in all_of(told, order_of)]

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        """Return the account's trades of a symbol, oldest first."""
        self._clients.learn()
        return self._trades.of(symbol.code, since)

    def balances(self) -> Mapping[Currency, Decimal]:
        """Return what the account has. Coins this program has no name for are left out."""
        self._clients.learn()
        answer = self._clients.questions.call(lambda client: client.fetch_balance(), weight=20)
        told = self._clients.told(answer)
        totals: dict[Currency, Decimal] = {}
        try:
            len(answer.evidence.json()["balances"])  # ccxt makes empty ones of any garbage
            for code, amount in told["total"].items():
                try:
                    coin = currency(code)
                except InvalidValueError:
                    continue
                totals[coin] = exact(amount)
        except (KeyError, TypeError, AttributeError, InvalidValueError) as error:
            msg = f"{self.name} did not tell its balances in words that can be read"
            raise VenueUnavailableError(msg) from error
        return totals

    def positions(self) -> Mapping[Symbol, Decimal]:
        """Return what the account has of each coin that trades against `quote`."""
        return {
            symbol(code): amount
            for coin, amount in self.balances().items()
            if amount and self._clients.market(code := f"{coin.code}/{self._quote}") is not None
        }

    def server_time(self) -> datetime:
        """Return the venue's clock."""
        told = self._clients.told(self._clients.questions.call(lambda client: client.fetch_time()))
        if not isinstance(told, int):
            msg = f"{self.name} did not tell its time"
            raise VenueUnavailableError(msg)
        return EPOCH + timedelta(milliseconds=told)

    @contextmanager
    def follow(self, hear: Callable[[VenueNews], None]) -> Iterator[Stream]:
        """Listen until the block ends."""
        need("ccxt.pro", "ccxt")  # here, for it takes a while
        stream = CcxtStream(
            self._clients.for_stream,
            self._clients.hosts,
            name=f"{self.name}-{self.account}",
            hear=hear,
            names=self._names,
            clock=self._clock,
            timeout_seconds=self._timeout,
        )
        stream.start()
        try:
            yield stream
        finally:
            stream.stop()

    # How.

    def _unprepared(self) -> NotSent | None:
        try:
            self._clients.learn()
        except VenueUnavailableError as error:
            return NotSent(reason=str(error))
        return None

    def _acknowledged(self, answer: Said[Any], order: WorkingOrder) -> Acknowledged | Unclear:
        try:
            theirs = order_of(answer.value)
        except UnreadableError as error:
            return unclear(answer.evidence, str(error))
        if theirs.client_order_id != order.client_order_id:
            return unclear(answer.evidence, "the venue answered about another order")
        return Acknowledged(order=self._names.learn(theirs))


def _parameters(order: WorkingOrder) -> Mapping[str, Any]:
    ticket: Ticket = order.ticket
    told: dict[str, Any] = {"clientOrderId": order.client_order_id}
    if ticket.post_only:
        told["postOnly"] = True
    elif ticket.limit_price is not None:
        told["timeInForce"] = _DURATIONS[ticket.time_in_force]
    if ticket.stop_price is not None:
        told["stopLossPrice"] = str(ticket.stop_price)
    if ticket.trail_bps is not None:
        told["stopLossOrTakeProfit"] = "stopLoss"
        told["trailingPercent"] = plain(EXACT.divide(ticket.trail_bps, _BPS_IN_PERCENT))
    return told


def _plain(text: str) -> Decimal:
    return exact(Decimal(text))
