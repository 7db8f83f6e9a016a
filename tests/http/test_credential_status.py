"""Admins suspend, reinstate, issue anew, and decide about badges that lost their ground; verifiers see it at once."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from service.store import achievements, badges
from service.store.engine import driver
from tests.badges import stored
from tests.badges.stored import ISSUER, SVG, change
from tests.http import people
from tests.http.test_badges import ADMIN, invalid, scoped

WHY = {"because": "the training was not recorded properly"}


@pytest.fixture
def public_url(ana: int) -> str:
    return ISSUER.public_url


@pytest.fixture
def award(engine: Engine, ana: int) -> UUID:
    """An award that was taken, of a badge that can be suspended."""
    with engine.begin() as connection:
        said = msgspec.structs.replace(stored.KEEN, suspendable=True)
        achievements.keep(driver(connection), said, (SVG, "image/svg+xml"))
        award = stored.offer(connection, ana)
        stored.claim(connection, award)
    return award


def path_of(client: FlaskClient, ana: int) -> str:
    (badge,) = client.get(f"/api/v1/learners/{ana}/badges", headers=ADMIN).get_json()["badges"]
    return str(badge["credential"]).removeprefix(ISSUER.public_url)


def post(client: FlaskClient, award: UUID, what: str, **body: str) -> int:
    return client.post(f"/api/v1/badges/{award}/{what}", headers=ADMIN, json=body or None).status_code


def test_a_suspended_badge_does_not_hold_until_it_is_reinstated(client: FlaskClient, ana: int, award: UUID) -> None:
    path = path_of(client, ana)
    assert invalid(client, path) == ()
    assert post(client, award, "suspend", **WHY) == 200
    assert invalid(client, path) == ("$.credentialStatus: suspended",)
    page = client.get(path, headers={"Accept": "text/html"}).text
    assert "Suspended" in page
    assert WHY["because"] in page
    assert client.get(path.replace("credentials", "ob2/assertions")).status_code == 410
    assert post(client, award, "reissue", **WHY) == 409, "which would lift the suspension"
    assert post(client, award, "reinstate") == 200
    assert invalid(client, path) == ()


def test_a_suspended_badge_that_is_revoked_is_not_reinstated(client: FlaskClient, ana: int, award: UUID) -> None:
    path = path_of(client, ana)
    assert [post(client, award, "suspend", **WHY), post(client, award, "revoke", **WHY)] == [200, 200]
    assert post(client, award, "reinstate") == 409
    assert invalid(client, path) == ("$.credentialStatus: suspended",)


def test_a_badge_that_cannot_be_suspended_says_what_would_have_to_be_done(
    client: FlaskClient, engine: Engine, ana: int
) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        stored.claim(connection, award)
    answer = client.post(f"/api/v1/badges/{award}/suspend", headers=ADMIN, json=WHY)
    assert answer.status_code == 409
    assert "suspendable: true" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("decision", "found"),
    [("revoke", ("$.credentialStatus: suspended",)), ("suspend", ("$.credentialStatus: suspended",)), ("keep", ())],
)
def test_what_lost_its_ground_waits_for_an_admin_who_decides(
    client: FlaskClient, engine: Engine, ana: int, award: UUID, decision: str, found: tuple[str, ...]
) -> None:
    path = path_of(client, ana)
    assert post(client, award, "review", decision=decision, **WHY) == 409
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False, if_undone="ask")])
    (case,) = client.get("/api/v1/badges/reviews", headers=ADMIN).get_json()["cases"]
    assert (case["award"], case["learner"], case["review"]) == (str(award), ana, True)
    assert invalid(client, path) == ()
    assert post(client, award, "review", decision=decision, **WHY) == 200
    assert client.get("/api/v1/badges/reviews", headers=ADMIN).get_json()["cases"] == []
    assert invalid(client, path) == found


def test_a_badge_that_is_issued_anew_supersedes_the_old_one_which_leads_to_it(
    client: FlaskClient, engine: Engine, ana: int, award: UUID
) -> None:
    old = path_of(client, ana)
    headers = scoped(engine, "learner", learner=ana)
    answer = client.post(f"/api/v1/badges/{award}/reissue", headers=headers, json={"because": "a new address"})
    assert answer.status_code == 200
    new = path_of(client, ana)
    assert answer.get_json()["credential"] == ISSUER.public_url + new != ISSUER.public_url + old
    assert invalid(client, old) == ("$.credentialStatus: suspended",)
    assert invalid(client, new) == ()
    redirect = client.get(old, headers={"Accept": "text/html"})
    assert (redirect.status_code, redirect.headers["Location"]) == (303, new.rpartition("/")[2])


def test_nobody_decides_about_the_badges_of_others(client: FlaskClient, engine: Engine, award: UUID) -> None:
    eve = scoped(engine, "learner", learner=people.learner(engine))
    for what, status in (("suspend", 403), ("review", 403), ("reissue", 404)):
        body = {**WHY, **({"decision": "keep"} if what == "review" else {})}
        assert client.post(f"/api/v1/badges/{award}/{what}", headers=eve, json=body).status_code == status
    assert client.get("/api/v1/badges/reviews", headers=eve).status_code == 403
