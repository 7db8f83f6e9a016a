"""An OAuth 2.0 client that we did not write finds its way: discovery, registration, PKCE, refresh, revocation."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.requests_client import OAuth2Session
from sqlalchemy import Engine

from service.settings import Settings
from service.store.clients import CREDENTIALS, PROFILE
from tests.badges.live import serving
from tests.http.allowing import ADMIN, BACK, METADATA


def test_the_client_of_authlib_goes_all_the_way(settings: Settings, engine: Engine, ana: int) -> None:
    here = replace(settings, sign_in_url="https://lms.example.org/badges")
    with serving(here, engine) as address, OAuth2Session() as browser:
        described = browser.get(f"{address}/ims/ob/v3p0/discovery", withhold_token=True).json()
        security = described["components"]["securitySchemes"]["OAuth2ACG"]
        flow = security["flows"]["authorizationCode"]
        made = browser.post(security["x-imssf-registrationUrl"], json=METADATA, withhold_token=True).json()
        wallet = OAuth2Session(
            made["client_id"],
            made["client_secret"],
            scope=f"{CREDENTIALS} {PROFILE}",
            redirect_uri=BACK,
            code_challenge_method="S256",
        )
        verifier = "v" * 64
        url, _ = wallet.create_authorization_url(flow["authorizationUrl"], code_verifier=verifier)
        ask = {"allow_redirects": False, "withhold_token": True}
        away = browser.post(url, data={"way": "platform"}, **ask).headers["Location"]
        body = {"request": parse_qs(urlsplit(away).query)["request"][0]}
        signed_in = f"{address}/api/v1/learners/{ana}/sign-in-link"
        link = browser.post(signed_in, json=body, headers=ADMIN, **ask).json()["url"]
        back = browser.post(link, data={"decision": "allow"}, **ask).headers["Location"]
        token = wallet.fetch_token(flow["tokenUrl"], authorization_response=back, code_verifier=verifier)
        assert token["scope"] == f"{CREDENTIALS} {PROFILE}"
        profile = described["servers"][0]["url"] + "/profile"
        assert wallet.get(profile).json()["name"] == "Ana"
        fresh = wallet.refresh_token(flow["refreshUrl"])
        assert fresh["access_token"] != token["access_token"]
        assert wallet.get(profile).status_code == 200
        server = f"{address}/.well-known/oauth-authorization-server/oauth2"
        revoking = browser.get(server, withhold_token=True).json()["revocation_endpoint"]
        assert wallet.revoke_token(revoking, fresh["refresh_token"], "refresh_token").status_code == 200
        assert wallet.get(profile).status_code == 401
