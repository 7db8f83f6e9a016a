"""What a badge that somebody shows says, and whether it holds: any Open Badge, of this service or of another issuer.

The answer is a list of findings in plain words: what is in order, what is not, and what nobody could tell. Version 3.0
as JSON with a Data Integrity proof or as JWT is read here, version 2.0 in `checking_2`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from service.badges import baking, jws, keys, resolving, signing, status, vendored
from service.badges.fetching import Unreachable
from service.badges.resolving import Read
from service.languages import Sentence, sentence

Outcome = Literal["good", "bad", "unknown"]
PURPOSES = {"revocation": "revoked", "suspension": "suspended"}
ENDED = {
    "revoked": sentence("Its issuer has revoked it."),
    "suspended": sentence("Its issuer has suspended it."),
    "marked": sentence("Its issuer has marked it."),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at (`signature`, `issuer`, `dates`, `status`, `recipient`), and what came of it."""

    about: str
    outcome: Outcome
    said: Sentence

    @property
    def words(self) -> str:
        """The sentence in English."""
        return str(self.said)


@dataclass
class Report:
    """What a badge says, and the findings about it."""

    version: str
    name: str = ""
    description: str = ""
    criteria: str = ""
    issuer: str = ""
    issuer_id: str = ""
    issued: str = ""
    expires: str = ""
    id: str = ""
    findings: list[Finding] = field(default_factory=list)

    def find(self, about: str, outcome: Outcome, said: Sentence) -> None:
        self.findings.append(Finding(about, outcome, said))

    @property
    def outcome(self) -> Outcome:
        """bad: it does not hold. unknown: something could not be looked at. good: everything is in order."""
        found = {one.outcome for one in self.findings}
        return "bad" if "bad" in found else "unknown" if "unknown" in found else "good"


class NoBadge(Exception):
    """What was shown is no Open Badge; `why` says what to show instead."""

    def __init__(self, why: Sentence) -> None:
        super().__init__(str(why))
        self.why = why


def text_of(shown: bytes, read: Read) -> str:
    """The JSON or JWT in what was pasted, uploaded or linked: itself, a picture that carries it, or where it is."""
    for _ in range(2):
        if shown.startswith(b"%PDF"):
            raise NoBadge(
                sentence(
                    "This is a certificate to print. The badge is attached to it: show the attachment, or its QR code."
                )
            )
        if shown.startswith(baking.PNG) or shown.lstrip().startswith(b"<"):
            shown = _unbaked(shown)
        try:
            text = shown.decode().lstrip("\ufeff").strip()
        except UnicodeDecodeError:
            break
        if not text.startswith(("http://", "https://")) or "\n" in text:
            return text
        try:
            shown = read(text)
        except Unreachable as error:
            if not error.content.lstrip().startswith(b"{"):
                raise NoBadge(sentence("The badge could not be had from its address. {why}", why=error.why)) from None
            shown = error.content
    raise NoBadge(sentence("This is no Open Badge. Show a badge file (JSON, JWT, PNG or SVG), or its address."))


def _unbaked(picture: bytes) -> bytes:
    try:
        found = baking.unbake(picture)
    except ValueError:
        raise NoBadge(sentence("This is no picture that could carry a badge, or it is broken.")) from None
    if not found:
        raise NoBadge(
            sentence(
                "This picture carries no badge. Some programs take it out when they save a picture: use the first one."
            )
        )
    return found.encode()


