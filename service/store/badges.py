"""Awards of badges in the database: offered and undone by the engine, decided about by learners through links.

An award of a badge is one row for (learner, rule, key, achievement), whatever happens around it. `settle` is how the
engine tells that an award has gained or lost its ground; everything else here is for the learner's decision. Locks are
taken in one order: award, then status list.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, and_, case, func, insert, or_, select, text, update

from service.core import windows
from service.core.achievement import Achievement
from service.core.rule import Duration, Text
from service.store import writeback
from service.store.credentials import mark_dirty
from service.store.engine import Driver
from service.store.tables import (
    achievement_version,
    badge_award,
    claim_link,
    credential,
    identifier,
    learner,
    rule,
    rule_version,
    statement,
)

LINK_LIFE = timedelta(days=30)

State = Literal["offered", "claimed", "declined", "revoked", "expired"]


# --- what the engine says -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BadgeChange:
    """An award of a badge has gained its ground (`grounded`) or lost it, by the `version` of `rule` that says so."""

    learner: int
    rule: int
    version: int
    key: str
    achievement: str
    grounded: bool
    happened: datetime
    statements: tuple[UUID, ...] = ()
    kind: Literal["badge", "micro_credential"] = "badge"
    if_undone: Literal["revoke", "keep", "ask"] = "ask"


_CHANGES = """
    FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS change(learner bigint, rule int, version int, key text,
         achievement text, kind text, happened timestamptz, statements uuid[], if_undone text)
"""

_OFFER = text(f"""
    INSERT INTO badge_award (learner, rule, version, key, achievement, achievement_version, kind, happened, statements)
    SELECT learner, rule, version, key, achievement,
           (SELECT max(known.version) FROM achievement_version AS known WHERE known.name = change.achievement),
           kind, happened, statements {_CHANGES}
    ON CONFLICT (learner, rule, key, achievement) DO UPDATE SET
        version = excluded.version, kind = excluded.kind,
        happened = excluded.happened, statements = excluded.statements,
        undone = NULL, review = false,
        (state, credential) = (
            SELECT CASE WHEN ours THEN 'offered' ELSE badge_award.state END,
                   CASE WHEN ours THEN NULL ELSE badge_award.credential END
            FROM (SELECT EXISTS (
                SELECT FROM credential WHERE credential.id = badge_award.credential
                AND credential.revoked = badge_award.undone AND badge_award.state = 'revoked')) AS revoked (ours)
        )
""")  # noqa: S608 - no value is written into it
"""An award that we revoked is an offer again. It lost its ground and its credential in one query, `_UNDO`, and so at
the same moment; what an admin revoked, at a moment of its own, stays revoked."""

_UNDO = text(f"""
    WITH change AS (SELECT * {_CHANGES}),
    lost AS (
        UPDATE badge_award SET undone = now(),
            review = (state = 'claimed' AND change.if_undone = 'ask'),
            state = CASE WHEN state = 'claimed' AND change.if_undone = 'revoke' THEN 'revoked' ELSE state END
        FROM change
        WHERE badge_award.learner = change.learner AND badge_award.rule = change.rule AND badge_award.key = change.key
          AND badge_award.achievement = change.achievement AND undone IS NULL
        RETURNING badge_award.id, badge_award.state
    )
    UPDATE credential SET revoked = now(), revoked_because = 'what it was awarded for was withdrawn'
    FROM lost WHERE lost.state = 'revoked' AND credential.award = lost.id AND credential.revoked IS NULL
    RETURNING credential.status_list
