"""Who may see a credential: everybody once its learner shares it, till then the learner and who may read learners.

A learner without an account shows the link that the badge was claimed by, as `?holder=`.
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


def readable(id_: UUID) -> Credential:
    """The credential, if whoever asks may see it; 404 if there is none for them (any more)."""
    with services().engine.connect() as connection:
        found = store.find_credential(connection, id_)
        held = found and offers.holder(connection, id_)
        link = badges.link(connection, token) if (token := request.args.get("holder")) else None
    if found is None or not held:
        abort(404, PRIVATE)
    award, learner, shared = held
    own = link is not None and link.award == award and link.expires > datetime.now(UTC)
    if not (shared or own or _reads(learner)):
        abort(404, PRIVATE)
    return found


def _reads(learner: int) -> bool:
    """Whether the request has a token that reads this learner's data."""
    if "Authorization" not in request.headers:
        return False
    who = identified()
    return who.admin or "read" in who.scopes or who.learner == learner