def check(text: str, read: Read, now: datetime, email: str = "") -> Report:
    """The report on a badge of version 3.0; NoBadge if it is none. email: whose it should be, if that is asked."""
    token = text if not text.startswith("{") else None
    try:
        credential = jws.read(text)[1] if token else msgspec.json.decode(text)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise NoBadge(sentence("This is no Open Badge: it is neither JSON nor a JWT.")) from None
    credential = credential.get("vc", credential) if isinstance(credential, dict) else credential
    try:
        report = _said(credential)
    except (AttributeError, TypeError, KeyError):
        raise NoBadge(sentence("This is no Open Badge: what such a badge says is missing.")) from None
    checks: list[tuple[str, Callable[[], None]]] = [
        ("signature", lambda: _check_signature(report, credential, token, read)),
        ("dates", lambda: _check_dates(report, now)),
        ("status", lambda: _check_status(report, credential, read)),
    ]
    if email:
        checks.append(("recipient", lambda: _check_recipient(report, credential, email)))
    for about, look in checks:
        try:
            look()
        except Unreachable as error:
            report.find(about, "unknown", sentence("It could not be checked. {why}", why=error.why))
        except (AttributeError, TypeError, KeyError, ValueError, IndexError, OverflowError, RecursionError):
            report.find(about, "bad", sentence("What the badge says about it is not as the standard wants it."))
    return report


def _said(credential: Mapping[str, Any]) -> Report:
    subject = _one(credential["credentialSubject"])
    about, issuer = _one(subject["achievement"]), _one(credential["issuer"])
    criteria = about.get("criteria")
    return Report(
        "3.0",
        _words(about["name"]),
        _words(about.get("description", "")),
        _words(criteria.get("narrative", "")) if isinstance(criteria, dict) else "",
        _words(issuer.get("name", "")) if isinstance(issuer, dict) else "",
        issuer_id(credential),
        str(credential.get("validFrom", credential.get("issuanceDate", ""))),
        str(credential.get("validUntil", credential.get("expirationDate", ""))),
        str(credential.get("id", "")),
    )


def issuer_id(credential: Mapping[str, Any]) -> str:
    issuer = _one(credential["issuer"])
    return str(issuer["id"] if isinstance(issuer, dict) else issuer)


# --- signature ------------------------------------------------------------------------------------------------------


def _check_signature(report: Report, credential: Mapping[str, Any], token: str | None, read: Read) -> None:
    found = _signature_problems(credential, token, report.issuer_id, read)
    if found is None:
        foreign = sentence("It is signed in a way, or with a vocabulary, that this page cannot check.")
        report.find("signature", "unknown", foreign)
    elif found:
        report.find("signature", "bad", sentence("It is not what its issuer signed. ({detail})", detail=found[0]))
    else:
        report.find("signature", "good", sentence("It was signed by its issuer and has not been changed since."))
        _check_issuer(report)


def _check_issuer(report: Report) -> None:
    did = report.issuer_id
    address = resolving.address(did) if did.startswith("did:web:") else did
    if address.startswith("http"):
        report.find("issuer", "good", sentence("The issuer proves to be {site}.", site=address.split("/")[2]))
    else:
        alone = sentence("The issuer is known by its key alone; who that is, the badge says of itself. Ask elsewhere.")
        report.find("issuer", "unknown", alone)


def _signature_problems(
    credential: Mapping[str, Any], token: str | None, issuer: str, read: Read
) -> tuple[str, ...] | None:
    """What is wrong with the signature; None if this service cannot check signatures of its kind."""
    if token is not None:
        return jws.problems(token, lambda name: resolving.key(name or issuer, issuer, read))
    proof = _one(credential.get("proof"))
    if not isinstance(proof, dict):
        return ("$.proof: it has no signature",)
    contexts = credential.get("@context")
    if not isinstance(contexts, list) or any(one not in vendored.CONTEXTS for one in contexts if isinstance(one, str)):
        return None
    if any(not isinstance(one, str) for one in contexts) or not signing.known(proof):
        return None
    name = str(proof["verificationMethod"])
    key = resolving.key(name, issuer, read)
    if key is None or keys.algorithm(key) != "EdDSA":
        return (f"$.proof.verificationMethod: {name[:200]} is no key of the issuer",)
    return signing.problems(credential, {name: keys.multibase(key)})


# --- dates, status, recipient ---------------------------------------------------------------------------------------


