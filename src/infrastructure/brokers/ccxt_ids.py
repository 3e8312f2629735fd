"""Which of ccxt's exchanges can be traded at safely, and what is special about each.

An order is only sent where it can be found again by the name we gave it, its trades can be asked
for, and the venue tells its clock. Whatever lacks that is refused before anything is sent, by name
and with the reason: an exchange that cannot be asked is no place for money.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from traderbot.application.errors import ApplicationError
from traderbot.domain.orders.ticket import OrderKind, TimeInForce
from traderbot.infrastructure.brokers.extras import need

_STEPS: Final = 4  # ccxt's TICK_SIZE: precision is told as the step itself
_NEEDS: Final[Mapping[str, str]] = {
    "createOrder": "orders cannot be sent",
    "cancelOrder": "orders cannot be asked back",
    "fetchOpenOrders": "what works cannot be listed",
    "fetchMyTrades": "what was traded cannot be asked for",
    "fetchBalance": "what the account has cannot be asked for",
    "fetchTime": "its clock cannot be asked for",
}
# Where an order is changed in its place and keeps its id; elsewhere ccxt cancels and sends anew.
_IN_PLACE: Final = frozenset({"kraken", "okx", "bybit"})
# Elsewhere the call is there too, and counts for other markets than spot alone.
_DEAD_MAN: Final = frozenset({"kraken", "okx"})
_DURATIONS: Final = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)


class VenueNotSafeError(ApplicationError):
    """This exchange cannot be traded at. The message says what it lacks."""

    code: ClassVar[str] = "VENUE_NOT_SAFE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What ccxt says of one exchange, as far as this program needs to know."""

    id: str
    kinds: frozenset[OrderKind]
    durations: frozenset[TimeInForce]
    post_only: bool
    amend: bool
    stream: bool
    dead_man: bool
    one_by_id: bool  # a single order can be asked for
    closed: tuple[str, ...]  # the calls that list what has ended


def traits_of(id_: str) -> Traits:
    """Return what an exchange of ccxt can do, by its `has` flags and its features.

    Raises:
        MissingExtraError: ccxt is not installed.
        VenueNotSafeError: ccxt has no such exchange, or it lacks what safety needs.
    """
    library = need("ccxt", "ccxt")
    if id_ not in library.exchanges:
        msg = f"ccxt has no exchange {id_!r:.40}; `python -c 'import ccxt; print(ccxt.exchanges)'`"
        raise VenueNotSafeError(msg)
    client = getattr(library, id_)()
    lacks = list(_lacks(client))
    if lacks:
        msg = f"{id_} cannot be traded at safely: {'; '.join(lacks)}"
        raise VenueNotSafeError(msg)
    pro = need("ccxt.pro", "ccxt")
    features = (client.features or {}).get("spot") or {}
    said = features.get("createOrder") or {}
    told = said.get("timeInForce") or {}
    kinds = {OrderKind.MARKET, OrderKind.LIMIT}
    # Where stops are listed apart from orders, one that is asked for would seem to be absent.
    apart = (features.get("fetchOpenOrders") or {}).get("trigger")
    if said.get("stopLossPrice") and not apart:
        kinds |= {OrderKind.STOP, OrderKind.STOP_LIMIT}
    return Traits(
        id=id_,
        kinds=frozenset(kinds),
        durations=frozenset(it for it in _DURATIONS if told.get(it.value.upper())),
        post_only=bool(told.get("PO")),
        amend=id_ in _IN_PLACE and client.has.get("editOrder") is True,
        stream=id_ in pro.exchanges and getattr(pro, id_)().has.get("watchOrders") is True,
        dead_man=id_ in _DEAD_MAN and client.has.get("cancelAllOrdersAfter") is True,
        one_by_id=client.has.get("fetchOrder") is True,
        closed=tuple(_closed(client)),
    )


def hosts_of(client: Any) -> frozenset[str]:  # noqa: ANN401 - a library without types
    """Return every host of a client's API; nothing else is ever spoken to."""
    return frozenset(_hosts(client.urls["api"], client.hostname or ""))


def _lacks(client: Any) -> Iterator[str]:  # noqa: ANN401
    for flag, why in _NEEDS.items():
        if client.has.get(flag) is not True:
            yield f"{why} ({flag})"
    if not _closed(client):
        yield "an order that has ended cannot be found by our name (fetchClosedOrders)"
    if client.precisionMode != _STEPS:
        yield "it does not say in which steps it trades (precisionMode)"
    secrets = {it for it, needed in client.requiredCredentials.items() if needed}
    if strange := sorted(secrets - {"apiKey", "secret", "password"}):
        yield f"it wants another login than key, secret and passphrase ({', '.join(strange)})"
    if client.has.get("spot") is not True:
        yield "it has no spot market"


def _closed(client: Any) -> list[str]:  # noqa: ANN401
    if client.has.get("fetchOrders") is True:
        return ["fetch_orders"]
    if client.has.get("fetchClosedOrders") is not True:
        return []
    canceled = client.has.get("fetchCanceledOrders") is True
    return ["fetch_closed_orders", *(["fetch_canceled_orders"] if canceled else [])]


def _hosts(tree: Any, hostname: str) -> Iterator[str]:  # noqa: ANN401 - ccxt's tree of addresses
    if isinstance(tree, dict):
        for name, it in tree.items():
            if name != "zendesk":  # where people are helped; nothing of an account is there
                yield from _hosts(it, hostname)
    elif isinstance(tree, str):
        host = urlsplit(tree.replace("{hostname}", hostname)).hostname
        if host:
            yield host
