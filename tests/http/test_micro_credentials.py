"""A micro-credential from its statements to what an employer is told: earned by `needs`, taken, verified, undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from service.app import create_app
from service.badges import keyring
from service.core.language import load
from service.languages import day
from service.settings import Settings
from service.store import publishing
from service.store.engine import driver
from tests.at_work import AtWork
from tests.written import SHARED, Json, agent, said, void

ADMIN = {"Authorization": "Bearer admin-token"}
URL = "https://badges.example.org"
RULES = f"""
vocabulary: words
verbs: {{completed: "http://adlnet.gov/expapi/verbs/completed", shared: "{SHARED}"}}
---
achievement: theory
name: Theory
description: Knows how.
criteria: Pass the course.
---
achievement: sharing
name: Sharing
description: Tells others.
criteria: Share twice.
---
achievement: practitioner
name: Practitioner
description: Does it at work.
criteria: Know it, tell of it, and be seen doing it.
micro_credential:
  country: DE
  awarding_body: Acme Academy
  learning_outcomes: [Lifts safely]
  workload: 20 hours
  level: 4
  assessment: Observed at work
  participation: On site
  quality_assurance: Reviewed yearly
---
rule: theory
title: Theory
how_to_earn: Pass the course.
status: live
when: {{verb: completed, object: "https://example.com/theory"}}
count: {{reach: 1}}
give: {{badge: theory}}
if_undone: revoke
---
rule: sharing
title: Sharing
how_to_earn: Share twice.
status: live
when: {{verb: shared}}
count: {{reach: 2}}
give: {{badge: sharing}}
---
rule: practitioner
title: Practitioner
how_to_earn: Hold both badges, and be observed at work.
status: live
needs:
  all_of:
    - {{badge: theory}}
    - {{badge: sharing}}
    - statement: observed
      when: {{verb: completed, object: "https://example.com/work", instructor: present, success: true}}
      after: last badge
      within: 180 days
give: {{micro_credential: practitioner}}
expires: 20 years
renew:
  when: {{verb: completed, object: "https://example.com/work", instructor: present, success: true}}
  within: 90 days
  how: Be observed again.
if_undone: revoke
"""


@pytest.fixture
def here(engine: Engine, settings: Settings) -> AtWork:
    documents, problems = load([("rules.yaml", RULES.encode())])
    assert not [str(problem) for problem in problems if problem.severity == "error"]
    with engine.begin() as connection:
        publishing.apply(driver(connection), documents, ZoneInfo("UTC"))
        keyring.ensure_keys(connection, "main", settings.secret_key, datetime.now(UTC))
    return AtWork(engine)


@pytest.fixture
def client(settings: Settings, engine: Engine, here: AtWork) -> Iterator[FlaskClient]:
    with create_app(replace(settings, public_url=URL), engine=engine).test_client() as client:
        yield client


def observed(number: int, at: str) -> Json:
    """An assessor saw Ann at work."""
    return said(number, at, thing="work", context={"instructor": agent("assessor")}, result={"success": True})


def held(client: FlaskClient, here: AtWork) -> dict[str, Json]:
    """Ann's badges, by achievement."""
    found = client.get(f"/api/v1/learners/{here.learner('ann')}/badges", headers=ADMIN).get_json()["badges"]
    return {one["achievement"]: one for one in found}


def said_day(moment: str) -> str:
    return day(datetime.fromisoformat(moment), "en")


def told(client: FlaskClient, url: str) -> str:
    """What whoever verifies a credential is told."""
    return str(client.post("/api/v1/verify", headers=ADMIN, json={"badge": url}).get_json()["outcome"])


def test_it_is_earned_by_badges_and_a_statement_taken_verified_and_falls_with_one_of_its_badges(
    client: FlaskClient, here: AtWork
) -> None:
    here.take(observed(1, "2026-01-02"), said(2, "2026-01-05", thing="theory"), said(3, "2026-01-06", verb=SHARED))
    here.take(said(4, "2026-01-07", verb=SHARED))
    assert set(held(client, here)) == {"theory", "sharing"}  # what was observed was before the badges
    here.take(observed(5, "2026-01-20"))
    award = held(client, here)["practitioner"]
    assert (award["state"], award["rule"]) == ("offered", "practitioner")

    link = client.post(f"/api/v1/badges/{award['award']}/claim-link", headers=ADMIN).get_json()["url"]
    claim = f"/api/v1/claims/{link.rpartition('/')[2]}"
    taken = client.post(claim, json={"decision": "accept", "share": True}).get_json()["credential"]
    badges = held(client, here)
    assert {one["state"] for one in badges.values()} == {"claimed"}
    body = client.get(taken.removeprefix(URL), headers={"Accept": "application/vc+ld+json"}).get_json()
    beneath = {badges["theory"]["credential"], badges["sharing"]["credential"]}
    assert {one["id"] for one in body["evidence"] if "id" in one} == beneath
    assert {told(client, one) for one in (taken, *beneath)} == {"good"}
    own = client.get(link.removeprefix(URL)).text
    assert f"{said_day(award['expires'])}</time>. To renew it, from " in own
    assert " on: Be observed again.</p>" in own
    page = client.get(taken.removeprefix(URL), headers={"Accept": "text/html"}).text
    assert '<dt>Workload</dt><dd class="text">20 hours</dd>' in page
    assert f'href="../verify/{taken.rpartition("/")[2]}"' in page

    here.take(void(6, 2))
    assert told(client, taken) == told(client, badges["theory"]["credential"]) == "bad"
    assert told(client, badges["sharing"]["credential"]) == "good"
    assert {name: one["state"] for name, one in held(client, here).items()} == {
        "theory": "revoked",
        "sharing": "claimed",
        "practitioner": "revoked",
    }
    assert here.differences() == []
