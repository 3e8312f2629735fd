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
        sandbox=settings.trading.mode == "paper" and address is None,
        address=address,
        budget=RequestBudget(
            settings.data.dir / "budgets" / f"{broker.venue}-{broker.account}",
            broker.weight_per_minute,
            reserve=broker.cancel_reserve,
        ),
    )


def _said(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
