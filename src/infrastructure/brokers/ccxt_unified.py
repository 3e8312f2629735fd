"""Any exchange that ccxt knows and that can be traded at safely; `ccxt_ids.py` says which.

Only ccxt's unified calls are used, and little is taken from their answers. An acknowledgement is
believed for its id alone; how an order stands is asked for. An order is found by its id where that
is known, else among all that work and all that have ended. "No such order" is said only when every
listed order bears a name and none bears ours: one without a name that might be ours is a doubt.

What a refusal means is read from the venue's own words (`evidence.py`): many answer 200 and say no.
An error that ccxt has no class for is no refusal.
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
from traderbot.domain.orders.ticket import OrderKind
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Currency, Symbol, currency, symbol
from traderbot.infrastructure.brokers.ccxt_client import CcxtClients
from traderbot.infrastructure.brokers.ccxt_ids import VenueNotSafeError, traits_of
from traderbot.infrastructure.brokers.ccxt_markets import instrument_of, quotes_of, rules_of_all
from traderbot.infrastructure.brokers.ccxt_unified_orders import (
    is_ours,
    might_be,
    order_of,
    taken_in,
)
from traderbot.infrastructure.brokers.ccxt_unified_stream import UnifiedStream
from traderbot.infrastructure.brokers.ccxt_unified_trades import UnifiedTrades
from traderbot.infrastructure.brokers.evidence import Evidence
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line, UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames
from traderbot.infrastructure.brokers.sendable import as_sent, why_not_sendable
from traderbot.infrastructure.brokers.venue_errors import CCXT, Meaning, by_class, unclear

_KINDS: Final = {
    OrderKind.MARKET: "market",
    OrderKind.LIMIT: "limit",
    OrderKind.STOP: "market",
    OrderKind.STOP_LIMIT: "limit",
}
_ENDED: Final = frozenset(
    {VenueStatus.FILLED, VenueStatus.CANCELED, VenueStatus.EXPIRED, VenueStatus.REJECTED}
)
# Kraken's words begin with what they are about; ccxt has no class for all of them.
_CLEARLY_NO: Final = ("EOrder:", "EQuery:", "EGeneral:Invalid arguments")
_BEFORE: Final = timedelta(hours=1)  # venues' clocks and ours differ
_NO_VALUE: Final = (KeyError, TypeError, AttributeError, InvalidValueError)


class UnifiedVenue:
    """`Venue` on one spot account of any exchange that ccxt knows."""

    def __init__(
        self,
        id_: str,
        *,
        account: str,
        key: str,
        secret: str,
        clock: Clock,
        passphrase: str = "",
        sandbox: bool = False,
        address: str | None = None,
        quote: str = "USD",
        timeout_seconds: float = 5.0,
        budget: Budget | None = None,
    ) -> None:
        """Build the clients; nothing is sent yet.

        Args:
            id_: ccxt's name of the exchange.
            account: what this program calls the account; part of every fill's identity.
            key: the API key. One that may trade and not withdraw.
            secret: its secret.
            clock: for when the stream was connected.
            passphrase: the third part of the login, where there is one.
            sandbox: the venue's test network.
            address: `address:port` of a gateway on this machine that speaks for the venue.
            quote: the coin that positions are counted in pairs with.
            timeout_seconds: how long one call may take.
            budget: how much may be asked; without one, until the venue refuses.

        Raises:
            MissingExtraError: ccxt is not installed.
            VenueNotSafeError: the exchange lacks what safety needs, or has no test network.
        """
        self._traits = traits = traits_of(id_)
        if sandbox and not getattr(need("ccxt", "ccxt"), id_)().urls.get("test"):
            msg = f"{id_} has no test network: trade on paper, or set trading to live"
            raise VenueNotSafeError(msg)
        self.name = f"{id_}-testnet" if sandbox else id_
        self.account = account
        self.abilities = Abilities(
            kinds=traits.kinds,
            durations=traits.durations,
            post_only=traits.post_only,
            amend=traits.amend,
            stream=traits.stream,
            dead_man=traits.dead_man,
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
            id_=id_,
            passphrase=passphrase,
            by_class=_class_says,
        )
        self._names = OrderNames()
        self._trades = UnifiedTrades(self._clients, self._names, self._asked_by_id)

    def close(self) -> None:
        """Hang up."""
        self._clients.close()

    # What is traded.

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
        answer = self._clients.questions.call(lambda client: client.fetch_tickers(codes))
        return quotes_of(self._clients.told(answer), at)

    # Orders.

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
            return answer.of_submission()
        if (problem := answer.evidence.problem()) is not None and answer.evidence.refuses_in_words:
            return unclear(answer.evidence, f"ccxt made an order of a refusal: {problem[1][:200]}")
        try:
            return Acknowledged(order=self._names.learn(taken_in(answer.value, order, self._now())))
        except UnreadableError as error:
            return unclear(answer.evidence, str(error))

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for an order back. One that has ended already is told as it ended."""
        line, name = self._clients.cancels, order.venue_order_id
        if not self._clients.knows and (problem := self._unprepared()) is not None:
            return problem
        if name is None:
            found = self._find(order, line, for_cancel=True)
            if not isinstance(found, Acknowledged) or found.order.status in _ENDED:
                return found
            name = found.order.venue_order_id
        code = order.ticket.symbol.code
        answer = line.call(lambda client: client.cancel_order(name, code), for_cancel=True)
        refused = isinstance(answer, Failed) and answer.meaning in {
            Meaning.REFUSED,
            Meaning.ABSENT,
        }
        if isinstance(answer, Failed) and not refused:
            return answer.of_change()
        found = self._by_id(order, name, line, for_cancel=True)
        if isinstance(found, NotSent):
            return unclear(answer.evidence, "the cancel was answered, and nothing after it")
        if isinstance(answer, Failed) and isinstance(found, Acknowledged):
            return found if found.order.status in _ENDED else answer.of_submission()
        return found

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for a change in its place. It is done when the order is found to be as wanted."""
        wanted, name = order.amendment, order.venue_order_id
        if not self.abilities.amend or wanted is None or name is None:
            return Denied(code="NOT_SUPPORTED", reason="this venue changes no orders", raw="")
        if wanted.stop_price != order.ticket.stop_price:
            return Denied(code="NOT_SUPPORTED", reason="it changes no stop prices", raw="")
        ticket = order.ticket
        arguments = (
            name,
            ticket.symbol.code,
            _KINDS[ticket.kind],
            ticket.side.value,
            str(wanted.quantity),
            None if wanted.limit_price is None else str(wanted.limit_price),
        )
        answer = self._clients.orders.call(lambda client: client.edit_order(*arguments))
        if isinstance(answer, Failed) and answer.meaning is not Meaning.UNKNOWN:
            return answer.of_change()
        found = self._by_id(order, name, self._clients.questions)
        if not isinstance(found, Acknowledged):
            return found if isinstance(found, Unclear) else unclear(answer.evidence, "not found")
        now = found.order
        if now.quantity == wanted.quantity and now.limit_price == wanted.limit_price:
            return found
        return unclear(answer.evidence, "it is not as it was wanted yet")

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order: by its id if that is known, else by its name among all there are."""
        return self._find(order, self._clients.questions)

    def _find(self, order: WorkingOrder, line: Line, *, for_cancel: bool = False) -> FindAnswer:
        hurried = for_cancel and self._clients.knows
        if not hurried and (problem := self._unprepared()) is not None:
            return problem
        if order.venue_order_id is not None:
            return self._by_id(order, order.venue_order_id, line, for_cancel=for_cancel)
        return self._by_name(order, line, lambda it: is_ours(it, order), for_cancel=for_cancel)

    def _by_id(
        self, order: WorkingOrder, name: str, line: Line, *, for_cancel: bool = False
    ) -> FindAnswer:
        if not self._traits.one_by_id:
            return self._by_name(
                order, line, lambda it: it.get("id") == name, for_cancel=for_cancel
            )
        code = order.ticket.symbol.code
        answer = line.call(lambda client: client.fetch_order(name, code), for_cancel=for_cancel)
        if isinstance(answer, Failed):
            return answer.of_question()
        return self._acknowledged(answer.value, answer.evidence, order)

    def _by_name(
        self,
        order: WorkingOrder,
        line: Line,
        is_it: Callable[[Mapping[str, Any]], bool],
        *,
        for_cancel: bool = False,
    ) -> FindAnswer:
        """Look among what works first: what ends meanwhile is then among what has ended."""
        code, since = order.ticket.symbol.code, _millis(order)
        evidence, nameless = Evidence(), False
        for call in ("fetch_open_orders", *self._traits.closed):
            start = None if call == "fetch_open_orders" else since
            answer = line.call(
                _listed(call, code, start),
                for_cancel=for_cancel,
            )
            if isinstance(answer, Failed):
                return answer.of_question()
            evidence = answer.evidence
            if evidence.json() is None or not isinstance(answer.value, list):
                return unclear(evidence, "the venue did not answer with a list")
            for it in answer.value:
                if is_it(it):
                    return self._acknowledged(it, evidence, order)
                nameless |= might_be(it, order)
        if nameless:
            return unclear(evidence, "an order without a name may be ours")
        return Absent(raw=f"none of its orders is named {order.client_order_id}")

    def cancel_all(self) -> bool:
        """Ask for every order back, one by one where the venue has no word for all."""
        try:
            for it in self._open(self._clients.cancels, for_cancel=True):
                answer = self._clients.cancels.call(
                    _canceled(it.venue_order_id, _code(it)),
                    for_cancel=True,
                )
                if isinstance(answer, Failed) and answer.meaning is not Meaning.ABSENT:
                    return False
        except VenueUnavailableError:
            return False
        return True

    def keep_alive(self, seconds: int) -> bool:
        """Arm or renew the venue's dead-man's switch; 0 turns it off."""
        if not self.abilities.dead_man or (not self._clients.knows and self._unprepared()):
            return False
        answer = self._clients.cancels.call(
            lambda client: client.cancel_all_orders_after(seconds * 1000), for_cancel=True
        )
        if isinstance(answer, Failed) or answer.evidence.json() is None:
            return False
        return not answer.evidence.refuses_in_words

    # Questions.

    def open_orders(self) -> Sequence[VenueOrder | ForeignOrder]:
        """Return every order that works."""
        return self._open(self._clients.questions)

    def _open(self, line: Line, *, for_cancel: bool = False) -> Sequence[VenueOrder | ForeignOrder]:
        if not self._clients.knows or not for_cancel:
            self._clients.learn()
        answer = line.call(lambda client: client.fetch_open_orders(), for_cancel=for_cancel)
        told = self._clients.told(answer)
        if not isinstance(told, list) or not isinstance(answer.evidence.json(), dict | list):
            msg = f"{self.name} did not answer with a list that can be read"
            raise VenueUnavailableError(msg)
        found: list[VenueOrder | ForeignOrder] = []
        for it in told:
            try:
                found.append(self._names.learn_listed(order_of(it)))
            except UnreadableError as error:
                raise VenueUnavailableError(str(error)) from error
        return found

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        """Return the account's trades of a symbol, oldest first."""
        self._clients.learn()
        return self._trades.of(symbol.code, since)

    def balances(self) -> Mapping[Currency, Decimal]:
        """Return what the account has. Coins this program has no name for are left out."""
        self._clients.learn()
        answer = self._clients.questions.call(lambda client: client.fetch_balance())
        told = self._clients.told(answer)
        totals: dict[Currency, Decimal] = {}
        try:
            if not isinstance(answer.evidence.json(), dict | list):
                raise TypeError  # ccxt makes empty ones of any garbage
            for code, amount in told["total"].items():
                try:
                    coin = currency(code)
                except InvalidValueError:
                    continue
                totals[coin] = exact(amount)
        except _NO_VALUE as error:
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
        return self._trades.instant(told, self.name)

    @contextmanager
    def follow(self, hear: Callable[[VenueNews], None]) -> Iterator[Stream]:
        """Listen until the block ends."""
        need("ccxt.pro", "ccxt")  # here, for it takes a while
        stream = UnifiedStream(
            self._clients.for_stream,
            self._clients.hosts,
            self._asked_by_id,
            name=f"{self.name}-{self.account}",
            hear=hear,
            clock=self._clock,
            timeout_seconds=self._timeout,
        )
        stream.start()
        try:
            yield stream
        finally:
            stream.stop()

    # How.

    def _asked_by_id(self, name: str, code: str) -> VenueOrder | ForeignOrder:
        """Ask for one order by its id. Raises VenueUnavailableError."""
        if self._traits.one_by_id:
            answer = self._clients.questions.call(lambda client: client.fetch_order(name, code))
            told = [self._clients.told(answer)]
        else:
            told = []
            for call in ("fetch_open_orders", *self._traits.closed):
                answer = self._clients.questions.call(_listed(call, code))
                told += [it for it in self._clients.told(answer) if it.get("id") == name]
        for it in told:
            try:
                return self._names.learn_listed(order_of(it, self._names.of(name)))
            except UnreadableError as error:
                raise VenueUnavailableError(str(error)) from error
        msg = f"{self.name} did not tell of order {name}"
        raise VenueUnavailableError(msg)

    def _unprepared(self) -> NotSent | None:
        try:
            self._clients.learn()
        except VenueUnavailableError as error:
            return NotSent(reason=str(error))
        return None

    def _acknowledged(
        self,
        told: Any,  # noqa: ANN401 - whatever the library returned
        evidence: Evidence,
        order: WorkingOrder,
    ) -> Acknowledged | Unclear:
        try:
            theirs = order_of(told, order.client_order_id)
        except UnreadableError as error:
            return unclear(evidence, str(error))
        if not isinstance(theirs, VenueOrder) or theirs.client_order_id != order.client_order_id:
            return unclear(evidence, "the venue answered about another order")
        return Acknowledged(order=self._names.learn(theirs))

    def _now(self) -> datetime:
        return self._clock.now()


