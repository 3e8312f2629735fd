"""The real clients, pointed at a venue server on this machine. They are told not to retry."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.venues.serving import VenueServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # alpaca uses what websockets calls legacy
    import ccxt
    import ccxt.pro
    from alpaca.trading.client import TradingClient
    from alpaca.trading.stream import TradingStream

KEY, SECRET = "key", "secret"
TIMEOUT_SECONDS = 0.5
_SPOT_ONLY = {
    "fetchMarkets": {"types": ["spot"]},
    "fetchMargins": False,
    "fetchCurrencies": False,
    "defaultType": "spot",
    "adjustForTimeDifference": False,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
}


def on_this_machine(urls: Any, host: str) -> Any:
    """Replace every host in ccxt's tree of addresses; the paths stay."""
    if isinstance(urls, dict):
        return {key: on_this_machine(value, host) for key, value in urls.items()}
    if isinstance(urls, list):
        return [on_this_machine(value, host) for value in urls]
    if not isinstance(urls, str):
        return urls
    address = re.match(r"(https?|wss?)://[^/]+", urls)
    if address is None:
        return urls
    scheme = "ws" if address[1].startswith("ws") else "http"
    return f"{scheme}://{host}{urls[address.end() :]}"


@contextmanager
def ccxt_client(host: str, key: str = KEY, secret: str = SECRET) -> Iterator[Any]:
    """Give the synchronous client."""
    exchange = ccxt.binance(_options(key, secret))
    exchange.urls = on_this_machine(exchange.urls, host)
    try:
        yield exchange
    finally:
        exchange.session.close()


def ccxt_stream(host: str, key: str = KEY, secret: str = SECRET) -> Any:
    """Give the client with streams; whoever has it closes it."""
    exchange = ccxt.pro.binance(_options(key, secret))
    exchange.urls = on_this_machine(exchange.urls, host)
    return exchange


@contextmanager
def alpaca_client(url: str, key: str = KEY, secret: str = SECRET) -> Iterator[Any]:
    """Give the trading client, which by itself has no time-out and always retries."""
    client = TradingClient(key, secret, url_override=url, raw_data=True)
    client._retry = 0
    send = client._session.request

    def timed(method: str, address: str, **how: Any) -> Any:
        return send(method, address, timeout=TIMEOUT_SECONDS, **how)

    client._session.request = timed  # type: ignore[method-assign, assignment]
    try:
        yield client
    finally:
        client._session.close()


def alpaca_stream(server: VenueServer, key: str = KEY, secret: str = SECRET) -> Any:
    """Give the client of the trade updates."""
    stream = TradingStream(key, secret, raw_data=True, url_override=f"ws://{server.host}/stream")
    stream._reconnect_min_backoff = stream._reconnect_max_backoff = 0.05
    return stream


def _options(key: str, secret: str) -> dict[str, Any]:
    return {
        "apiKey": key,
        "secret": secret,
        "options": dict(_SPOT_ONLY),
        "timeout": int(TIMEOUT_SECONDS * 1000),
        "enableRateLimit": False,
    }
