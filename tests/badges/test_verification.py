"""A credential is valid while its proof holds, its dates allow it and its bit is not set."""

from __future__ import annotations

from datetime import timedelta

from service.badges import verification
from service.badges.keys import SigningKey
from tests.badges import samples

GOOD = samples.signed(samples.credential())


def test_a_fresh_credential_is_valid() -> None:
    assert verification.problems(GOOD, samples.DID_DOCUMENT, samples.status_list(), samples.NOW) == ()


def test_a_revoked_credential_is_not() -> None:
    revoked = samples.status_list(samples.AWARD.status.index)
    assert verification.problems(GOOD, samples.DID_DOCUMENT, revoked, samples.NOW) == ("$.credentialStatus: revoked",)


def test_the_bits_of_others_do_not_matter() -> None:
    index = samples.AWARD.status.index
    others = samples.status_list(index - 1, index + 1)
    assert verification.problems(GOOD, samples.DID_DOCUMENT, others, samples.NOW) == ()


def test_an_expired_credential_is_not_valid_and_neither_is_one_of_the_future() -> None:
    late, early = samples.NOW + timedelta(days=731), samples.NOW - timedelta(days=1)
    (expired,) = verification.problems(GOOD, samples.DID_DOCUMENT, samples.status_list(), late)
    (future,) = verification.problems(GOOD, samples.DID_DOCUMENT, samples.status_list(), early)
    assert "expired at" in expired
    assert "not valid before" in future


def test_a_status_list_that_somebody_else_signed_does_not_count() -> None:
    forged = samples.status_list(key=SigningKey.new("key-1"))
    (problem,) = verification.problems(GOOD, samples.DID_DOCUMENT, forged, samples.NOW)
    assert problem.startswith("status list: $.proof.proofValue")


def test_another_status_list_does_not_count() -> None:
    other = {**samples.status_list(), "id": "https://badges.example.org/status/2"}
    (problem,) = verification.problems(GOOD, samples.DID_DOCUMENT, other, samples.NOW)
    assert "is another list" in problem
