"""Alpaca by way of alpaca-py: US shares, and coins against the dollar.

alpaca-py signs; orders are sent as text, for its own request models turn amounts into floats. It
has no time-out and cannot be told not to retry through its constructor: both are seen to here.

Alpaca has no dead-man's switch. Its acknowledgement never tells of fills, however fast they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from traderbot.application.errors import VenueUnavailableError
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import (
    Abilities,
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
from traderbot.domain.orders.ticket import OrderKind, TimeInForce
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.decimals import EXACT, exact, plain
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import USD, Currency, Price, Quantity, Symbol, symbol
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts
from traderbot.infrastructure.brokers.alpaca_orders import instant_of, listed_of, order_of, trade_of
from traderbot.infrastructure.brokers.alpaca_stream import AlpacaStream
from traderbot.infrastructure.brokers.changed_orders import Changes
from traderbot.infrastructure.brokers.evidence import Evidence, Witness
from traderbot.infrastructure.brokers.extras import keep_secrets, need
from traderbot.infrastructure.brokers.line import Budget, Failed, Line, Said, UnreadableError
from traderbot.infrastructure.brokers.order_names import OrderNames, may_be_ours
from traderbot.infrastructure.brokers.sendable import as_sent, why_not_sendable
from traderbot.infrastructure.brokers.venue_errors import ALPACA, Meaning, by_class, unclear

LIVE: Final = "api.alpaca.markets"
PAPER: Final = "paper-api.alpaca.markets"
DATA: Final = "data.alpaca.markets"
_FILLS: Final = "/account/activities/FILL"
_PAGE: Final = 100  # of activities
_ORDERS: Final = 500  # in a list
_ONE_BY_ONE: Final = 3  # orders; more are asked for as a list
_ASSETS_LAST: Final = 3600.0
_BPS_IN_PERCENT: Final = 100
_CENT: Final = Price("0.01")
_WHOLE: Final = Quantity(1)
_FRACTION: Final = Quantity("0.000000001")
_KINDS: Final = frozenset(OrderKind)
_DURATIONS: Final = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK})


class AlpacaVenue:
    """`Venue` on one account of Alpaca."""

    def __init__(
        self,
        *,
        account: str,
        key: str,
        secret: str,
        clock: Clock,
        sandbox: bool = False,
        address: str | None = None,
        timeout_seconds: float = 5.0,
        budget: Budget | None = None,
    ) -> None:
        """Build the clients; nothing is sent yet.

        Args:
            account: what this program calls the account; part of every fill's identity.
            key: the API key.
            secret: its secret.
            clock: for when the stream was connected.
            sandbox: Alpaca's own paper trading, which has a name of its own: its trades are others.
            address: `address:port` of a gateway on this machine that speaks for the venue.
            timeout_seconds: how long one call may take.
            budget: how much may be asked; without one, until the venue refuses.

        Raises:
            MissingExtraError: alpaca-py is not installed.
        """
        self.name = "alpaca-paper" if sandbox else "alpaca"
        self.account = account
        self.abilities = Abilities(kinds=_KINDS, durations=_DURATIONS, amend=True, stream=True)
        self._clock, self._timeout = clock, timeout_seconds
        host = PAPER if sandbox else LIVE
        self._base = f"https://{host}" if address is None else f"http://{address}"
        self._stream_url = f"wss://{host}/stream" if address is None else f"ws://{address}/stream"
        self._data = f"https://{DATA}" if address is None else f"http://{address}"
        self._hosts = AllowedHosts([host, DATA] if address is None else [address])
        trading = need("alpaca.trading.client", "alpaca")
        keep_secrets()
        self._streaming = need("alpaca.trading.stream", "alpaca")
        adapters = need("requests.adapters", "alpaca")
        self._keys = (key, secret)

        def make() -> tuple[Any, Witness]:
            witness = Witness(
                adapters.HTTPAdapter(),
                self._hosts,
                timeout_seconds=timeout_seconds,
                secrets=(secret, key),
            )
            client = trading.TradingClient(key, secret, raw_data=True, url_override=self._base)
            client._retry = 0  # noqa: SLF001 - a submission leaves once, and 0 means "as always"
            session = client._session  # noqa: SLF001 - it takes none from outside
            session.trust_env = False
            for scheme in ("https://", "http://"):
                session.mount(scheme, witness)
            return client, witness

        def line() -> Line:
            return Line(make, _class_says, timeout_seconds=timeout_seconds, budget=budget)

        # What is sent never waits behind a long list, nor cancels behind what is sent.
        self._orders, self._questions, self._cancels = line(), line(), line()
        self._names, self._changes = OrderNames(), Changes()
        self._assets: dict[Symbol, tuple[float, Mapping[str, Any] | None]] = {}
        self._pairs: dict[str, Symbol] = {}  # "BTCUSD", as positions call it

    def close(self) -> None:
        """Hang up."""
        self._orders.close()
        self._questions.close()
        self._cancels.close()

    # Orders.

    def instrument(self, symbol: Symbol) -> Instrument | None:
        """Return the steps of a symbol. Parts of a share only trade as day orders."""
        asset = self._asset(symbol)
        if asset is None or asset.get("tradable") is not True:
            return None
        return self._steps(symbol, asset)

    def _steps(self, symbol: Symbol, asset: Mapping[str, Any]) -> Instrument:
        try:
            if symbol.is_pair:
                return Instrument(
                    symbol=symbol,
                    tick_size=Price(exact(str(asset["price_increment"]))),
                    lot_size=Quantity(exact(str(asset["min_trade_increment"]))),
                )
        except (KeyError, InvalidValueError) as error:
            msg = f"{self.name} does not say in which steps {symbol} is traded"
            raise VenueUnavailableError(msg) from error
        lot = _FRACTION if asset.get("fractionable") is True else _WHOLE
        return Instrument(symbol=symbol, tick_size=_CENT, lot_size=lot)

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
        fields = _fields(order)
        answer = self._orders.call(lambda client: client.post("/orders", fields))
        if isinstance(answer, Failed):
            return answer.of_submission()
        return self._acknowledged(answer, order)

    def cancel(self, order: WorkingOrder) -> ChangeAnswer:
        """Ask for an order back. One that has ended already is told as it ended."""
        name = self._changes.id_of(order)
        if name is None:
            found = self._find(order, self._cancels, for_cancel=True)
            if not isinstance(found, Acknowledged):
                return found
            if found.order.status in _ENDED:
                return found
            name = found.order.venue_order_id
        answer = self._cancel(order, name)
        if not isinstance(answer, Acknowledged) or answer.order.status in _ENDED:
            return answer
        newest = self._changes.id_of(order)
        if newest is None or newest == name:
            return answer
        return self._cancel(order, newest)  # it has another form by now

    def _cancel(self, order: WorkingOrder, name: str) -> ChangeAnswer:
        answer = self._cancels.call(
            lambda client: client.delete(f"/orders/{name}"), for_cancel=True
        )
        refused = isinstance(answer, Failed) and answer.meaning in {
            Meaning.REFUSED,
            Meaning.ABSENT,
        }
        if isinstance(answer, Failed) and not refused:
            return answer.of_change()
        found = self._find(order, self._cancels, for_cancel=True)
        if isinstance(found, NotSent):
            return unclear(answer.evidence, "the cancel was answered, and nothing after it")
        if isinstance(answer, Failed) and isinstance(found, Acknowledged):
            another = found.order.venue_order_id != name
            return found if another or found.order.status in _ENDED else answer.of_change()
        return found

    def amend(self, order: WorkingOrder) -> ChangeAnswer:
        """Put another form of the order in its place. The venue may do so a moment later."""

        def send(now: VenueOrder, rest: Quantity, name: str) -> ChangeAnswer | None:
            fields = {**_fields_of_change(order, now, rest), "client_order_id": name}
            answer = self._orders.call(
                lambda client: client.patch(f"/orders/{now.venue_order_id}", fields)
            )
            return None if isinstance(answer, Said) else answer.of_change()

        return self._changes.amend(
            order, lambda name: self._named(order, name, self._questions), send
        )

    def find(self, order: WorkingOrder) -> FindAnswer:
        """Ask for one order by its client order id."""
        return self._find(order, self._questions)

    def _find(self, order: WorkingOrder, line: Line, *, for_cancel: bool = False) -> FindAnswer:
        return self._changes.find(
            order.client_order_id,
            lambda name: self._named(order, name, line, for_cancel=for_cancel),
            is_changing=order.amendment is not None,
        )

    def _named(
        self, order: WorkingOrder, name: str, line: Line, *, for_cancel: bool = False
    ) -> FindAnswer:
        asked = {"client_order_id": name}
        answer = line.call(
            lambda client: client.get("/orders:by_client_order_id", asked), for_cancel=for_cancel
        )
        if isinstance(answer, Failed):
            return answer.of_question()
        return self._acknowledged(answer, order)

    def cancel_all(self) -> bool:
        """Ask for every order back at once."""
        answer = self._cancels.call(lambda client: client.delete("/orders"), for_cancel=True)
        if isinstance(answer, Failed):
            return False
        told = answer.evidence.json()
        return isinstance(told, list) and all(
            isinstance(it, dict) and str(it.get("status")) == str(int(HTTPStatus.OK)) for it in told
        )

    def keep_alive(self, seconds: int) -> bool:
        """Return False: this venue has no dead-man's switch."""
        del seconds
        return False

    # What is traded.

    def listing(self) -> Mapping[Symbol, TradingRules]:
        """Return every symbol it trades now, with its rules."""
        rules: dict[Symbol, TradingRules] = {}
        for it in self._listed(self._get("/assets", {"status": "active"})):
            try:
                of = symbol(str(it.get("symbol")))
            except InvalidValueError:
                continue
            if it.get("tradable") is True:
                steps = self._steps(of, it)
                rules[of] = TradingRules(
                    tick_size=steps.tick_size,
                    lot_size=steps.lot_size,
                    quantity_min=_least(it),
                    kinds=self.abilities.kinds,
                )
        return rules

    def quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Quote]:
        """Return the middle of the newest bid and ask of each."""
        found: dict[Symbol, Quote] = {}
        for path, version, asked in (
            ("/stocks/quotes/latest", "v2", [it for it in symbols if not it.is_pair]),
            ("/crypto/us/latest/quotes", "v1beta3", [it for it in symbols if it.is_pair]),
        ):
            if asked:
                found |= self._quotes(path, version, asked)
        return found

    def _quotes(self, path: str, version: str, symbols: Sequence[Symbol]) -> Mapping[Symbol, Quote]:
        fields = {"symbols": ",".join(it.code for it in symbols)}
        answer = self._questions.call(
            lambda client: client.get(path, fields, base_url=self._data, api_version=version)
        )
        if isinstance(answer, Failed):
            raise answer.unavailable()
        told = answer.evidence.json()
        quotes = told.get("quotes") if isinstance(told, dict) else None
        found: dict[Symbol, Quote] = {}
        for of in symbols:
            try:
                it = (quotes or {})[of.code]
                bid, ask = exact(Decimal(str(it["bp"]))), exact(Decimal(str(it["ap"])))
                if bid and ask:
                    middle = EXACT.multiply(EXACT.add(bid, ask), Decimal("0.5"))
                    found[of] = Quote(Price(exact(middle)), instant_of(it["t"]))
            except (KeyError, TypeError, ValueError, ArithmeticError, InvalidValueError):
                continue
        return found

    # Questions.

    def open_orders(self) -> Sequence[VenueOrder | ForeignOrder]:
        """Return every order that works."""
        found: dict[str, VenueOrder | ForeignOrder] = {}
        asked: dict[str, Any] = {"status": "open", "limit": _ORDERS, "direction": "asc"}
        while True:
            page = self._listed(self._get("/orders", asked))
            new = [it for it in page if it.get("id") not in found]
            for it in _read_all(new, listed_of):
                found[it.venue_order_id] = self._names.learn_listed(it)
            if len(page) < _ORDERS or not new:
                return list(found.values())
            asked = {**asked, "after": page[-1]["submitted_at"]}

    def trades(self, symbol: Symbol, since: datetime | None = None) -> Sequence[VenueTrade]:
        """Return the account's trades of a symbol, oldest first."""
        return self._trades(lambda it: it.get("symbol") == symbol.code, since)

    def _trades(
        self, wanted: Callable[[Mapping[str, Any]], bool], since: datetime | None
    ) -> Sequence[VenueTrade]:
        asked: dict[str, Any] = {"direction": "asc", "page_size": _PAGE}
        if since is not None:
            asked["after"] = _text(since - timedelta(microseconds=1))
        fills: list[Mapping[str, Any]] = []
        while True:
            page = self._listed(self._get(_FILLS, asked))
            fills += [it for it in page if wanted(it)]
            if len(page) < _PAGE:
                break
            asked = {**asked, "page_token": page[-1].get("id")}
        self._learn_names(fills)
        trades = _read_all(fills, lambda it: trade_of(it, self._names.of(str(it.get("order_id")))))
        # Several within one millisecond come in any order.
        return sorted(trades, key=lambda it: (it.at, it.trade_id))

    def balances(self) -> Mapping[Currency, Decimal]:
        """Return the account's cash. What is held of coins and shares are positions."""
        told = self._get("/account", {})
        try:
            return {USD: exact(str(told["cash"]))}
        except (KeyError, TypeError, InvalidValueError) as error:
            msg = f"{self.name} did not tell its cash in words that can be read"
            raise VenueUnavailableError(msg) from error

    def positions(self) -> Mapping[Symbol, Decimal]:
        """Return what the account holds; below zero when short."""
        held: dict[Symbol, Decimal] = {}
        for it in self._listed(self._get("/positions", {})):
            try:
                amount = exact(str(it["qty"]))
                of = self._symbol_of(it)
            except InvalidValueError:
                if _has_amount(it):
                    continue  # of something without a name here: it cannot be ours
                msg = f"{self.name} did not tell a position in words that can be read"
                raise VenueUnavailableError(msg) from None
            except KeyError as error:
                msg = f"{self.name} did not tell a position in words that can be read"
                raise VenueUnavailableError(msg) from error
            held[of] = -abs(amount) if it.get("side") == "short" else amount
        return held

    def server_time(self) -> datetime:
        """Return the venue's clock."""
        told = self._get("/clock", {})
        try:
            return instant_of(told["timestamp"])
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{self.name} did not tell its time"
            raise VenueUnavailableError(msg) from error

    @contextmanager
    def follow(self, hear: Callable[[VenueNews], None]) -> Iterator[Stream]:
        """Listen until the block ends."""
        key, secret = self._keys
        stream = AlpacaStream(
            lambda: _subscribed(self._streaming.TradingStream(key, secret, raw_data=True)),
            self._hosts,
            self._trades_of,
            url=self._stream_url,
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
        found = self._changes.find(name, self._asked_of, is_changing=False)
        if isinstance(found, Acknowledged):
            return found.order
        msg = f"{self.name} did not tell how order {name} stands"
        raise VenueUnavailableError(msg)

    def _asked_of(self, name: str) -> FindAnswer:
        asked = {"client_order_id": name}
        answer = self._questions.call(
            lambda client: client.get("/orders:by_client_order_id", asked)
        )
        if isinstance(answer, Failed):
            return answer.of_question()
        try:
            return Acknowledged(order=self._names.learn(order_of(answer.evidence.json())))
        except UnreadableError as error:
            return unclear(answer.evidence, str(error))

    def _acknowledged(self, answer: Said[Any], order: WorkingOrder) -> Acknowledged | Unclear:
        try:
            theirs = order_of(answer.evidence.json())
        except UnreadableError as error:
            return unclear(answer.evidence, str(error))
        if theirs.client_order_id != order.client_order_id:
            return unclear(answer.evidence, "the venue answered about another order")
        return Acknowledged(order=self._names.learn(theirs))

    def _get(self, path: str, asked: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        answer = self._questions.call(lambda client: client.get(path, dict(asked)))
        if isinstance(answer, Failed):
            raise answer.unavailable()
        return answer.evidence.json()

    def _listed(self, told: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401
        if not isinstance(told, list) or not all(isinstance(it, dict) for it in told):
            msg = f"{self.name} did not answer with a list"
            raise VenueUnavailableError(msg)
        return told

    def _asset(self, of: Symbol) -> Mapping[str, Any] | None:
        at, known = self._assets.get(of, (None, None))
        if at is not None and time.monotonic() - at < _ASSETS_LAST:
            return known
        self._assets[of] = (time.monotonic(), self._asked_asset(of))
        return self._assets[of][1]

    def _asked_asset(self, of: Symbol) -> Mapping[str, Any] | None:
        path = f"/assets/{of.code.replace('/', '%2F')}"
        answer = self._questions.call(lambda client: client.get(path))
        if isinstance(answer, Failed):
            if answer.meaning is Meaning.ABSENT:
                return None
            raise answer.unavailable()
        told = answer.evidence.json()
        if not isinstance(told, dict):
            msg = f"{self.name} did not tell {of} in words that can be read"
            raise VenueUnavailableError(msg)
        return told

    def _symbol_of(self, position: Mapping[str, Any]) -> Symbol:
        """Name what is held. Pairs of coins lose their slash among the positions."""
        code = str(position["symbol"])
        if position.get("asset_class") != "crypto":
            return symbol(code)
        if code not in self._pairs:
            assets = self._listed(self._get("/assets", {"asset_class": "crypto"}))
            self._pairs = {
                str(it["symbol"]).replace("/", ""): symbol(str(it["symbol"])) for it in assets
            }
        return self._pairs[code.replace("/", "")]

    def _trades_of(self, venue_order_id: str, since: datetime) -> Iterable[VenueTrade]:
        return self._trades(lambda it: it.get("order_id") == venue_order_id, since)

    def _learn_names(self, fills: Iterable[Mapping[str, Any]]) -> None:
        """Ask for the orders that fills belong to and that were not heard of."""
        unknown = {str(it.get("order_id")) for it in fills}
        if sum(not self._names.knows(it) for it in unknown) > _ONE_BY_ONE:
            asked = {"status": "all", "limit": _ORDERS, "direction": "desc"}
            for order in _read_all(self._listed(self._get("/orders", asked)), listed_of):
                self._names.learn_listed(order)
        for name in sorted(it for it in unknown if not self._names.knows(it)):
            told = self._get(f"/orders/{name}", {})
            for order in _read_all([told], listed_of):
                self._names.learn_listed(order)


_ENDED: Final = frozenset(
    {VenueStatus.FILLED, VenueStatus.CANCELED, VenueStatus.EXPIRED, VenueStatus.REJECTED}
)


def _class_says(error: BaseException, evidence: Evidence) -> Meaning:
    says = by_class(error, ALPACA)
    absent = says is Meaning.REFUSED and evidence.status == HTTPStatus.NOT_FOUND
    return Meaning.ABSENT if absent else says


def _fields(order: WorkingOrder) -> Mapping[str, str]:
    ticket = order.ticket
    told = {
        "symbol": ticket.symbol.code,
        "qty": str(order.remaining),
        "side": ticket.side.value,
        "type": ticket.kind.value,
        "time_in_force": ticket.time_in_force.value,
        "client_order_id": order.client_order_id,
    }
    if ticket.limit_price is not None:
        told["limit_price"] = str(ticket.limit_price)
    if ticket.stop_price is not None:
        told["stop_price"] = str(ticket.stop_price)
    if ticket.trail is not None:
        told["trail_price"] = str(ticket.trail)
    if ticket.trail_bps is not None:
        told["trail_percent"] = plain(EXACT.divide(ticket.trail_bps, _BPS_IN_PERCENT))
    return told


def _fields_of_change(order: WorkingOrder, now: VenueOrder, rest: Quantity) -> Mapping[str, str]:
    wanted, fields = order.amendment, dict[str, str]()
    if rest != now.quantity:
        fields["qty"] = str(rest)
    if wanted is not None and wanted.limit_price is not None:
        fields["limit_price"] = str(wanted.limit_price)
    if wanted is not None and wanted.stop_price is not None:
        fields["stop_price"] = str(wanted.stop_price)
    return fields


def _least(asset: Mapping[str, Any]) -> Quantity | None:
    try:
        return Quantity(exact(str(asset["min_order_size"])))
    except (KeyError, InvalidValueError):
        return None


def _has_amount(position: Mapping[str, Any]) -> bool:
    try:
        exact(str(position["qty"]))
    except (KeyError, InvalidValueError):
        return False
    return True


def _read_all(told: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[Any]:
    for it in told:
        try:
            yield read(it)
        except UnreadableError as error:
            raise VenueUnavailableError(str(error)) from error


def _subscribed(client: Any) -> Any:  # noqa: ANN401 - a library without types
    async def ignore(_: object) -> None:
        """Take nothing: frames are read from the socket."""

    client.subscribe_trade_updates(ignore)
    return client


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
