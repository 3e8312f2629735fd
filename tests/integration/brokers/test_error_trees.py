"""Every exception of the libraries below the venues is mapped; a new one fails here."""

from __future__ import annotations

import inspect
from enum import Enum

from tests.venues.labs import alpaca_venue  # noqa: F401 - loads the library without its warning
from traderbot.application.ports.venue import VenueStatus
from traderbot.infrastructure.brokers.alpaca_orders import STATUSES
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.venue_errors import ALPACA, CCXT, Meaning


def below(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(below(it) for it in kind.__subclasses__()))


def test_every_error_of_ccxt_is_mapped() -> None:
    errors = need("ccxt.base.errors", "ccxt")
    need("ccxt.pro", "ccxt")
    named = {it.__name__ for it in below(errors.BaseError)}
    assert named == set(CCXT)
    assert len(named) > 35


def test_no_error_about_the_line_itself_is_mapped_as_a_refusal() -> None:
    errors = need("ccxt.base.errors", "ccxt")
    for it in below(errors.OperationFailed):
        assert CCXT[it.__name__] in {Meaning.UNKNOWN, Meaning.DEFERRED}, it


def test_every_error_of_alpaca_is_mapped() -> None:
    errors = need("alpaca.common.exceptions", "alpaca")
    named = {
        name
        for name, it in inspect.getmembers(errors, inspect.isclass)
        if issubclass(it, BaseException) and it.__module__ == errors.__name__
    }
    assert named == set(ALPACA)


def test_every_status_of_alpacas_orders_is_mapped() -> None:
    statuses: type[Enum] = need("alpaca.trading.enums", "alpaca").OrderStatus
    assert {it.value for it in statuses} == set(STATUSES)
    ends = {it.value for it in statuses if STATUSES[it.value] not in _ALIVE}
    assert ends == {"filled", "canceled", "expired", "replaced", "rejected"}


_ALIVE = {VenueStatus.PENDING, VenueStatus.WORKING}
