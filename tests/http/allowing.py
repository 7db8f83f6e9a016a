"""A program that learners let read their badges, and every step between the two."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.store.clients import CREDENTIALS, PROFILE
from service.store.grants import challenge_of

ADMIN = {"Authorization": "Bearer admin-token"}
HOME = "https://wallet.example.com"
BACK = f"{HOME}/back?from=plaudit"
METADATA = {
    "client_name": "Wallet of Ana’s school",
    "client_uri": f"{HOME}/",
    "logo_uri": f"{HOME}/logo.png",
    "tos_uri": f"{HOME}/terms",
    "policy_uri": f"{HOME}/privacy",
    "software_id": "c88b6ed8-269e-448e-99be-7e2ff47167d1",
    "software_version": "4.0",
    "redirect_uris": [BACK, f"{HOME}/other"],
    "scope": f"{CREDENTIALS} {PROFILE} offline_access",
    "grant_types": ["authorization_code", "refresh_token"],
}


@dataclass
class Program:
    """A registered client, with the browser of a learner."""

    web: FlaskClient
    id: str
    secret: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def asks(self, **changes: str | None) -> str:
        """The address that it sends a learner to."""
        query = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": BACK,
            "scope": f"{CREDENTIALS} {PROFILE} offline_access",
            "state": "a state",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return f"/oauth2/authorize?{urlencode({name: value for name, value in query.items() if value is not None})}"

    def handed_over(self, learner: int, **changes: str) -> str:
        """The path of the page where the learner decides, whom their learning platform signed in."""
        away = self.web.post(self.asks(**changes), data={"way": "platform"})
        assert away.status_code == 303
        request = dict(parse_qsl(urlsplit(away.location).query))["request"]
        path = f"/api/v1/learners/{learner}/sign-in-link"
        made = self.web.post(path, json={"request": request}, headers=ADMIN)
        assert made.status_code == 201
        return str(urlsplit(made.get_json()["url"]).path)

    def allowed(self, learner: int, **changes: str) -> str:
        """The code that the learner's leave comes with."""
        answer = self.web.post(self.handed_over(learner, **changes), data={"decision": "allow"})
        return told(answer)["code"]

    def posts(self, path: str, **form: str) -> TestResponse:
        return self.web.post(f"/oauth2/{path}", data=form, auth=(self.id, self.secret))

    def fetches(self, code: str, **changes: str) -> TestResponse:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": self.verifier}
        return self.posts("token", **(form | changes))

    def refreshes(self, token: str, **more: str) -> TestResponse:
        return self.posts("token", grant_type="refresh_token", refresh_token=token, **more)

    def reads(self, what: str, token: str) -> TestResponse:
        return self.web.get(f"/ims/ob/v3p0/{what}", headers={"Authorization": f"Bearer {token}"})


def registered(web: FlaskClient, **changes: Any) -> Program:
    made = web.post("/oauth2/register", json=METADATA | changes)
    assert made.status_code == 201, made.text
    return Program(web, made.get_json()["client_id"], made.get_json()["client_secret"])


def told(answer: TestResponse) -> dict[str, str]:
    """What a client is told at its address."""
    assert answer.status_code in (302, 303)
    parts = urlsplit(answer.location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BACK.partition("?")[0]
    return dict(parse_qsl(parts.query))
