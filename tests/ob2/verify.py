"""Asks the 1EdTech validator of Open Badges 2.0 (PyPI `openbadges`) whether an assertion holds; prints its verdict.

Input (stdin): {"input": address of a hosted assertion, or the path of a baked picture, "recipient": {…} or null,
"origins": {"https://badges.example.org": "http://127.0.0.1:5000"}}. Output: {"valid": true, "why": ""}
Nothing but loopback is ever connected to.
"""

import io
import json
import socket
import sys
from pathlib import Path

import requests.adapters
from requests import Response

CONTEXTS = {"https://w3id.org/openbadges/v2": Path(__file__).with_name("context.json")}
question = json.load(sys.stdin)

_connect = socket.socket.connect


def connect(self, address):
    if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "localhost", "::1")):
        raise OSError(f"offline: {address[0]}")
    return _connect(self, address)


socket.socket.connect = connect
_send = requests.adapters.HTTPAdapter.send


def send(self, request, **options):
    """Sends what goes to a public origin to the service on loopback; the validator still sees the public address."""
    public = request.url
    if public in CONTEXTS:
        answer = Response()
        answer.status_code, answer._content, answer.url = 200, CONTEXTS[public].read_bytes(), public
        answer.headers["Content-Type"], answer.request = "application/ld+json", request
        return answer
    for origin, loopback in question["origins"].items():
        request.url = request.url.replace(origin, loopback, 1)
    answer = _send(self, request, **{**options, "verify": False, "proxies": {}})
    answer.url = request.url = public
    return answer


requests.adapters.HTTPAdapter.send = send

import openbadges  # noqa: E402
from openbadges_bakery import utils  # noqa: E402

given = question["input"]
if not given.startswith("http"):
    picture = io.BytesIO(Path(given).read_bytes())
    picture.name = given
    given = utils.unbake(picture)
    given = given.decode() if isinstance(given, bytes) else given
report = openbadges.verify(given, recipient_profile=question["recipient"])["report"]
why = [str(one.get("result") or one.get("name")) for one in report["messages"] if one.get("messageLevel") == "ERROR"]
print(json.dumps({"valid": bool(report["valid"]), "why": "; ".join(why)}))
