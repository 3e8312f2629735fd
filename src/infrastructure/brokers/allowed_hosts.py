"""Where a venue's adapter may connect to: the hosts it was given, and nowhere else.

A venue's own hosts are reached by TLS at public addresses only. An address is reached when it
stands in the list itself, with its port, and without TLS only if it is of this machine: that is how
tests and gateways are named.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import ClassVar, Final, NoReturn
from urllib.parse import urlsplit

from traderbot.application.errors import ExternalError

_SECURE: Final = {"https": 443, "wss": 443}
_PLAIN: Final = {"http": 80, "ws": 80}
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
# RFC 6052 and RFC 8215: an IPv4 address inside, reached through a gateway.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")

Resolve = Callable[[str], Iterable[str]]


class HostNotAllowedError(ExternalError):
    """Nothing was sent: the address is not one this venue may be reached at."""

    code: ClassVar[str] = "HOST_NOT_ALLOWED"
    retry_may_help: ClassVar[bool] = False


def addresses_of(host: str) -> Iterable[str]:
    """Ask the system for the addresses of a name. Raises OSError."""
    return {str(it[4][0]) for it in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}


class AllowedHosts:
    """A list of hosts, each `name`, `name:port` or `address:port`."""

    def __init__(self, hosts: Iterable[str], resolve: Resolve = addresses_of) -> None:
        """Allow these. A host without a port is allowed at 443, by TLS."""
        self._hosts = frozenset(it.lower() for it in hosts)
        self._resolve = resolve
        self._public: set[str] = set()  # names that led to public addresses

    def check(self, url: str) -> None:
        """Let a URL pass.

        Raises:
            HostNotAllowedError: another host, port or scheme, a name that leads to an address
                that is not public, or one that leads nowhere.
        """
        host, port, secure = _parts(url)
        if secure and port == _SECURE["https"] and host in self._hosts and _NAME.fullmatch(host):
            if _address(host) is not None:
                _refuse(host, "an address is allowed with its port only")
            self._check_public(host)
            return
        if f"{host}:{port}" not in self._hosts:
            _refuse(host, "it is not in the list of this venue")
        address = _address(host)
        if not secure and (address is None or not address.is_loopback):
            _refuse(host, "nothing but this machine is spoken to without TLS")
        if address is None:
            self._check_public(host)

    def _check_public(self, host: str) -> None:
        if host in self._public:
            return  # certificates vouch for it from here on
        try:
            found = [ipaddress.ip_address(it.partition("%")[0]) for it in self._resolve(host)]
        except (OSError, ValueError):
            _refuse(host, "its name leads nowhere")
        if not found or not all(_is_public(it) for it in found):
            _refuse(host, "its name leads to an address that is not public")
        self._public.add(host)


def _parts(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url)
        ports = {**_SECURE, **_PLAIN}
        host, port = parts.hostname or "", parts.port or ports[parts.scheme]
    except (ValueError, KeyError):
        _refuse("?", "the URL cannot be read")
    if not host or parts.username is not None or parts.password is not None or "\\" in url:
        _refuse(host or "?", "the URL cannot be read in one way only")
    return host, port, parts.scheme in _SECURE


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return _is_public(inner)
        if address in _LOCAL_NAT64:
            return False
    return address.is_global and not address.is_multicast


def _refuse(host: str, why: str) -> NoReturn:
    msg = f"no connection to {host!r:.80}: {why}"
    raise HostNotAllowedError(msg)
