"""Offers of badges to wallets, made for their holders: over the API for front ends, and for a claim link's page."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import segno
from marshmallow import Schema, fields, validate

from service.badges import issuing, wallets
from service.badges.issuing import Refused
from service.http.auth import requires
from service.http.badges import own_award
from service.http.claims import STATUS, open_claim
from service.http.issuers import url
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.http.services import services
from service.store import badges
from service.store import wallets as store
from service.store.wallets import Format, NewOffer

blueprint = Blueprint("wallet_offers", __name__, url_prefix="/api/v1", description="Badges into wallets")

NO_WALLETS = (
    "Wallets come over https only: set PLAUDIT_PUBLIC_URL to the address under which people reach this service."
)


class Wanted(Schema):
    """What the offer is to be like."""

    format = fields.String(
        load_default="ldp_vc",
        validate=validate.OneOf(wallets.FORMATS),
        metadata={"description": "with a Data Integrity proof, or as a JSON Web Token"},
    )
    tx_code = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "whether the wallet has to be told a code, which you give its holder another way"},
    )


class WalletOffer(Schema):
    """An offer that one wallet can take up, once."""

    url = fields.String(
        required=True,
        metadata={
            "description": "opens a wallet: for a link on a phone, and for a QR code elsewhere",
            "example": "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fbadges.example.org%2Fwallet%2F…",
        },
    )
    credential_offer_uri = fields.Url(required=True)
    tx_code = fields.String(required=True, allow_none=True)
    expires = fields.AwareDateTime(required=True)


@blueprint.route("/badges/<uuid:award>/wallet-offer", methods=["POST"])
@requires("admin", "learner")
@blueprint.arguments(Wanted)
@blueprint.response(201, WalletOffer)
def post(wanted: Mapping[str, Any], award: UUID) -> dict[str, Any]:
    """Offer a badge that was taken to a wallet

    The wallet has it signed anew for a key of its own, and the credential before it is superseded.
    """
    with services().engine.connect() as connection:
        own_award(badges.award(connection, award, datetime.now(UTC)), award)
    return _made(award, wanted)


@blueprint.route("/claims/<token>/wallet-offer", methods=["POST"])
@blueprint.arguments(Wanted)
@blueprint.response(201, WalletOffer)
def post_by_link(wanted: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Offer a badge to a wallet, for whoever has the link that it was taken by"""
    try:
        _, award = open_claim(token)
    except Refused as refused:
        raise Problem(STATUS[refused.why], str(refused), why=refused.why) from None
    return _made(award.id, wanted)


@dataclass(frozen=True)
class Shown:
    """An offer as a page shows it. qr: a picture of the link as a data address."""

    link: str
    qr: str
    tx_code: str | None
    minutes: int


def shown(award: UUID, format_: Format, guarded: bool) -> Shown:
    """A new offer for a page; Refused if there is nothing to offer."""
    made = offered(award, format_, guarded)
    link = wallets.link(_address(made))
    qr = segno.make(link, error="m").svg_data_uri(border=4, dark="#16211e", light="#fff", scale=4)
    return Shown(link, qr, made.tx_code, int(store.OFFER_LIFE.total_seconds() // 60))


def offered(award: UUID, format_: Format, guarded: bool) -> NewOffer:
    """A new offer of this badge; Refused if it does not hold (any more)."""
    now = datetime.now(UTC)
    with services().engine.begin() as connection:
        found = badges.award(connection, award, now, lock=True)
        hindrance = issuing.hindrance(connection, found, now) if found else "There is no such badge any more."
        if hindrance:
            raise Refused("unfit", hindrance)
        return store.add_offer(connection, award, format_, guarded, now)


def wallets_can_come() -> bool:
    """Whether wallets can ask this service: over https, and else on this machine only, where they are developed."""
    here = urlsplit(services().settings.public_url)
    if here.scheme == "https" or here.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(here.hostname or "").is_loopback
    except ValueError:
        return False


def _made(award: UUID, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if not wallets_can_come():
        raise Problem(409, NO_WALLETS)
    try:
        made = offered(award, wanted["format"], wanted["tx_code"])
    except Refused as refused:
        raise Problem(409, str(refused)) from None
    address = _address(made)
    return {
        "url": wallets.link(address),
        "credential_offer_uri": address,
        "tx_code": made.tx_code,
        "expires": made.expires,
    }


def _address(made: NewOffer) -> str:
    return url(f"wallet/offers/{made.token}")
