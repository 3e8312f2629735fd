"""The libraries' real addresses are those the adapters allow; nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.venues.labs import alpaca_venue, ccxt_venue
from traderbot.application.errors import VenueUnavailableError
from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts, HostNotAllowedError
from traderbot.infrastructure.brokers.ccxt_client import HOSTS
from traderbot.infrastructure.brokers.extras import need
from traderbot.infrastructure.brokers.venue_errors import CCXT, Meaning


def somewhere_public(_: str) -> list[str]:
    return ["93.184.216.34"]


def addresses(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for it in tree.values():
            yield from addresses(it)
    elif isinstance(tree, str) and "://" in tree:
        yield tree


@pytest.mark.parametrize("sandbox", [False, True])
def test_what_ccxt_calls_for_spot_is_allowed_and_the_rest_is_not(sandbox: bool) -> None:
    venue = ccxt_venue(sandbox=sandbox)
    library = need("ccxt.pro", "ccxt").binance()
    if sandbox:
        library.set_sandbox_mode(True)
    api = library.urls["api"]
    needed = {api["public"], api["private"], api["ws"]["ws-api"]["spot"]}
    hosts = AllowedHosts(HOSTS, somewhere_public)
    for url in needed:
        hosts.check(url)
    for url in set(addresses(api)) - needed:
        if "fapi" in url or "dapi" in url or "papi" in url or "fstream" in url:
            with pytest.raises(HostNotAllowedError):
                hosts.check(url)
    assert venue.name == ("binance-testnet" if sandbox else "binance")
    venue.close()


def test_a_gateway_replaces_every_address_of_ccxt() -> None:
    venue = ccxt_venue(address="127.0.0.1:9")
    for line in (venue._clients.orders, venue._clients.questions):
        urls = list(addresses(line.client.urls["api"]))
        assert len(urls) > 20
        assert all(it.split("://")[1].startswith("127.0.0.1:9/") for it in urls)
    venue.close()


@pytest.mark.parametrize("sandbox", [False, True])
def test_alpacas_addresses_are_allowed(sandbox: bool) -> None:
    venue = alpaca_venue(sandbox=sandbox)
    enums = need("alpaca.common.enums", "alpaca").BaseURL
    live = (enums.TRADING_LIVE, enums.TRADING_STREAM_LIVE)
    paper = (enums.TRADING_PAPER, enums.TRADING_STREAM_PAPER)
    assert [venue._base, venue._stream_url] == [it.value for it in (paper if sandbox else live)]
    venue.close()


def test_a_gateway_elsewhere_is_refused_before_anything_is_sent() -> None:
    for build in (ccxt_venue, alpaca_venue):
        for address in ("10.0.0.1:80", "example.org:80", "93.184.216.34:80"):
            venue = build(address=address)
            with pytest.raises(VenueUnavailableError, match="HostNotAllowedError"):
                venue.server_time()
            venue.close()


# ccxt reads spot's own table of codes at the real host only, so the tests' host does not show it.
CODES = {
    "-2011": Meaning.ABSENT,
    "-2013": Meaning.ABSENT,
    "-1021": Meaning.DEFERRED,
    "-1003": Meaning.DEFERRED,
    "-1013": Meaning.REFUSED,
    "-2010": Meaning.REFUSED,
    "-2014": Meaning.REFUSED,
    "-2015": Meaning.REFUSED,
    "-1022": Meaning.REFUSED,
    "-1121": Meaning.REFUSED,
}


@pytest.mark.parametrize("code", CODES)
def test_the_codes_that_matter_mean_the_same_at_the_real_host(code: str) -> None:
    exceptions = need("ccxt", "ccxt").binance().exceptions
    tables = (exceptions["spot"]["exact"], exceptions["exact"])
    found = next(table[code] for table in tables if code in table)
    assert CCXT[found.__name__] is CODES[code]
    assert CCXT[exceptions["exact"].get(code, found).__name__] is CODES[code]
