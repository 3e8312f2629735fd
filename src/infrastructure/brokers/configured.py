"""The venue the settings name, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import SecretStr

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.market_source import MarketSource
from traderbot.application.ports.venue import Venue
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.values import Symbol
from traderbot.infrastructure.brokers.alpaca_venue import AlpacaVenue
from traderbot.infrastructure.brokers.ccxt_unified import UnifiedVenue
from traderbot.infrastructure.brokers.ccxt_venue import CcxtVenue
from traderbot.infrastructure.brokers.request_budget import RequestBudget
from traderbot.infrastructure.settings import Settings
from traderbot.infrastructure.settings_broker import ALPACA, PAPER


def venue_of(settings: Settings, clock: Clock) -> Venue | None:
    """Return the venue, None where orders stay on paper. Nothing is sent yet.

    In paper mode it is the venue's test network.

    Raises:
        MissingExtraError: the venue's library is not installed.
        VenueNotSafeError: it is no exchange that this program can trade at safely.
    """
    return _made(settings, clock)


def _made(settings: Settings, clock: Clock) -> AlpacaVenue | CcxtVenue | UnifiedVenue | None:
    broker = settings.broker
    if broker.venue == PAPER:
        return None
    login = broker.login
    address = None if login.base_url is None else login.base_url.partition("://")[2].rstrip("/")
    same: dict[str, Any] = {
        "account": broker.account,
        "key": _said(login.key),
        "secret": _said(login.secret),
        "clock": clock,
        "sandbox": _in_sandbox(settings),
        "address": address,
        "budget": RequestBudget(
            settings.data.dir / "budgets" / f"{broker.venue}-{broker.account}",
            broker.weight,
            reserve=broker.weight * broker.cancel_reserve_percent // 100,
        ),
    }
    if broker.venue == ALPACA:
        return AlpacaVenue(**same)
    quote = broker.ccxt.counted_in
    if broker.venue == "binance":
        return CcxtVenue(quote=quote or "USDT", **same)
    passphrase = _said(broker.ccxt.passphrase)
    return UnifiedVenue(broker.venue, quote=quote or "USD", passphrase=passphrase, **same)


def market_source_of(settings: Settings, clock: Clock) -> MarketSource | None:
    """Return where the rules and prices of the settings' venue are asked for; None on paper.

    Nothing is built before somebody asks.
    """
    return None if settings.broker.venue == PAPER else _LaterSource(settings, clock)


class _LaterSource:
    """`MarketSource` of the settings' venue, through clients of its own, made when first asked."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.name = venue_name(settings)
        self._make = cache(lambda: _source(settings, clock))

    def listing(self) -> Mapping[Symbol, TradingRules]:
        """Return every symbol it trades now, with its rules."""
        return self._make().listing()

    def quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Quote]:
        """Return the newest prices."""
        return self._make().quotes(symbols)


def _source(settings: Settings, clock: Clock) -> AlpacaVenue | CcxtVenue | UnifiedVenue:
    made = _made(settings, clock)
    assert made is not None  # noqa: S101 - nobody asks on paper
    return made


def venue_name(settings: Settings) -> str:
    """Return what the venue is called in events and scopes, without building it."""
    if not _in_sandbox(settings):
        return settings.broker.venue
    venue = settings.broker.venue
    if venue == PAPER:
        return venue
    return "alpaca-paper" if venue == ALPACA else f"{venue}-testnet"


def _in_sandbox(settings: Settings) -> bool:
    return settings.trading.mode == "paper" and settings.broker.login.base_url is None


def _said(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
