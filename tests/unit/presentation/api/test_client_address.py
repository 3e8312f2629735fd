from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from traderbot.presentation.api.client_address import ClientAddresses

PROXIES = ("10.0.0.0/8", "192.0.2.1", "2001:db8:ffff::/48")


def a_request(peer: str | None, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", it.encode("latin-1")) for it in forwarded]
    client = None if peer is None else (peer, 1)
    return HTTPConnection({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", (), "203.0.113.5"),
        ("203.0.113.5", ("198.51.100.1",), "203.0.113.5"),  # no proxy of ours
        ("10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("1.1.1.1, 198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("1.1.1.1", "198.51.100.1"), "198.51.100.1"),
        ("10.1.2.3", ("198.51.100.1, 192.0.2.1",), "198.51.100.1"),
        ("10.1.2.3", ("10.9.9.9, 192.0.2.1",), "10.9.9.9"),  # nothing but proxies
        ("10.1.2.3", (), "10.1.2.3"),
        ("10.1.2.3", ("nonsense",), "10.1.2.3"),
        ("10.1.2.3", ("198.51.100.1, nonsense",), "10.1.2.3"),
        ("10.1.2.3", ("198.51.100.1:1234",), "10.1.2.3"),
        ("::ffff:10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        ("::ffff:203.0.113.5", (), "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        ("2001:db8:ffff::1", ("2001:db8:7::9",), "2001:db8:7::/64"),
        (None, ("198.51.100.1",), "unknown"),
        ("", (), "unknown"),
        ("testclient", (), "unknown"),
    ],
)
def test_the_address_is_that_of_the_first_who_is_no_proxy(
    peer: str | None, forwarded: tuple[str, ...], address: str
) -> None:
    assert ClientAddresses(PROXIES).of(a_request(peer, *forwarded)) == address


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=50), max_size=5))
def test_without_a_proxy_of_ours_no_header_counts(forwarded: list[str]) -> None:
    request = a_request("203.0.113.5", *forwarded)
    assert ClientAddresses().of(request) == "203.0.113.5"
    assert ClientAddresses(PROXIES).of(request) == "203.0.113.5"


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=50), max_size=5))
def test_whatever_a_proxy_sends_there_is_an_address(forwarded: list[str]) -> None:
    assert ClientAddresses(PROXIES).of(a_request("10.0.0.1", *forwarded))


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        ClientAddresses(("nonsense",))
