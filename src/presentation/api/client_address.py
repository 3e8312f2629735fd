"""Where a request comes from. A header is believed only if a proxy of ours has written it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from starlette.requests import HTTPConnection

_NOBODY: Final = "unknown"  # a socket without addresses
_OF_ONE_HOUSE: Final = 64  # bits: a home or a server is given so much of IPv6, and more
_LONGEST: Final = 1000


class ClientAddresses:
    """Tells the address of a client behind trusted proxies."""

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        """Believe these addresses and networks, and nobody else.

        Raises:
            ValueError: one of them is neither.
        """
        self._trusted = tuple(ip_network(each) for each in trusted_proxies)

    def of(self, request: HTTPConnection) -> str:
        """Return the address, or for IPv6 the network of 64 bits, of whoever sent the request.

        `X-Forwarded-For` is read from the right: what stands left of an address that is no proxy
        of ours, anybody may have written.
        """
        client = request.client
        peer = _NOBODY if client is None or not client.host else client.host
        if self._trusted and self._trusts(peer):
            given = ",".join(request.headers.getlist("x-forwarded-for"))
            for each in reversed(given[-_LONGEST:].split(",")):
                named = each.strip()
                if not _is_address(named):
                    break  # ours would write none like that
                peer = named
                if not self._trusts(named):
                    break
        return _counted(peer)

    def _trusts(self, text: str) -> bool:
        return _is_within(text, self._trusted)


@lru_cache(4096)
def _is_within(text: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in each for each in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(4096)
def _counted(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return _NOBODY
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address) >> _OF_ONE_HOUSE << _OF_ONE_HOUSE, _OF_ONE_HOUSE)))
