"""What signing costs: by template, by the full algorithm, by openbadgeslib and by @digitalbazaar/vc; and in bulk."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from openbadgeslib.ob3.ldp import add_data_integrity_proof
from sqlalchemy import Engine, text

from service.badges import documents, issuing, jws, rdf, signing
from service.store import badges
from tests.badges import samples, stored
from tests.badges.test_templates import award

JAVASCRIPT = Path(__file__).parents[1] / "js"
SECONDS, BULK, CHUNK = 2.0, 100_000, 1_000


class Rate(NamedTuple):
    """How many credentials a second of CPU, by what."""

    name: str
    per_second: float


def rates() -> Iterator[Rate]:
    """From an award to the signed bytes, one core; the same credential for all, other texts each time for ours."""
    chance = random.Random(1)
    awards = [award(chance) for _ in range(2000)]
    for one in awards:  # every shape is seen once
        _signed(one)
    yield Rate("Data Integrity, by template", _rate(lambda turn: _signed(awards[turn % len(awards)])))
    yield Rate("Data Integrity, full algorithm", _rate(lambda turn: rdf.canonical(_document(awards[turn % 2000]))))
    yield Rate(
        "VC-JWT (RS256)", _rate(lambda turn: jws.sign(_document(awards[turn % 2000]), samples.ISSUER, samples.RSA))
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem, method = samples.KEY.private.private_bytes(*form), samples.ISSUER.method("key-1")
    document = samples.credential()
    theirs = _rate(lambda _: json.dumps(add_data_integrity_proof(document, pem, verification_method=method)))
    yield Rate("openbadgeslib", theirs)
    yield Rate("@digitalbazaar/vc", _javascript())


def bulk(connected: Engine) -> tuple[float, int, int]:
    """Issue 100,000 offered badges, a thousand a transaction: seconds, and MiB of memory before and after."""
    now = datetime.now(UTC)
    stored.prepare(connected)
    with connected.begin() as connection:
        connection.execute(text(_OFFERS), {"number": BULK, "happened": stored.EARNED})
    began, before = time.perf_counter(), _memory()
    while chunk := _some(connected, now):
        assert chunk <= CHUNK
    return time.perf_counter() - began, before, _memory()


_OFFERS = """
    WITH learners AS (
        INSERT INTO learner (name) SELECT 'Learner ' || n FROM generate_series(1, :number) AS n RETURNING id
    ), named AS (
        INSERT INTO identifier (key, learner, mbox)
        SELECT 'sha1:bulk ' || id, id, 'mailto:' || id || '@acme.example.org' FROM learners
    )
    INSERT INTO badge_award (learner, rule, version, key, achievement, achievement_version, happened, statements)
    SELECT id, 1, 1, '1', 'keen-learner', 1, :happened, ARRAY[gen_random_uuid()] FROM learners
"""


def _some(connected: Engine, now: datetime) -> int:
    with connected.begin() as connection:
        ids = connection.execute(
            text("SELECT id FROM badge_award WHERE credential IS NULL LIMIT :most FOR UPDATE"), {"most": CHUNK}
        ).scalars()
        offered = badges.awards(connection, list(ids), now)
        if offered:
            issuing.issue(connection, offered, stored.ISSUERS, stored.SECRET, now)
        return len(offered)


def _signed(one: documents.Award) -> bytes:
    return signing.sign(_document(one), samples.ISSUER, samples.KEY, samples.NOW)


def _document(one: documents.Award) -> documents.Document:
    return documents.credential(samples.ISSUER, one)


def _rate(turn: Callable[[int], object]) -> float:
    began, number = time.process_time(), 0
    while time.process_time() - began < SECONDS:
        turn(number)
        number += 1
    return number / (time.process_time() - began)


def _javascript() -> float:
    question = json.dumps({"credential": samples.credential(), "seconds": SECONDS})
    command = ["node", str(JAVASCRIPT / "issue.mjs")]
    answer = subprocess.run(command, input=question, capture_output=True, text=True, check=True, timeout=120)
    return float(json.loads(answer.stdout)["perSecond"])


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
