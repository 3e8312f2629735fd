"""A venue's adapter connects to the venue, and to nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from traderbot.infrastructure.brokers.allowed_hosts import AllowedHosts, HostNotAllowedError

PUBLIC = "93.184.216.34"
PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - refused
    "224.0.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b:1::1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]
ELSEWHERE = [
    "https://evil.example/",
    "http://api.venue.example/",  # not by TLS
    "https://api.venue.example:8443/",
    "https://api.venue.example.evil.example/",
    "https://evil.example/api.venue.example",
    "https://api.venue.example@evil.example/",
    "https://key:secret@api.venue.example/",
    "https://api.venue.example\\@evil.example/",
    "https://evil.example#api.venue.example",
    "https://evil.example?api.venue.example",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0x7f.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://192.168.0.1/",
    "https://localhost/",
    "https://localhost.localdomain/",
    "https://api.venue.example./",
    "https://аpi.venue.example/",  # a Cyrillic a
    "https://api.venue.example:0443x/",
    "https:///",
    "https://",
    "file:///etc/passwd",
    "gopher://api.venue.example/",
    "ftp://api.venue.example/",
    "//api.venue.example/",
    "api.venue.example",
    "",
]


def hosts(*addresses: str) -> AllowedHosts:
    def resolve(host: str) -> Iterable[str]:
        assert host == "api.venue.example", "a name that is not allowed was looked up"
        return addresses or (PUBLIC,)

    return AllowedHosts(["api.venue.example", "127.0.0.1:7001"], resolve)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.venue.example/v2/orders?a=b",
        "https://API.venue.example:443/",
        "wss://api.venue.example/stream",
        "http://127.0.0.1:7001/v2",
        "ws://127.0.0.1:7001/stream",
    ],
)
def test_the_venue_itself_may_be_reached(url: str) -> None:
    hosts().check(url)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_nothing_else_may(url: str) -> None:
    with pytest.raises(HostNotAllowedError):
        hosts().check(url)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_home_may_not_either(address: str) -> None:
    for addresses in ((address,), (PUBLIC, address)):
        with pytest.raises(HostNotAllowedError, match="not public"):
            hosts(*addresses).check("https://api.venue.example/")


def test_a_name_that_leads_nowhere_is_no_connection() -> None:
    def lost(_: str) -> Iterable[str]:
        raise OSError

    with pytest.raises(HostNotAllowedError, match="leads nowhere"):
        AllowedHosts(["api.venue.example"], lost).check("https://api.venue.example/")


def test_nothing_but_this_machine_is_spoken_to_without_tls() -> None:
    for host in ("93.184.216.34:80", "10.0.0.1:80", "api.venue.example:80"):
        allowed = AllowedHosts([host], lambda _: (PUBLIC,))
        with pytest.raises(HostNotAllowedError, match="without TLS"):
            allowed.check(f"http://{host}/")
    AllowedHosts(["10.0.0.1:8443"]).check("https://10.0.0.1:8443/")


def test_another_port_of_this_machine_is_another_host() -> None:
    for url in ("http://127.0.0.1:7002/", "http://127.0.0.1/", "http://[::1]:7001/"):
        with pytest.raises(HostNotAllowedError):
            hosts().check(url)


def test_the_message_quotes_no_path_and_no_password() -> None:
    with pytest.raises(HostNotAllowedError) as caught:
        hosts().check("https://user:geheim@evil.example/secret-path")
    assert "geheim" not in str(caught.value)
    assert "secret-path" not in str(caught.value)