def _class_says(error: BaseException, evidence: Evidence) -> Meaning:
    if type(error).__name__ not in {"ExchangeError", "BaseError"}:
        return by_class(error, CCXT)
    problem = evidence.problem()  # ccxt has no class for what the venue said
    clearly = problem is not None and problem[0].startswith(_CLEARLY_NO)
    return Meaning.REFUSED if clearly else Meaning.UNKNOWN


def _listed(call: str, code: str, since: int | None = None) -> Callable[[Any], Any]:
    return lambda client: getattr(client, call)(code, since)


def _canceled(name: str, code: str) -> Callable[[Any], Any]:
    return lambda client: client.cancel_order(name, code)


def _parameters(order: WorkingOrder) -> Mapping[str, Any]:
    ticket = order.ticket
    told: dict[str, Any] = {"clientOrderId": order.client_order_id}
    if ticket.post_only:
        told["postOnly"] = True
    elif ticket.limit_price is not None:
        told["timeInForce"] = ticket.time_in_force.value.upper()
    if ticket.stop_price is not None:
        told["stopLossPrice"] = str(ticket.stop_price)
    return told


def _code(it: VenueOrder | ForeignOrder) -> str:
    return it.name if isinstance(it, ForeignOrder) else it.symbol.code


def _millis(order: WorkingOrder) -> int:
    return int((order.placed_at - _BEFORE).timestamp() * 1000)
