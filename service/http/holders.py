"""Who may see a credential: its page everybody once the learner shares it, its signed bytes whoever has the address.

Till it is shared the page is for the learner and for who may read learners; a learner without an account shows the link
that the badge was claimed by, as `?holder=`. The bytes name nobody, and their address cannot be guessed: wallets and
verifiers to whom the learner gives it fetch them there (docs/decisions/0006).
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from flask import abort, request

from service.http.auth import identified
from service.http.services import services
from service.store import badges, offers
from service.store import credentials as store
from service.store.credentials import Credential

PRIVATE = "There is no public badge at this address. Perhaps its holder does not share it, or a part of it got lost."


def addressed(id_: UUID) -> Credential:
    """The credential at this address, for whoever has it; 404 if there is none (any more)."""
    return _held(id_)[0]


def readable(id_: UUID) -> Credential:
    """The credential, if whoever asks may see its page; 404 if there is none for them (any more)."""
    found, (award, learner, shared) = _held(id_)
    if not (shared or _is_link_of(award) or _reads(learner)):
        abort(404, PRIVATE)
    return found


def own_name(id_: UUID) -> str | None:
    """The name of a credential's learner, if whoever asks is that learner."""
    _, (award, learner, _) = _held(id_)
    own = "Authorization" in request.headers and identified().learner == learner
    if not (own or _is_link_of(award)):
        return None
    with services().engine.connect() as connection:
        found = badges.award(connection, award, datetime.now(UTC))
    return found.learner_name if found else None


def _held(id_: UUID) -> tuple[Credential, tuple[UUID, int, datetime | None]]:
    """The credential, and of which award it is, whose, and since when it is shared."""
    with services().engine.connect() as connection:
        found = store.find_credential(connection, id_)
        held = found and offers.holder(connection, id_)
    if found is None or not held:
        abort(404, PRIVATE)
    return found, held


def _is_link_of(award: UUID) -> bool:
    """Whether the request shows the link that this award was claimed by."""
    token = request.args.get("holder")
    if not token:
        return False
    with services().engine.connect() as connection:
        link = badges.link(connection, token)
    return link is not None and link.award == award and link.expires > datetime.now(UTC)


def _reads(learner: int) -> bool:
    """Whether the request has a token that reads this learner's data."""
    if "Authorization" not in request.headers:
        return False
    who = identified()
    return who.admin or "read" in who.scopes or who.learner == learner
