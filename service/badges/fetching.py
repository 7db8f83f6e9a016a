"""Reading documents from the web for a stranger: only public addresses, not for long, and not much.

Whoever pastes an address makes this machine ask for it, so an address must not lead into our own network. The name is
resolved once, every address that it has must be a public one, and the connection goes to the very address that was
looked at. A redirect is a new address, and is looked at like the first one.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

from service.languages import Sentence, sentence

Resolve = Callable[[str, int], list[str]]

LONGEST_SECONDS = 8.0
MOST_BYTES = 1 << 21
MOST_REDIRECTS = 3
PORTS = {"https": 443, "http": 80}
ACCEPT = "application/ld+json, application/vc, application/vc+jwt, application/json, text/plain;q=0.8, */*;q=0.5"
NAT64 = ipaddress.ip_network("64:ff9b::/96")

_resolving = ThreadPoolExecutor(8, "resolve")


class Unreachable(Exception):
    """A document cannot be had; `why` says why. status: what its server answered, if it did."""

    def __init__(self, why: Sentence, status: int | None = None, content: bytes = b"") -> None:
        super().__init__(str(why))
        self.why = why
        self.status = status
        self.content = content


def fetch(url: str, accept: str = ACCEPT, resolve: Resolve | None = None) -> bytes:
    """What is at this address; Unreachable if it cannot be had, or may not be asked for."""
    deadline = time.monotonic() + LONGEST_SECONDS
    for _ in range(MOST_REDIRECTS + 1):
        answer = _ask(url, accept, deadline, resolve or _resolved)
        if isinstance(answer, bytes):
            return answer
        url = urljoin(url, answer)
    raise Unreachable(sentence("{site} sends from one address to the next.", site=_site(url)))


def _ask(url: str, accept: str, deadline: float, resolve: Resolve) -> bytes | str:
    """The content, or the address that the server sends on to."""
    scheme, host, port, path = _taken_apart(url)
    address = _public(host, port, deadline, resolve)
    connection = _connection(scheme, host, port, address, deadline)
    # The timeout of a socket is one for each read; a server that sends a byte now and then is cut off by this.
    end = threading.Timer(max(0.1, deadline - time.monotonic()), connection.sock.close)
    end.start()
    try:
        connection.request("GET", path, headers={"Accept": accept, "User-Agent": "Plaudit", "Connection": "close"})
        response = connection.getresponse()
        if response.status in (301, 302, 303, 307, 308) and (location := response.headers.get("Location")):
            return location
        content = _read(response, deadline, host)
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: closed while it was read
        raise Unreachable(sentence("{site} does not answer as a web site: {error}.", site=host, error=error)) from None
    finally:
        end.cancel()
        connection.close()
    if response.status != 200:
        why = sentence("{site} answers with status {status}.", site=host, status=response.status)
        raise Unreachable(why, response.status, content)
    return content


def _taken_apart(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, KeyError, UnicodeError):
        raise Unreachable(sentence("Only addresses that start with https:// or http:// are asked for.")) from None
    if not host or parts.username is not None or port not in PORTS.values() or not url.isprintable():
        raise Unreachable(sentence("Only plain addresses of web sites are asked for, without users and odd ports."))
    return parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _public(host: str, port: int, deadline: float, resolve: Resolve) -> str:
    """An address of this host, of which all are public."""
    try:
        found = _resolving.submit(resolve, host, port).result(max(0.1, deadline - time.monotonic()))
    except (OSError, UnicodeError, TimeoutError):
        raise Unreachable(sentence("There is no site {site}.", site=host)) from None
    if not found:
        raise Unreachable(sentence("There is no site {site}.", site=host))
    if not all(is_public(address) for address in found):
        raise Unreachable(sentence("{site} is no public site; only those are asked.", site=host))
    return found[0]


def is_public(address: str) -> bool:
    """Whether anybody on the internet reaches this IP address; one that carries another inside is judged by that."""
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        inside = one.ipv4_mapped or one.sixtofour or (one.teredo or (None, None))[1]
        if inside is None and one in NAT64:
            inside = ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return one.is_global and not one.is_multicast and not one.is_reserved


def _resolved(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def _connection(scheme: str, host: str, port: int, address: str, deadline: float) -> http.client.HTTPConnection:
    """A connection to this very address, which the server takes for one to `host`."""
    seconds = max(0.1, deadline - time.monotonic())
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        plain = socket.create_connection((address, port), seconds)
        secure = scheme == "https"
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
    except OSError as error:
        raise Unreachable(sentence("{site} cannot be reached: {error}.", site=host, error=error)) from None
    return connection


def _read(response: http.client.HTTPResponse, deadline: float, host: str) -> bytes:
    content = b""
    while piece := response.read1(1 << 16):
        content += piece
        if len(content) > MOST_BYTES:
            raise Unreachable(sentence("What {site} sends is larger than any badge.", site=host))
        if time.monotonic() > deadline:
            raise Unreachable(sentence("{site} takes too long.", site=host))
    return content


def _site(url: str) -> str:
    return urlsplit(url).hostname or "The site"
