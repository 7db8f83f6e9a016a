"""A sender: so many connections, each posting the next body when the last is answered. Runs as a process of its own.

`python -m tests.bench.load HOST PORT AUTHORIZATION CONNECTIONS RATE FILE`: RATE is the most requests a second, 0 for no
limit; FILE holds one body a line. Prints one JSON object: requests, seconds, its own CPU, latencies in microseconds.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    host, port, authorization, connections, rate, file = sys.argv[1:]
    bodies = iter(Path(file).read_bytes().splitlines())
    print(json.dumps(Sender(host, int(port), authorization, float(rate)).run(int(connections), bodies)))


class Connection:
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0.0
        self.answer = b""

    def send(self, request: bytes) -> None:
        self.answer, self.sent = b"", time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Reads what has come; True when the answer is complete. Anything but 200 ends the run."""
        self.answer += self.socket.recv(65536)
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self.answer.decode(errors="replace"))
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        return len(body) >= length


class Sender:
    """Posts bodies over several connections, not faster than `rate` requests a second."""

    def __init__(self, host: str, port: int, authorization: str, rate: float) -> None:
        self.address = host, port
        self.head = f"POST /xapi/statements HTTP/1.1\r\nHost: {host}\r\nAuthorization: {authorization}\r\n".encode()
        self.gap = 1 / rate if rate else 0.0

    def run(self, number: int, bodies: Iterator[bytes]) -> dict[str, object]:
        """Posts until the bodies are used up."""
        selector = selectors.DefaultSelector()
        idle = [Connection(*self.address) for _ in range(number)]
        for connection in idle:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        latencies: list[int] = []
        began, cpu, sent, more = time.perf_counter(), time.process_time(), 0, True
        while more or len(idle) < number:
            while more and idle and time.perf_counter() >= began + sent * self.gap:
                body = next(bodies, None)
                if body is None:
                    more = False
                else:
                    idle.pop().send(self._request(body))
                    sent += 1
            if not more and len(idle) == number:
                break  # nobody has anything to say any more
            wait = max(began + sent * self.gap - time.perf_counter(), 0) if more and idle else None
            for key, _ in selector.select(wait):
                if key.data.answered():
                    latencies.append(round((time.perf_counter() - key.data.sent) * 1e6))
                    idle.append(key.data)
        seconds = time.perf_counter() - began
        return {"requests": sent, "seconds": seconds, "cpu": time.process_time() - cpu, "latencies": latencies}

    def _request(self, body: bytes) -> bytes:
        return b"%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (self.head, len(body), body)


if __name__ == "__main__":
    main()