def _check_dates(report: Report, now: datetime) -> None:
    if report.issued and _moment(report.issued) > now:
        report.find("dates", "bad", sentence("It is not valid yet."))
    elif report.expires and _moment(report.expires) < now:
        report.find("dates", "bad", sentence("It has expired."))
    elif report.expires:
        report.find("dates", "good", sentence("It has not expired."))
    else:
        report.find("dates", "good", sentence("It does not expire."))


def _check_status(report: Report, credential: Mapping[str, Any], read: Read) -> None:
    entries = credential.get("credentialStatus") or []
    for entry in entries if isinstance(entries, list) else [entries]:
        kind = entry["type"]
        if kind == "1EdTechRevocationList":
            listed = msgspec.json.decode(read(entry["id"]))["revokedCredential"]
            ended = (
                "revoked"
                if any((one.get("id") if isinstance(one, dict) else one) == report.id for one in listed)
                else ""
            )
        elif kind in ("BitstringStatusListEntry", "StatusList2021Entry"):
            ended = _ended(report, entry, read)
        else:
            told = sentence("Whether it was withdrawn is told in a way that this page cannot read.")
            report.find("status", "unknown", told)
            return
        if ended:
            report.find("status", "bad", ENDED[ended])
            return
    silent = sentence("Its issuer does not say where it would be withdrawn.")
    report.find("status", "good", sentence("Its issuer has not withdrawn it.") if entries else silent)


def _ended(report: Report, entry: Mapping[str, Any], read: Read) -> str:
    """`revoked` or `suspended`, if the list says so; ValueError if the list is not the issuer's."""
    content = read(entry["statusListCredential"]).decode().strip()
    token = None if content.startswith("{") else content
    listed = jws.read(content)[1] if token else msgspec.json.decode(content)
    listed = listed.get("vc", listed)
    problems = _signature_problems(listed, token, report.issuer_id, read)
    if issuer_id(listed) != report.issuer_id or problems:
        raise ValueError("the list is not what the issuer signed")
    if problems is None:
        raise Unreachable(sentence("The list of withdrawn badges is signed in a way that this page cannot check."))
    subject, purpose = _one(listed["credentialSubject"]), str(entry["statusPurpose"])
    if listed["id"] != entry["statusListCredential"] or purpose not in _listed(subject["statusPurpose"]):
        raise ValueError("it is another list")
    bits = status.decode(subject["encodedList"])
    return PURPOSES.get(purpose, "marked") if status.is_set(bits, int(entry["statusListIndex"])) else ""


def _check_recipient(report: Report, credential: Mapping[str, Any], email: str) -> None:
    subject = _one(credential["credentialSubject"])
    identities = [one for one in _listed(subject.get("identifier")) if one.get("identityType") == "emailAddress"]
    matches = [
        same_person(email, str(one["identityHash"]), bool(one.get("hashed")), str(one.get("salt", "")))
        for one in identities
    ]
    if any(matches) or str(subject.get("id", "")).lower() == f"mailto:{email.lower()}":
        report.find("recipient", "good", sentence("It was awarded to {email}.", email=email))
    elif identities:
        report.find("recipient", "bad", sentence("It was not awarded to {email}.", email=email))
    else:
        report.find("recipient", "unknown", sentence("It does not name its holder by an e-mail address."))


def same_person(email: str, identity: str, hashed: bool, salt: str) -> bool:
    """Whether an identity is this address, written as it is or in small letters, plain or hashed with the salt."""
    for one in {email, email.lower()}:
        if not hashed and identity.lower() == one.lower():
            return True
        kind, _, digest = identity.partition("$")
        if kind in ("sha256", "md5") and hashlib.new(kind, (one + salt).encode()).hexdigest() == digest.lower():
            return True
    return False


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found


def _one(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return value[0] if value else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _words(value: Any) -> str:
    """A text, or one of a language map."""
    return str(value.get("en") or next(iter(value.values()), "")) if isinstance(value, dict) else str(value)
