"""The venue the settings name, ready to be asked."""

from __future__ import annotations

from pydantic import SecretStr

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.venue import Venue
from traderbot.infrastructure.brokers.alpaca_venue import AlpacaVenue
from traderbot.infrastructure.brokers.ccxt_venue import CcxtVenue
from traderbot.infrastructure.brokers.request_budget import RequestBudget
from traderbot.infrastructure.settings import Settings


def venue_of(settings: Settings, clock: Clock) -> Venue | None:
    """Return the venue, None where orders stay on paper. Nothing is sent yet.

    In paper mode it is the venue's test network.

    Raises:
        MissingExtraError: the venue's library is not installed.
    """
    broker = settings.broker
    if broker.venue == "paper":
        return None
    login = broker.login
    address = None if login.base_url is None else login.base_url.partition("://")[2].rstrip("/")
    make = CcxtVenue if broker.venue == "binance" else AlpacaVenue
    return make(
        account=broker.account,
        key=_said(login.key),
        secret=_said(login.secret),
        clock=clock,
        sandbox=_in_sandbox(settings),
        address=address,
        budget=RequestBudget(
            settings.data.dir / "budgets" / f"{broker.venue}-{broker.account}",
            broker.weight,
            reserve=broker.weight * broker.cancel_reserve_percent // 100,
        ),
    )


def venue_name(settings: Settings) -> str:
    """Return what the venue is called in events and scopes, without building it."""
    if not _in_sandbox(settings):
        return settings.broker.venue
    return _TEST_NETWORKS.get(settings.broker.venue, settings.broker.venue)


def _in_sandbox(settings: Settings) -> bool:
    return settings.trading.mode == "paper" and settings.broker.login.base_url is None


_TEST_NETWORKS = {"binance": "binance-testnet", "alpaca": "alpaca-paper"}


def _said(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
