"""Who asks, where web servers stand in front: the address that they say, if they are trusted.

A web server in front adds the address that it was asked from to the end of `X-Forwarded-For`; what stands before that
may have been written by anybody. So the addresses are read from the end: the first that is no trusted server's is who
asks. Whoever comes from elsewhere than a trusted server asks for itself, whatever it says. Only the address is
taken; links and the names of issuers are made of PLAUDIT_PUBLIC_URL, and of no header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORT = re.compile(r"\[(.*)\](?::\d+)?|([^:]*):\d+")
"""An address with a port behind it, as some proxies write it, or in the brackets of a URL."""
_HOUSE = 64
"""Bits of an IPv6 address that tell one network from another; whoever has such a network has all addresses in it."""


class Forwarded:
    """The WSGI application `app`, to which a request has the address that the `trusted` servers in front say."""

    def __init__(self, app: WSGIApplication, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = self._asking(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""))
        return self._app(environ, start_response)

    def _asking(self, peer: str, forwarded: str) -> str:
        asking = peer
        for told in reversed(forwarded.split(",") if forwarded else ()):
            if not self._trusts(asking) or address_of(told) is None:
                break
            asking = str(address_of(told))
        return asking

    def _trusts(self, text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in self._trusted)


def address_of(text: str) -> Address | None:
    """The address in a text, perhaps with a port; an IPv4 address in the form of IPv6 is the former."""
    text = text.strip()
    found = _PORT.fullmatch(text)
    try:
        address = ip_address((found[1] or found[2]) if found else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def house(text: str) -> str:
    """What whoever has this address cannot leave by taking another of its own: an IPv4 address, or an IPv6 network."""
    address = address_of(text)
    return (
        str(IPv6Network((address, _HOUSE), strict=False)) if isinstance(address, IPv6Address) else str(address or text)
    )
