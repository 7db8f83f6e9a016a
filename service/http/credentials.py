"""Credentials: exactly the bytes that were signed, and a page about them for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from flask import Response, redirect
from werkzeug.wrappers import Response as WerkzeugResponse

from service.badges.about import parted
from service.http.credential_files import compact
from service.http.holders import addressed, readable
from service.http.issuers import JWS_FORMS, VC, VC_FORMS, Published, form_of, published
from service.http.pages import page
from service.http.pages.reader import Words, say, worded
from service.http.pages.telling import achievement_words, status_of
from service.http.resources import Blueprint
from service.http.services import services
from service.store import badges
from service.store import credentials as store
from service.store.credentials import Credential

blueprint = Blueprint("credentials", __name__, url_prefix="/credentials", description="Signed Open Badges")

HELD_BY = {"emailAddress": "e-mail address", "ext:mbox_sha1sum": "e-mail address", "accountId": "account"}


@blueprint.route("/<uuid:id_>")
@blueprint.response(200, Published, content_type=VC, description="An OpenBadgeCredential; a page for browsers")
def get(id_: UUID) -> WerkzeugResponse:
    """A credential, as it was signed"""
    form = form_of(*VC_FORMS, *JWS_FORMS, "text/html")
    found = readable(id_) if form == "text/html" else addressed(id_)
    if form == "text/html" and (newer := _newer(found)):
        return redirect(str(newer), 303)
    if form == "text/html":
        response = _page(found)
    else:
        response = published(compact(found).encode() if form in JWS_FORMS else found.body, form)
    response.vary.add("Accept")
    return response


def _newer(found: Credential) -> UUID | None:
    """The credential that a page leads to instead, unless that one holds no more and this one does."""
    if found.replaced_by is None:
        return None
    with services().engine.connect() as connection:
        newer = store.find_credential(connection, found.replaced_by)
    return newer.id if newer and (found.revoked or not newer.revoked) else None


def _page(found: Credential) -> Response:
    said = json.loads(found.body)
    subject = said["credentialSubject"]
    about = subject["achievement"]
    why, *others = said["evidence"]
    tongue = about.get("inLanguage")
    signed = [Words(one, tongue) for one in (about["name"], about["description"], about["criteria"]["narrative"])]
    told = _in_the_readers(found, tongue) or _as_signed(signed)
    name, description, criteria = told.words
    return page(
        "credential.html",
        issuer=said["issuer"]["name"],
        issuer_path=f"../issuers/{found.issuer}",
        name=name,
        description=description,
        criteria=criteria,
        signed=signed if told.translated else None,
        achievement={
            "elements": told.elements,
            "alignment": _skills(about),
            "tags": about.get("tag", []),
        },
        results=_results(subject),
        creator=about.get("creator"),
        version=about.get("version"),
        evidence=[tuple(Words(one, tongue) for one in why["narrative"].partition("\n\n")[::2])],
        stands_on=[{"path": one["id"], "name": one["name"]} for one in others],
        earned=datetime.fromisoformat(said["awardedDate"]),
        issued=found.issued,
        until=found.expires,
        ended=status_of(found),
        held_by=_held_by(subject),
        address=said["id"],
        path=f"../credentials/{found.id}",
        check=f"../verify/{found.id}",
        image=f"../images/{about['image']['id'].rpartition('/')[2]}",
        image_address=about["image"]["id"],
    )


class Told(NamedTuple):
    """What was awarded: name, description, criteria; its elements; and whether it was signed in another language."""

    words: list[Words]
    elements: list[tuple[str, str]]
    translated: bool = True


def _as_signed(signed: list[Words]) -> Told:
    name, description, narrative = signed
    criteria, elements = parted(narrative)
    return Told([name, description, Words(criteria, narrative.language)], elements, translated=False)


def _in_the_readers(found: Credential, signed: str | None) -> Told | None:
    """What was awarded in the language that the reader likes better than the signed one, if it is known in it."""
    with services().engine.connect() as connection:
        award = badges.award(connection, found.award, datetime.now(UTC))
    about = award.achievement if award else None
    if about is None or signed is None or worded(about.title).language in (signed, None):
        return None
    words = [worded(one) for one in (about.title, about.description, about.criteria)]
    return Told(words, achievement_words(about)["elements"])


def _skills(about: dict[str, Any]) -> list[dict[str, Any]]:
    names = {"name": "targetName", "url": "targetUrl", "framework": "targetFramework", "code": "targetCode"}
    return [{name: one.get(term) for name, term in names.items()} for one in about.get("alignment", [])]


def _results(subject: dict[str, Any]) -> list[tuple[str, str]]:
    """What the results are called, and what they are: `92 %`, and the level that it is."""
    described = {one["id"]: one for one in subject["achievement"].get("resultDescription", [])}
    told = []
    for one in subject.get("result", []):
        of = described[one["resultDescription"]]
        levels = {level["id"]: level["name"] for level in of.get("rubricCriterionLevel", [])}
        unit = " %" if of["resultType"] == "Percent" else ""
        level = f" ({levels[one['achievedLevel']]})" if "achievedLevel" in one else ""
        told.append((of["name"], f"{one['value']}{unit}{level}"))
    return told


def _held_by(subject: dict[str, Any]) -> str:
    known = {say(HELD_BY.get(one["identityType"], "identifier")) for one in subject.get("identifier", ())}
    return say(" or ").join(sorted(known)) or say("identifier")