""")  # noqa: S608 - no value is written into it


def settle(connection: Connection, changes: Sequence[BadgeChange]) -> None:
    """Offer what has gained its ground and undo what has lost it; of several changes of one award the last one holds.

    What was not claimed simply is no offer any more. What was claimed is revoked, kept, or marked for an admin's
    review, as the rule's `if_undone` says. Status lists are marked to be signed again, not signed. At most three
    statements, however many changes there are.
    """
    last = {(change.learner, change.rule, change.key, change.achievement): change for change in changes}
    ordered = [last[award] for award in sorted(last)]
    if gained := [change for change in ordered if change.grounded]:
        connection.execute(_OFFER, {"changes": _recordset(gained)})
    if lost := [change for change in ordered if not change.grounded]:
        mark_dirty(connection, connection.execute(_UNDO, {"changes": _recordset(lost)}).scalars())


def _recordset(changes: Iterable[BadgeChange]) -> str:
    return json.dumps(
        [
            {
                **{name: getattr(change, name) for name in ("learner", "rule", "version", "key", "achievement")},
                "kind": change.kind,
                "happened": change.happened.isoformat(),
                "statements": [str(statement) for statement in change.statements],
                "if_undone": change.if_undone,
            }
            for change in changes
        ]
    )


def states(connection: Driver, awards: Sequence[tuple[int, int, str, str]]) -> dict[tuple[int, int, str, str], str]:
    """What became of these awards of badges, named by (learner, rule, key, achievement)."""
    cursor = connection.execute(
        "SELECT learner, rule, key, achievement, state "
        "FROM unnest(%b::bigint[], %b::int[], %b::text[], %b::text[]) AS a (learner, rule, key, achievement) "
        "JOIN badge_award USING (learner, rule, key, achievement)",
        [list(column) for column in zip(*awards, strict=True)] or [[]] * 4,
    )
    return {(learner, rule, key, achievement): state for learner, rule, key, achievement, state in cursor}


# --- what a learner has ---------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """What the version of the rule that gave an award says about it."""

    name: str = ""
    title: Text = ""
    how_to_earn: Text = ""
    how_to_renew: Text = ""
    expires: Duration | None = None
    time_zone: str | None = None
    kind: Mapping[str, Any] = {}

    def renewable_from(self, until: datetime) -> datetime | None:
        """From when on evidence renews what is valid until then; None: nothing does."""
        renewal = self.kind if self.kind.get("type") == "renewed" else self.kind.get("renewal")
        if renewal is None:
            return None
        within = msgspec.convert(renewal["within"], Duration)
        return windows.before(until, within, ZoneInfo(self.time_zone or "UTC"))

    @property
    def repeats(self) -> bool:
        """Whether what it gives can be earned again while it is valid."""
        return self.kind.get("type", "each") == "each" or bool(self.kind.get("repeat"))


@dataclass(frozen=True)
class Award:
    """An award of a badge with everything that a claim needs to know."""

    id: UUID
    learner: int
    learner_name: str | None
    achievement: Achievement
    given: str | None
    """The digest of the achievement's image; None: it is drawn."""
    said: Said
    happened: datetime
    statements: tuple[UUID, ...]
    state: State
    standing: bool
    review: bool
    credential: UUID | None
    expires: datetime | None
    shared: datetime | None = None
    """Since when its credential is public."""
    micro: bool = False
    suspended: bool = False
    """Whether its credential does not hold at the moment."""


def awards_of(connection: Connection, learner_id: int, now: datetime) -> list[Award]:
    """What this learner was offered and what became of it, newest first, without offers that lost their ground."""
    shown = or_(badge_award.c.undone.is_(None), badge_award.c.state.in_(("claimed", "revoked")))
    rows = connection.execute(
        _AWARDS.where(badge_award.c.learner == learner_id, shown).order_by(
            badge_award.c.happened.desc(), badge_award.c.id
        )
    )
    return [_award(row, now) for row in rows]


def awards(connection: Connection, ids: Sequence[UUID], now: datetime) -> list[Award]:
    """The awards with these ids."""
    return [_award(row, now) for row in connection.execute(_AWARDS.where(badge_award.c.id == func.any(list(ids))))]


def award(connection: Connection, id_: UUID, now: datetime, *, lock: bool = False) -> Award | None:
    """The award with this id; with `lock` nobody else decides about it before this transaction ends."""
    if lock:
        connection.execute(select(badge_award.c.id).where(badge_award.c.id == id_).with_for_update())
    row = connection.execute(_AWARDS.where(badge_award.c.id == id_)).one_or_none()
    return None if row is None else _award(row, now)


def identities(connection: Connection, learner_id: int) -> list[tuple[str, str | None]]:
    """The identifiers of a learner: key, and the address where it is known; known addresses first."""
    return identities_of(connection, [learner_id]).get(learner_id, [])


def identities_of(connection: Connection, learners: Collection[int]) -> dict[int, list[tuple[str, str | None]]]:
    """The same of several learners, by learner."""
    rows = connection.execute(
        select(identifier.c.learner, identifier.c.key, identifier.c.mbox)
        .where(identifier.c.learner == func.any(list(learners)))
        .order_by(identifier.c.learner, identifier.c.mbox.is_(None), identifier.c.key)
    )
    found: dict[int, list[tuple[str, str | None]]] = {}
    for row in rows:
        found.setdefault(row.learner, []).append((row.key, row.mbox))
    return found


_DECIDED = select(statement.c.raw).where(statement.c.id == badge_award.c.statements[1]).scalar_subquery()
"""The decision behind an award by hand, which says why."""

