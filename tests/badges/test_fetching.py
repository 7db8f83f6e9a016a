"""Nobody makes this service ask for anything but public web sites, and no site can hold it up or fill it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from service.badges import fetching
from service.badges.fetching import Unreachable, fetch


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "fd12::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_not_asked(address: str) -> None:
    assert not fetching.is_public(address)
    with pytest.raises(Unreachable, match="no public site"):
        fetch("https://badges.example.org/1", resolve=lambda *_: [address])


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are(address: str) -> None:
    assert fetching.is_public(address)


def test_one_private_address_among_several_is_enough_to_refuse() -> None:
    with pytest.raises(Unreachable, match="no public site"):
        fetch("https://badges.example.org/1", resolve=lambda *_: ["1.1.1.1", "10.0.0.1"])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "https://", "https:///x", "example.org",
        "https://user:secret@example.org/", "https://example.org:22/", "http://example.org:6379/", "https://[::1/",
        "https://example.org/\r\nHost: x", "https://exa mple.org/\n", "https://" + "a" * 70 + ".org/",
    ],
)  # fmt: skip
def test_only_plain_web_addresses_are_asked_for(url: str) -> None:
    with pytest.raises(Unreachable):
        fetch(url, resolve=lambda *_: ["1.1.1.1"])


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://2130706433/"])
def test_names_of_this_machine_are_refused_by_what_they_resolve_to(url: str) -> None:
    with pytest.raises(Unreachable):
        fetch(url)


class Site(BaseHTTPRequestHandler):
    """A site that sends on, sends without end, or sends slowly, as its path says."""

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(410 if self.path == "/gone" else 200)
        self.end_headers()
        try:
            if self.path == "/much":
                for _ in range(fetching.MOST_BYTES // 1000 + 100):
                    self.wfile.write(b"x" * 1000)
            elif self.path == "/slow":
                for _ in range(100):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.1)
            else:
                self.wfile.write(self.headers["Host"].encode())
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The site at the one port that is allowed, on an address that counts as public here."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setitem(fetching.PORTS, "http", server.server_port)
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")
    try:
        yield "http://badges.example.org"
    finally:
        server.shutdown()
        server.server_close()


def public(*_: Any) -> list[str]:
    return ["127.0.0.1"]


def test_the_site_is_asked_by_its_name_at_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(monkeypatch) as address:
        assert fetch(f"{address}/x", resolve=public).startswith(b"badges.example.org")


def test_a_redirect_is_looked_at_like_the_first_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, _: int) -> list[str]:
        return ["127.0.0.1"] if host == "badges.example.org" else ["10.0.0.1"]

    with site(monkeypatch) as address:
        assert fetch(f"{address}/to//x", resolve=resolve)
        for to in ("http://intranet.example.org/x", "file:///etc/passwd", "http://intranet.example.org:22/"):
            with pytest.raises(Unreachable):
                fetch(f"{address}/to/{to}", resolve=resolve)


def test_redirects_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(monkeypatch) as address, pytest.raises(Unreachable, match="one address to the next"):
        fetch(f"{address}/to//to//to//to//to//to//x", resolve=public)


def test_no_more_is_read_than_a_badge_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(monkeypatch) as address, pytest.raises(Unreachable, match="larger than any badge"):
        fetch(f"{address}/much", resolve=public)


def test_a_slow_site_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LONGEST_SECONDS", 0.5)
    began = time.monotonic()
    with site(monkeypatch) as address, pytest.raises(Unreachable):
        fetch(f"{address}/slow", resolve=public)
    assert time.monotonic() - began < 3


def test_what_a_site_says_of_something_gone_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(monkeypatch) as address, pytest.raises(Unreachable) as gone:
        fetch(f"{address}/gone", resolve=public)
    assert (gone.value.status, gone.value.content[:6]) == (410, b"badges")
