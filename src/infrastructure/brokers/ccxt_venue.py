"""Crypto venues by way of ccxt. Binance spot is the one this program is tested with.

ccxt signs, names symbols and finds its way; it retries nothing, follows nothing, rounds nothing.
Numbers pass through it as text. What a failed call means is read from what came back, below ccxt.

Binance spot has no dead-man's switch, gives a client order id away again once its order is closed,
and has no positions: what an account has of a coin is its position in the pair with `quote`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
from traderbot.domain.shared.decimals import exact
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import Currency, Price, Quantity, Symbol, currency, symbol
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.ccxt_orders import order_of, trade_of
from traderbot.infrastructure.brokers.ccxt_stream import CcxtStream
from traderbot.infrastructure.brokers.evidence import Evidence, Witness
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line, Said, UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames
from traderbot.infrastructure.brokers.sendable import why_not_sendable
from traderbot.infrastructure.brokers.venue_errors import CCXT, Meaning, by_class, unclear

HOSTS: Final = frozenset(
    {
        "api.binance.com",
        "ws-api.binance.com",
        "api.testnet.binance.vision",
        "testnet.binance.vision",
        "ws-api.testnet.binance.vision",
    }
)
_PAGE: Final = 1000
_DAY: Final = 86_400_000  # milliseconds
_MARKETS_LAST: Final = 3600.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final = {
    OrderKind.MARKET: "market",
    OrderKind.LIMIT: "limit",
    OrderKind.STOP: "market",
    OrderKind.STOP_LIMIT: "limit",
}
_DURATIONS: Final = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
_OPTIONS: Final[Mapping[str, Any]] = {
    "fetchMarkets": {"types": ["spot"]},
    "fetchMargins": False,
    "fetchCurrencies": False,
    "defaultType": "spot",
    "adjustForTimeDifference": True,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
    "recvWindow": 5000,
    "maxRetriesOnFailure": 0,
}


class CcxtVenue:
    """`Venue` on one account of Binance spot."""

    name = "binance"

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
            sandbox: the venue's test network.
            address: `address:port` of a gateway that speaks for the venue, without TLS.
            quote: the coin that positions are counted in pairs with.
            timeout_seconds: how long one call may take.
            budget: how much may be asked; without one, until the venue refuses.

        Raises:
            MissingExtraError: ccxt is not installed.
        """
        self.account = account
        self.abilities = Abilities(
            kinds=frozenset(_KINDS),
            durations=frozenset(_DURATIONS),
            post_only=True,
            stream=True,
        )
        self._quote, self._clock, self._timeout = quote, clock, timeout_seconds
        self._hosts = AllowedHosts(HOSTS if address is None else [address])
        library = need("ccxt", "ccxt")
        sessions, adapters = need("requests", "ccxt"), need("requests.adapters", "ccxt")
        self._settings: dict[str, Any] = {
            "apiKey": key,
            "secret": secret,
            "timeout": int(timeout_seconds * 1000),
            "enableRateLimit": False,  # the budget is ours, and a full one says so at once
        }
        self._sandbox, self._address = sandbox, address

        self._loaded: Any = None  # the client that knows the symbols

        def make() -> tuple[Any, Witness]:
            witness = Witness(adapters.HTTPAdapter(), self._hosts, timeout_seconds=timeout_seconds)
            session = sessions.Session()
            session.trust_env = False
            for scheme in ("https://", "http://"):
                session.mount(scheme, witness)
            return self._client(library.binance, session=session), witness

        def line() -> Line:
            return Line(make, _class_says, timeout_seconds=timeout_seconds, budget=budget)

        # Two lines: what changes orders never waits behind a long list.
        self._orders, self._questions = line(), line()
        self._markets_at: float | None = None
        self._loading = threading.Lock()
        self._names = OrderNames()

    def close(self) -> None:
        """Hang up."""
        self._orders.close()
        self._questions.close()

    # Orders.

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """Return the steps of a symbol."""
        self._load_markets()
        market = self._loaded.markets.get(symbol.code)
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
        arguments = (
            ticket.symbol.code,
            _KINDS[ticket.kind],
            ticket.side.value,
            str(order.remaining),
            None if ticket.limit_price is None else str(ticket.limit_price),
            _parameters(order),
        )
        answer = self._orders.call(lambda client: client.create_order(*arguments))
        if isinstance(answer, Failed):
            self._forget_clock(answer)
            return answer.of_submission()
        return self._acknowledged(answer, order)

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for an order back. One that has ended already is told as it ended."""
        code = order.ticket.symbol.code
        if (problem := self._unprepared()) is not None:
            return problem
        answer = self._orders.call(
            lambda client: client.cancel_order(
                None, code, {"origClientOrderId": order.client_order_id}
            ),
            for_cancel=True,
        )
        if isinstance(answer, Said):
            return self._acknowledged(answer, order)
        self._forget_clock(answer)
        if answer.meaning is not Meaning.ABSENT:
            return answer.of_change()
        found = self._find(order, self._orders)  # it says the same of ended and unknown ones
        if isinstance(found, Acknowledged) and found.order.status is VenueStatus.WORKING:
            return unclear(answer.evidence, "the venue has it, and would not cancel it")
        return found

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Refuse: the venue changes no order in its place."""
        del order
        return Denied(code="NOT_SUPPORTED", reason="this venue changes no orders", raw="")

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order by its client order id."""
        return self._find(order, self._questions)

    def _find(self, order: WorkingOrder, line: Line) -> FindAnswer:
        code = order.ticket.symbol.code
        if (problem := self._unprepared()) is not None:
            return problem
        answer = line.call(
            lambda client: client.fetch_order(
                None, code, {"origClientOrderId": order.client_order_id}
            ),
            weight=4,
        )
        if isinstance(answer, Failed):
            self._forget_clock(answer)
            return answer.of_question()
        return self._acknowledged(answer, order)

    def cancel_all(self) -> bool:
        """Ask for every order back, symbol by symbol."""
        try:
            symbols = sorted({it.symbol for it in self._open(self._orders, for_cancel=True)})
        except VenueUnavailableError:
            return False
        done = True
        for it in symbols:
            answer = self._cancel_symbol(it.code)
            # "Unknown order" means that there is none left to cancel.
            done &= isinstance(answer, Said) or answer.meaning is Meaning.ABSENT
        return done

    def _cancel_symbol(self, code: str) -> Said[Any] | Failed:
        return self._orders.call(lambda client: client.cancel_all_orders(code), for_cancel=True)

    def keep_alive(self, seconds: int) -> bool:
        """Return False: this venue has no dead-man's switch."""
        del seconds
        return False

    # Questions.

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order that works."""
        return self._open(self._questions)

    def _open(self, line: Line, *, for_cancel: bool = False) -> Sequence[VenueOrder]:
        self._load_markets()
        told = self._listed(
            line.call(lambda client: client.fetch_open_orders(), weight=80, for_cancel=for_cancel)
        )
        return [self._names.learn(it) for it in _all_of(told, order_of)]

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        """Return the account's trades of a symbol, oldest first."""
        self._load_markets()
        code = symbol.code
        found: dict[str, Any] = {}
        asked = self._first_page(code, since, found)
        while asked is not None:
            page = self._page(code, asked)
            found |= {str(it["id"]): it for it in page}
            asked = {"fromId": _last(page) + 1} if len(page) == _PAGE else None
        self._learn_names(code, found.values())
        read = _all_of(
            sorted(found.values(), key=lambda it: int(it["id"])),
            lambda it: trade_of(it, self._names.of(str(it["order"]))),
        )
        return list(read)

    def _first_page(
        self, code: str, since: datetime | None, found: dict[str, Any]
    ) -> Mapping[str, Any] | None:
        """Find the first trades since then, and say where to go on; None: there are none.

        A question by time covers a day at most, so days are asked for one by one.
        """
        if since is None:
            return {"fromId": 0}
        start, now = max(_millis(since), 0), _millis(self.server_time())
        while start <= now:
            page = self._page(code, {"startTime": start, "endTime": start + _DAY - 1})
            if page:
                found |= {str(it["id"]): it for it in page}
                return {"fromId": _last(page) + 1}
            start += _DAY
        return None

    def _page(self, code: str, asked: Mapping[str, Any]) -> list[Any]:
        told = self._listed(
            self._questions.call(
                lambda client: client.fetch_my_trades(code, None, _PAGE, asked), weight=20
            )
        )
        if not all(str(it.get("id")).isdigit() for it in told):
            msg = f"{self.name} did not tell its trades in words that can be read"
            raise VenueUnavailableError(msg)
        return told

    def balances(self) -> Mapping[Currency, Decimal]:
        """Return what the account has. Coins this program has no name for are left out."""
        self._load_markets()
        answer = self._questions.call(lambda client: client.fetch_balance(), weight=20)
        told = self._told(answer)
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
        held = self.balances()
        markets = self._loaded.markets
        return {
            symbol(code): amount
            for coin, amount in held.items()
            if amount and (code := f"{coin.code}/{self._quote}") in markets
        }

    def server_time(self) -> datetime:
        """Return the venue's clock."""
        told = self._told(self._questions.call(lambda client: client.fetch_time()))
        if not isinstance(told, int):
            msg = f"{self.name} did not tell its time"
            raise VenueUnavailableError(msg)
        return _EPOCH + timedelta(milliseconds=told)

    @contextmanager
    def follow(self, hear: Callable[[VenueNews], None]) -> Iterator[Stream]:
        """Listen until the block ends."""
        need("ccxt.pro", "ccxt")  # here, for it takes a while
        stream = CcxtStream(
            self._stream_client,
            self._hosts,
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

    def _client(self, kind: Any, **more: Any) -> Any:  # noqa: ANN401 - a library without types
        client = kind({**self._settings, "options": dict(_OPTIONS), **more})
        client.number = str
        if self._sandbox:
            client.set_sandbox_mode(True)
        if self._address is not None:
            client.urls = _moved(client.urls, self._address)
        if self._loaded is not None:
            _teach(client, self._loaded)
        return client

    def _stream_client(self) -> Any:  # noqa: ANN401
        self._load_markets()
        client = self._client(need("ccxt.pro", "ccxt").binance)
        _teach(client, self._loaded)
        return client

    def _load_markets(self) -> None:
        """Learn symbols, their steps and the venue's clock, once an hour."""
        with self._loading:
            at = self._markets_at
            if at is not None and time.monotonic() - at < _MARKETS_LAST:
                return
            answer = self._questions.call(
                lambda client: client.load_markets(True),  # noqa: FBT003 - ccxt's own
                weight=21,
            )
            if isinstance(answer, Failed):
                if self._loaded is not None:
                    return  # an old list is better than none
                raise answer.unavailable()
            source = self._questions.client
            if not source.markets:
                msg = f"{self.name} did not tell what it trades"
                raise VenueUnavailableError(msg)
            self._loaded, self._markets_at = source, time.monotonic()
            _teach(self._orders.client, source)

    def _unprepared(self) -> NotSent | None:
        try:
            self._load_markets()
        except VenueUnavailableError as error:
            return NotSent(reason=str(error))
        return None

    def _forget_clock(self, failed: Failed) -> None:
        problem = failed.evidence.problem()
        if problem is not None and problem[0] == _CLOCK_IS_OFF:
            self._markets_at = None

    def _acknowledged(self, answer: Said[Any], order: WorkingOrder) -> Acknowledged | Unclear:
        try:
            theirs = order_of(answer.value)
        except UnreadableError as error:
            return unclear(answer.evidence, str(error))
        if theirs.client_order_id != order.client_order_id:
            return unclear(answer.evidence, "the venue answered about another order")
        return Acknowledged(order=self._names.learn(theirs))

    def _told(self, answer: Said[Any] | Failed) -> Any:  # noqa: ANN401 - whatever ccxt returned
        if isinstance(answer, Failed):
            self._forget_clock(answer)
            raise answer.unavailable()
        return answer.value

    def _listed(self, answer: Said[Any] | Failed) -> list[Any]:
        """Return a list, if the venue told one: ccxt makes an empty one of any garbage."""
        told, said = self._told(answer), answer.evidence.json()
        if not isinstance(said, list) or not isinstance(told, list) or len(said) != len(told):
            msg = f"{self.name} did not answer with a list that can be read"
            raise VenueUnavailableError(msg)
        return told

    def _learn_names(self, code: str, trades: Any) -> None:  # noqa: ANN401
        """Ask for the orders that trades belong to and that were not heard of."""
        unknown = {str(it["order"]) for it in trades if not self._names.knows(str(it["order"]))}
        if len(unknown) > 1:
            first = min(unknown, key=int)
            orders = self._listed(
                self._questions.call(
                    lambda client: client.fetch_orders(code, None, _PAGE, {"orderId": first}),
                    weight=20,
                )
            )
            for it in _all_of(orders, order_of):
                self._names.learn(it)
        for name in sorted(it for it in unknown if not self._names.knows(it)):
            self._learn_name(name, code)

    def _learn_name(self, name: str, code: str) -> None:
        answer = self._questions.call(lambda client: client.fetch_order(name, code), weight=4)
        for it in _all_of([self._told(answer)], order_of):
            self._names.learn(it)


_CLOCK_IS_OFF: Final = "-1021"


def _class_says(error: BaseException, evidence: Evidence) -> Meaning:
    del evidence
    return by_class(error, CCXT)


def _teach(client: Any, source: Any) -> None:  # noqa: ANN401 - libraries without types
    """Give a client the symbols and the clock another one has learned."""
    client.set_markets_from_exchange(source)
    client.options["timeDifference"] = source.options["timeDifference"]


def _parameters(order: WorkingOrder) -> Mapping[str, Any]:
    ticket: Ticket = order.ticket
    told: dict[str, Any] = {"clientOrderId": order.client_order_id}
    if ticket.post_only:
        told["postOnly"] = True
    elif ticket.limit_price is not None:
        told["timeInForce"] = _DURATIONS[ticket.time_in_force]
    if ticket.stop_price is not None:
        told["stopLossPrice"] = str(ticket.stop_price)
    return told


def _all_of(told: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[Any]:
    for it in told:
        try:
            yield read(it)
        except UnreadableError as error:
            raise VenueUnavailableError(str(error)) from error


def _moved(urls: Any, address: str) -> Any:  # noqa: ANN401 - ccxt's tree of addresses
    """Replace every host in ccxt's tree of addresses; one forgotten would be the real one."""
    if isinstance(urls, dict):
        return {key: _moved(value, address) for key, value in urls.items()}
    if isinstance(urls, list):
        return [_moved(value, address) for value in urls]
    found = re.match(r"(https?|wss?)://[^/]+", urls) if isinstance(urls, str) else None
    if found is None:
        return urls
    scheme = "ws" if found[1].startswith("ws") else "http"
    return f"{scheme}://{address}{urls[found.end() :]}"


def _last(page: list[Any]) -> int:
    return max(int(it["id"]) for it in page)


def _plain(text: str) -> Decimal:
    return exact(Decimal(text))


def _millis(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