_AWARDS = (
    select(
        badge_award,
        learner.c.name.label("learner_name"),
        rule.c.name.label("rule_name"),
        rule_version.c.resolved.label("said"),
        achievement_version.c.resolved.label("about"),
        achievement_version.c.picture.label("given"),
        credential.c.expires.label("until"),
        credential.c.suspended,
        case((rule.c.name.like("by-hand-%"), _DECIDED)).label("decided_by_hand"),
    )
    .select_from(badge_award)
    .outerjoin(learner, learner.c.id == badge_award.c.learner)
    .outerjoin(rule, rule.c.id == badge_award.c.rule)
    .outerjoin(
        rule_version,
        and_(rule_version.c.rule == badge_award.c.rule, rule_version.c.version == badge_award.c.version),
    )
    .outerjoin(
        achievement_version,
        and_(
            achievement_version.c.name == badge_award.c.achievement,
            achievement_version.c.version == badge_award.c.achievement_version,
        ),
    )
    .outerjoin(credential, credential.c.id == badge_award.c.credential)
)


def _award(row: Row[Any], now: datetime) -> Award:
    said = msgspec.json.decode(row.said, type=Said) if row.said else Said(name=row.rule_name or "")
    expires = row.until if row.credential else windows.expiry(row.happened, said.expires, said.time_zone)
    over = expires is not None and expires <= now and row.state in ("offered", "claimed")
    return Award(
        id=row.id,
        learner=row.learner,
        learner_name=row.learner_name,
        achievement=_about(row, said),
        given=row.given,
        said=_of_this_award(row, said),
        happened=row.happened,
        statements=tuple(row.statements),
        state="expired" if over else row.state,
        standing=row.undone is None,
        review=row.review,
        credential=row.credential,
        expires=expires,
        shared=row.shared,
        micro=row.kind == "micro_credential",
        suspended=row.suspended is not None,
    )


def _of_this_award(row: Row[Any], said: Said) -> Said:
    """In the place of how the badge is earned: why it was decided by hand, or how it is renewed where that was done."""
    if row.key.startswith("renewal ") and said.how_to_renew:
        return msgspec.structs.replace(said, how_to_earn=said.how_to_renew)
    if row.decided_by_hand is None:
        return said
    result = msgspec.json.decode(row.decided_by_hand).get("result") or {}
    return Said(said.name, "", result["response"]) if result.get("response") else said


def _about(row: Row[Any], said: Said) -> Achievement:
    """The achievement; where its document was taken away, what the rule says stands in for it."""
    if row.about:
        return msgspec.json.decode(row.about, type=Achievement)
    kind = "MicroCredential" if row.kind == "micro_credential" else "Badge"
    title = said.title or row.achievement
    return Achievement(row.achievement, title, said.how_to_earn or title, said.how_to_earn or title, type=kind)


def in_review(connection: Connection, now: datetime, most: int) -> list[tuple[Award, datetime]]:
    """What was claimed and lost its ground, and waits for an admin's decision, with the moment; the oldest first."""
    rows = connection.execute(
        _AWARDS.where(badge_award.c.review).order_by(badge_award.c.undone, badge_award.c.id).limit(most)
    )
    return [(_award(row, now), row.undone) for row in rows]


def decided(connection: Connection, award_id: UUID) -> None:
    """Note that an admin has decided about an award that lost its ground."""
    connection.execute(update(badge_award).where(badge_award.c.id == award_id).values(review=False))


# --- links and decisions --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """A link to claim one award: whoever holds the token may decide about it, once, until it expires."""

    award: UUID
    expires: datetime
    used: datetime | None


def make_link(
    connection: Connection, award_id: UUID, now: datetime, *, sent: datetime | None = None
) -> tuple[str, datetime]:
    """A new token for this award, of which only the hash is kept, and when it expires. sent: when it is mailed."""
    token, expires = secrets.token_urlsafe(32), now + LINK_LIFE
    row = {"hash": _hashed(token), "award": award_id, "created": now, "expires": expires, "sent": sent}
    connection.execute(insert(claim_link).values(row))
    return token, expires


def link(connection: Connection, token: str) -> Link | None:
    row = connection.execute(
        select(claim_link.c.award, claim_link.c.expires, claim_link.c.used).where(claim_link.c.hash == _hashed(token))
    ).one_or_none()
    return None if row is None else Link(row.award, row.expires, row.used)


def decide(
    connection: Connection, token: str, award_id: UUID, state: Literal["claimed", "declined"], now: datetime
) -> None:
    """Write down what was decided and use up the link it was decided by."""
    connection.execute(update(badge_award).where(badge_award.c.id == award_id).values(state=state, decided=now))
    writeback.note_award(connection, award_id)
    connection.execute(update(claim_link).where(claim_link.c.hash == _hashed(token)).values(used=now))


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
