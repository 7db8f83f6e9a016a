"""How often one address may ask for what costs us something, counted in Redis; without Redis nobody is held up."""

from __future__ import annotations

from contextlib import suppress

from flask import request
from redis import RedisError

from service.boards import PREFIX
from service.http.forwarded import house
from service.http.services import services


def wait(what: str, most: int, seconds: int) -> int:
    """0, and this request counts; or for how many seconds its address has had its `most` of `what`.

    The address is the one that the connection comes from, or that a trusted web server in front says
    (`service.http.forwarded`); of IPv6, all addresses of a network count as one.
    """
    key = f"{PREFIX}asked:{what}:{house(request.remote_addr or '')}"
    with suppress(RedisError):
        steps = services().redis.pipeline()
        steps.set(key, 0, ex=seconds, nx=True)
        steps.incr(key)
        steps.ttl(key)
        _, count, left = steps.execute()
        return max(int(left), 1) if int(count) > most else 0
    return 0
