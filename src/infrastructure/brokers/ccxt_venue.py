"""Binance spot by way of ccxt. Other exchanges are in `ccxt_unified.py`.

ccxt signs, names symbols and finds its way; it retries nothing, follows nothing, rounds nothing.
Numbers pass through it as text. What a failed call means is read from what came back, below ccxt.

Binance spot has no dead-man's switch, gives a client order id away again once its order is closed,
and has no positions: what an account has of a coin is its position in the pair with `quote`. A
changed order is another one there (`changed_orders.py`).
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
    Absent,
    Acknowledged,
    ChangeAnswer,
    Denied,
    FindAnswer,
    ForeignOrder,
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
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.decimals import EXACT, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Currency, Quantity, Symbol, currency, symbol
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.ccxt_markets import instrument_of, quotes_of, rules_of_all
from traderbot.infrastructure.brokers.ccxt_orders import listed_of, order_of
from traderbot.infrastructure.brokers.ccxt_stream import CcxtStream
from traderbot.infrastructure.brokers.ccxt_trades import EPOCH, CcxtTrades, all_of
from traderbot.infrastructure.brokers.changed_orders import Changes
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line, Said, UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames, may_be_ours
from traderbot.infrastructure.brokers.sendable import as_sent, why_not_sendable
from traderbot.infrastructure.brokers.venue_errors import Meaning, unclear

_BPS_IN_PERCENT: Final = 100
_KINDS: Final = {
    OrderKind.MARKET: "market",
    OrderKind.LIMIT: "limit",
    OrderKind.STOP: "market",
    OrderKind.STOP_LIMIT: "limit",
    OrderKind.TRAILING_STOP: "market",
}
_CHANGEABLE: Final = {
    OrderKind.LIMIT: "LIMIT",
    OrderKind.STOP: "STOP_LOSS",
    OrderKind.STOP_LIMIT: "STOP_LOSS_LIMIT",
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
            amend=True,
            stream=True,
            counted_in=currency(quote),
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
        self._names, self._changes = OrderNames(), Changes()
        self._trades = CcxtTrades(self._clients, self._names)

    def close(self) -> None:
        """Hang up."""
        self._clients.close()

    # Orders.

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """Return the steps of a symbol."""
        self._clients.learn()
        return instrument_of(self.name, symbol, self._clients.market(symbol.code))

    def listing(self) -> Mapping[Symbol, TradingRules]:
        """Return every symbol it trades now, with its rules."""
        self._clients.learn(afresh=True)
        return rules_of_all(self._clients.markets(), self.abilities.kinds)

    def quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Quote]:
        """Return the newest prices."""
        self._clients.learn()
        at = self._clock.now()
        codes = [it.code for it in symbols]
        answer = self._clients.questions.call(
            lambda client: client.fetch_bids_asks(codes), weight=4
        )
        return quotes_of(self._clients.told(answer), at)

    def submit(self, order: WorkingOrder) -> SubmitAnswer:
        """Send an order, once."""
        try:
            instrument = self.instrument(order.ticket.symbol)
        except VenueUnavailableError as error:
            return NotSent(reason=str(error))
        order = as_sent(order, self.abilities, instrument)
        refusal = why_not_sendable(order, self.abilities, instrument)
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
        if not self._clients.knows and (problem := self._unprepared()) is not None:
            return problem
        # Its own id is the better one: names are given away again.
        name = self._changes.id_of(order)
        answer = self._cancel(order, name, code)
        if name is None or not isinstance(answer, Acknowledged):
            return answer
        newest = self._changes.id_of(order)
        if newest != name and answer.order.status is VenueStatus.WORKING:
            return self._cancel(order, newest, code)  # it has another form by now
        return answer

    def _cancel(self, order: WorkingOrder, name: str | None, code: str) -> ChangeAnswer:
        named = {} if name is not None else {"origClientOrderId": order.client_order_id}
        answer = self._clients.cancels.call(
            lambda client: client.cancel_order(name, code, named), for_cancel=True
        )
        if isinstance(answer, Said):
            return self._acknowledged(answer, order)
        self._clients.learn_from(answer)
        if answer.meaning is not Meaning.ABSENT:
            return answer.of_change()
        # It says the same of orders that have ended and of those it never had.
        found = self._find(order, self._clients.cancels, for_cancel=True)
        if isinstance(found, NotSent):
            return unclear(answer.evidence, "the cancel was answered, and nothing after it")
        working = isinstance(found, Acknowledged) and found.order.status is VenueStatus.WORKING
        if isinstance(found, Acknowledged) and working and found.order.venue_order_id == name:
            return unclear(answer.evidence, "the venue has it, and would not cancel it")
        return found

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Put another form of the order in its place; the venue does both at once or neither."""
        kind = _CHANGEABLE.get(order.ticket.kind)
        if kind is None:
            return Denied(code="NOT_SUPPORTED", reason="this kind cannot be changed", raw="")
        if (problem := self._unprepared()) is not None:
            return problem

        def send(now: VenueOrder, rest: Quantity, name: str) -> ChangeAnswer | None:
            fields = self._fields_of_change(order, kind, now, rest, name)
            answer = self._clients.orders.call(
                lambda client: client.privatePostOrderCancelReplace(fields)
            )
            if isinstance(answer, Said):
                return None
            self._clients.learn_from(answer)
            said = answer.of_change()
            if isinstance(said, Absent):
                return Denied(
                    code="NOT_CHANGED", reason="the venue has no such order", raw=said.raw
                )
            return said

        return self._changes.amend(
            order, lambda name: self._named(order, name, self._clients.questions), send
        )

    def _fields_of_change(
        self, order: WorkingOrder, kind: str, now: VenueOrder, rest: Quantity, name: str
    ) -> Mapping[str, str]:
        wanted, ticket = order.amendment, order.ticket
        market = self._clients.market(ticket.symbol.code)
        fields = {
            "symbol": str((market or {}).get("id")),
            "side": ticket.side.value.upper(),
            "type": "LIMIT_MAKER" if ticket.post_only and kind == "LIMIT" else kind,
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelOrderId": now.venue_order_id,
            "newClientOrderId": name,
            "quantity": str(rest),
        }
        if wanted is not None and wanted.limit_price is not None:
            fields["price"] = str(wanted.limit_price)
            if not ticket.post_only:
                fields["timeInForce"] = _DURATIONS[ticket.time_in_force]
        if wanted is not None and wanted.stop_price is not None:
            fields["stopPrice"] = str(wanted.stop_price)
        return fields

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order by its client order id."""
        return self._find(order, self._clients.questions)

    def _find(self, order: WorkingOrder, line: Line, *, for_cancel: bool = False) -> FindAnswer:
        return self._changes.find(
            order.client_order_id,
            lambda name: self._named(order, name, line, for_cancel=for_cancel),
            is_changing=order.amendment is not None,
        )

    def _named(
        self, order: WorkingOrder, name: str, line: Line, *, for_cancel: bool = False
    ) -> FindAnswer:
        code = order.ticket.symbol.code
        hurried = for_cancel and self._clients.knows  # a cancel never waits for a list of symbols
        if not hurried and (problem := self._unprepared()) is not None:
            return problem
        answer = line.call(
            lambda client: client.fetch_order(None, code, {"origClientOrderId": name}),
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
            told = self._open(self._clients.cancels, for_cancel=True)
        except VenueUnavailableError:
            return False
        done = True
        names = {it.name if isinstance(it, ForeignOrder) else it.symbol.code for it in told}
        for code in sorted(names):
            answer = self._cancel_symbol(code)
            # "Unknown order" means that there is none left to cancel.
            done &= isinstance(answer, Said) or answer.meaning is Meaning.ABSENT
        return done

    def _cancel_symbol(self, code: str) -> Said[Any] | Failed:
        return self._clients.cancels.call(
            lambda client: client.cancel_all_orders(code), for_cancel=True
        )

    def keep_alive(self, seconds: int) -> bool:
        """Return False: this venue has no dead-man's switch."""
        del seconds
        return False

    # Questions.

    def open_orders(self) -> Sequence[VenueOrder | ForeignOrder]:
        """Return every order that works."""
        return self._open(self._clients.questions)

    def _open(self, line: Line, *, for_cancel: bool = False) -> Sequence[VenueOrder | ForeignOrder]:
        self._clients.learn()
        told = self._clients.listed(
            line.call(lambda client: client.fetch_open_orders(), weight=80, for_cancel=for_cancel)
        )
        return [self._names.learn_listed(it) for it in all_of(told, listed_of)]

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
        """Return what the account has of each coin, as its position in the pair with `quote`."""
        return {
            symbol(f"{coin.code}/{self._quote}"): amount
            for coin, amount in self.balances().items()
            if amount and coin.code != self._quote
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
            whole=self._whole,
            clock=self._clock,
            timeout_seconds=self._timeout,
        )
        stream.start()
        try:
            yield stream
        finally:
            stream.stop()

    # How.

    def _whole(self, told: VenueOrder) -> VenueOrder | None:
        """Return an order in its newest form, when one form of it has ended.

        Raises:
            VenueUnavailableError: the venue did not say.
        """
        name = told.client_order_id or ""
        if not may_be_ours(name):
            return told
        if self._changes.is_under_way(name):
            return None  # whoever changes it tells how it stands
        code = told.symbol.code
        found = self._changes.find(name, lambda it: self._asked_of(code, it), is_changing=False)
        if isinstance(found, Acknowledged):
            return found.order
        msg = f"{self.name} did not tell how order {name} stands"
        raise VenueUnavailableError(msg)

    def _asked_of(self, code: str, name: str) -> FindAnswer:
        answer = self._clients.questions.call(
            lambda client: client.fetch_order(None, code, {"origClientOrderId": name}), weight=4
        )
        if isinstance(answer, Failed):
            return answer.of_question()
        try:
            return Acknowledged(order=self._names.learn(order_of(answer.value)))
        except UnreadableError as error:
            return unclear(answer.evidence, str(error))

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
