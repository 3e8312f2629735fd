"""One venue of each kind, an account with money, and the real client."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.venues.alpaca import AlpacaServer
from tests.venues.binance import BinanceServer
from tests.venues.clients import alpaca_client, ccxt_client


@pytest.fixture
def binance() -> Iterator[BinanceServer]:
    server = BinanceServer()
    server.book.open_account("key", "secret", {"USDT": Decimal(10_000), "BTC": Decimal(1)})
    with server:
        yield server
    server.book.check()


@pytest.fixture
def ccxt(binance: BinanceServer) -> Iterator[Any]:
    with ccxt_client(binance.host) as client:
        client.load_markets()
        yield client


@pytest.fixture
def alpaca() -> Iterator[AlpacaServer]:
    server = AlpacaServer()
    server.book.open_account("key", "secret", {"USD": Decimal(10_000), "AAPL": Decimal(10)})
    with server:
        yield server
    server.book.check()


@pytest.fixture
def alpaca_rest(alpaca: AlpacaServer) -> Iterator[Any]:
    with alpaca_client(alpaca.url) as client:
        yield client
