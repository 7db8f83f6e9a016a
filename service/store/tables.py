"""The tables. Facts are only added; everything under "projections" can be thrown away and computed again.

Rows of facts: source, statement, conflict, void, learner and identifier, rule_version, and what people decided about
badges. Times are timestamptz and UTC. `happened` is event time, never later than when the statement was received.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def moment(name: str, **options: object) -> Column[object]:
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


# --- who may push and read ----------------------------------------------------------------------------------------

source = Table(
    "source",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("username", Text, nullable=False, unique=True),
    Column("capture", Text, nullable=False, server_default="xapi"),
    Column("validation", Text, nullable=False, server_default="lenient", comment="lenient or strict"),
    Column(
        "may_void",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="its voids count for statements of other sources, too",
    ),
    Column("keep_attachments", Boolean, nullable=False, server_default=text("false")),
    Column("ahead_seconds", Integer, comment="how far its clock may be ahead of ours; null: any, held back to ours"),
    Column("oldest_days", Integer, comment="how old a statement may be when it comes; null: any age"),
    Column("verbs", ARRAY(Text), comment="the verbs it may use; null: any"),
    Column(
        "keep_raw_days", Integer, comment="how long bytes are kept that are not evaluated; null: as the setting says"
    ),
    moment("created", nullable=False, server_default=func.now()),
)

source_secret = Table(
    "source_secret",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("source", Integer, ForeignKey("source.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False, server_default="password", comment="password, webhook or lrs"),
    Column("hash", LargeBinary, comment="SHA-256 of a password, which is long and random"),
    Column("sealed", LargeBinary, comment="what signs requests, encrypted under PLAUDIT_SECRET_KEY"),
    Column("label", Text),
    moment("created", nullable=False, server_default=func.now()),
    moment("ends", comment="null: it is in force until somebody ends it"),
    Index("ix_source_secret_hash", "hash"),
    comment="several may be in force at once, so that they can be changed without a gap",
)

lrs = Table(
    "lrs",
    metadata,
    Column("source", Integer, ForeignKey("source.id"), primary_key=True, autoincrement=False),
    Column("url", Text, nullable=False, comment="what /statements is appended to"),
    Column("username", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="the password, encrypted under PLAUDIT_SECRET_KEY"),
    moment("since", comment="all that it had stored until then has been read; null: nothing"),
    Column("more", Text, comment="the next page of a reading that has not come to its end"),
    moment("latest", comment="when the latest statement was stored there that this reading has seen"),
    Column("every_seconds", Integer, comment="null: it is read when somebody says so"),
    moment("due", comment="when it is to be read next"),
    moment("read", comment="when a reading last came to its end"),
    Column("pulled", BigInteger, nullable=False, server_default="0"),
    Column("problem", Text, comment="why the last reading failed"),
    Column("write_back", Text, comment="which awards it is told of: badges or all; null: none"),
    moment("write_since", comment="it is told of what was earned since then; null: of everything"),
    moment("write_due", nullable=False, server_default=func.now(), comment="not before then: it was away, or is told"),
    Column("write_tries", Integer, nullable=False, server_default="0", comment="in vain, one after the other"),
    Column("write_problem", Text, comment="why it could not be told"),
    comment="a source that can be asked for statements, and told of awards",
)

token = Table(
    "token",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("learner", BigInteger, ForeignKey("learner.id"), comment="whose own data a token of scope `learner` reads"),
    moment("created", nullable=False, server_default=func.now()),
    moment("revoked"),
)

# --- programs that read learners' badges for them --------------------------------------------------------------------

client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False, comment="SHA-256 of its secret"),
    Column("metadata", JSONB, nullable=False, comment="what it registered (RFC 7591, section 2)"),
    moment("created", nullable=False, server_default=func.now()),
)

sign_in = Table(
    "sign_in",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid()),
    Column("hash", LargeBinary, unique=True, comment="SHA-256 of the token in its link; null: no link yet"),
    Column("browser", LargeBinary, comment="SHA-256 of the cookie of the browser that began it; null: any browser"),
    Column("client", Text, ForeignKey("client.id", ondelete="CASCADE"), comment="null: to see what has access"),
    Column("asked", JSONB, comment="what the client asked for (RFC 6749, section 4.1.1)"),
    Column("language", Text, nullable=False, server_default="en"),
    Column("address", Text, comment="where its link goes by e-mail; null: nowhere, or it has gone"),
    Column("mailbox", LargeBinary, index=True, comment="SHA-256 of that address, to send not too many"),
    Column("learner", BigInteger, ForeignKey("learner.id"), index=True, comment="who signs in; null: not known yet"),
    moment("created", nullable=False, server_default=func.now()),
    moment("expires", nullable=False),
    moment("used"),
    Index("ix_sign_in_address", "created", postgresql_where=text("address IS NOT NULL")),
)

client_grant = Table(
    "client_grant",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid()),
    Column("client", Text, ForeignKey("client.id"), nullable=False, index=True),
    Column("learner", BigInteger, ForeignKey("learner.id"), nullable=False, index=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("code", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the authorization code"),
    Column("redirect", Text, nullable=False),
    Column("challenge", Text, nullable=False, comment="S256 code challenge (RFC 7636)"),
    moment("code_expires", nullable=False),
    moment("code_used"),
    moment("created", nullable=False, server_default=func.now()),
    moment("revoked"),
)

client_token = Table(
    "client_token",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the token"),
    Column("client_grant", UUID(as_uuid=True), ForeignKey("client_grant.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False, comment="access or refresh"),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("expires", nullable=False, index=True),
    moment("used", comment="when a refresh token was exchanged for another"),
)

# --- facts: statements --------------------------------------------------------------------------------------------

statement = Table(
    "statement",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("seq", BigInteger, Identity(), nullable=False),
    Column("source", Integer, nullable=False),
    moment("happened", nullable=False),
    moment("received", nullable=False),
    Column(
        "raw", LargeBinary, nullable=False, comment="the bytes of the statement as they came, or what is kept of it"
    ),
    Column("digest", LargeBinary, comment="where raw is not what came: its fingerprint, or nothing after erasure"),
    Index("ix_statement_received", "received", postgresql_using="brin"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("failed", Boolean, nullable=False, server_default=text("false"), comment="set aside: evaluating it raised"),
    comment="stored and not yet evaluated; a row lives from intake to drain",
)

conflict = Table(
    "conflict",
    metadata,
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="fingerprint of the content that came second"),
    Column("source", Integer, nullable=False),
    moment("received", nullable=False),
    Column("raw", LargeBinary, nullable=False),
    PrimaryKeyConstraint("statement", "digest"),
    comment="other content under a known statement id; the first is kept",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False, comment="unusable: not stored; failed: stored, but evaluating it raised"),
    Column("statement", UUID(as_uuid=True), nullable=False, comment="the id that was answered for it"),
    Column("source", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of what came, so that a repeat is known"),
    Column("times", Integer, nullable=False, server_default="1", comment="how often it came"),
    moment("received", nullable=False, comment="when it came first"),
    Column("raw", LargeBinary, nullable=False, comment="the bytes as they came"),
    Column("edited", LargeBinary, comment="what somebody made of it"),
    Column("path", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting", comment="waiting, replayed, discarded"),
    moment("settled"),
    UniqueConstraint("source", "digest"),
    comment="what could not be used, one by one, until somebody mends or discards it",
)

attachment = Table(
    "attachment",
    metadata,
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("sha2", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("statement", "sha2"),
    comment="attachments of statements from sources that say so; of others only what the statement says is kept",
)

void = Table(
    "void",
    metadata,
    Column("target", UUID(as_uuid=True), nullable=False),
    Column("voider", UUID(as_uuid=True), nullable=False),
    Column("source", Integer, comment="whose statements it can void; null: anybody's"),
    PrimaryKeyConstraint("target", "voider"),
    Index("ix_void_voider", "voider"),
    comment="written with the voiding statement, so that a target that comes later finds it",
)

intake_count = Table(
    "intake_count",
    metadata,
    Column("source", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("shard", SmallInteger, nullable=False, comment="keeps several API processes off one row"),
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    Column("conflicts", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("late", BigInteger, nullable=False, server_default="0", comment="came more than a day after they happened"),
    PrimaryKeyConstraint("source", "day", "shard"),
)

# --- facts: people ------------------------------------------------------------------------------------------------

learner = Table(
    "learner",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text),
    moment("name_happened", comment="event time of the statement that the name is from"),
    Column("name_statement", UUID(as_uuid=True), comment="that statement"),
    Column("merged_into", BigInteger, comment="the learner that this one goes by, as `merge` says; null: itself"),
    Column("time_zone", Text),
    Column("opted_in", Boolean, nullable=False, server_default=text("false")),
    moment("erased", comment="when everything was taken away that says who it is"),
    moment("created", nullable=False, server_default=func.now()),
    Index("ix_learner_merged_into", "merged_into", postgresql_where=text("merged_into IS NOT NULL")),
)

identifier = Table(
    "identifier",
    metadata,
    Column("key", Text, primary_key=True, comment="service.core.statement.identifier"),
    Column("learner", BigInteger, ForeignKey("learner.id"), nullable=False, index=True),
    Column("home", BigInteger, index=True, comment="the learner it was met as; null: the one it belongs to"),
    Column("mbox", Text, comment="the address, where it is known and not only its hash"),
)

merge = Table(
    "merge",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("gone", BigInteger, ForeignKey("learner.id"), nullable=False),
    Column("kept", BigInteger, ForeignKey("learner.id"), nullable=False),
    moment("made", nullable=False, server_default=func.now()),
    Column("by", Text, nullable=False, comment="who said so"),
    Column("reason", Text),
    moment("undone", comment="null: it is in force"),
    comment="two learners are one person; service.core.people says what follows",
)

hint = Table(
    "hint",
    metadata,
    Column("id", BigInteger, Identity(), nullable=False, unique=True),
    Column("one", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("statement", UUID(as_uuid=True), nullable=False),
    moment("seen", nullable=False),
    moment("refused", comment="when somebody decided that these are two people"),
    PrimaryKeyConstraint("one", "other"),
    comment="two identifiers on one agent: for somebody to look at, never a merge by itself",
)

# --- facts: rules -------------------------------------------------------------------------------------------------

ruleset = Table(
    "ruleset",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False, server_default="0"),
    Column("time_zone", Text, nullable=False, server_default="UTC", comment="whose days count by default"),
    Column("people", BigInteger, nullable=False, server_default="0", comment="grows when identifiers change hands"),
    comment="one row; its generation grows with every change, so that workers know when to load again",
)

rule = Table(
    "rule",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

rule_version = Table(
    "rule_version",
    metadata,
    Column("rule", Integer, ForeignKey("rule.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False, comment="the YAML as its author wrote it"),
    Column("resolved", LargeBinary, nullable=False, comment="service.core.rule.Rule as JSON"),
    moment("applied", nullable=False, server_default=func.now()),
    Column("applied_by", Text, nullable=False, server_default="", comment="name of the token, or of the command"),
    Column("origin", Text, nullable=False, server_default="directory", comment="directory or api"),
    moment("since", comment="when its life begins; null: with the first statement. It ends where a later one begins"),
    Column("making", Integer, comment="its rows of `match`; null: they are still being made"),
    Column("remaking", Integer, comment="its rows of `match` that are being made, until they are `making`"),
    moment("remade_from", comment="statements before this need not be read again"),
    Column("matched_to", UUID(as_uuid=True), comment="the last statement read while `remaking`, in the order of ids"),
    Column(
        "read",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="statements read again so far",
    ),
    Column("folded_to", BigInteger, comment="the last learner counted while `comparing` or `folding`"),
    Column(
        "phase",
        Text,
        nullable=False,
        server_default="done",
        comment="how far history has been counted again: comparing, matching, folding, done",
    ),
    Column("problem", Text, comment="why counting again stopped, until it is tried again; null: nothing is in its way"),
    PrimaryKeyConstraint("rule", "version"),
)

rule_change = Table(
    "rule_change",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    moment("at", nullable=False, server_default=func.clock_timestamp()),
    Column("by", Text, nullable=False, comment="name of the token, or of the command"),
    Column("did", Text, nullable=False, comment="published, retired, rolled back, rewritten, removed, replayed"),
    Column("kind", Text, nullable=False, comment="rule, achievement, board, vocabulary, issuer"),
    Column("name", Text, nullable=False),
    Column("version", Integer),
    moment("since", comment="from when on the version is in force; null: from the first statement"),
    Column("note", Text, comment="what else there is to say"),
    comment="who changed what when",
)

document = Table(
    "document",
    metadata,
    Column("kind", Text, nullable=False, comment="achievement, board, vocabulary, issuer"),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("resolved", LargeBinary, nullable=False, comment="the value of service.core.rule as JSON"),
    Column("files", LargeBinary, comment="pairs of path and content of the files that it names, as MessagePack"),
    moment("applied", nullable=False, server_default=func.now()),
    Column("origin", Text, nullable=False, server_default="directory", comment="directory or api"),
    PrimaryKeyConstraint("kind", "name"),
)

document_removed = Table(
    "document_removed",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
    comment="documents that were taken away through the API: the rules directory does not bring them back",
)

picture = Table(
    "picture",
    metadata,
    Column(
        "digest", Text, primary_key=True, comment="of the content; addresses of pictures never change their meaning"
    ),
    Column("content", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False, comment="image/svg+xml or image/png"),
    Column("png", LargeBinary, comment="an SVG drawn as PNG; null: nobody has asked for it yet"),
)

achievement_version = Table(
    "achievement_version",
    metadata,
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("resolved", LargeBinary, nullable=False, comment="service.core.achievement.Achievement as JSON"),
    Column("picture", Text, ForeignKey("picture.digest"), comment="the image of its file; null: it is drawn"),
    moment("applied", nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("name", "version"),
    comment="what was awarded stays as it was when it was: the version in force then",
)

issuer = Table(
    "issuer",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("resolved", LargeBinary, nullable=False, comment="service.core.issuer_document.Issuer as JSON"),
    Column("picture", Text, ForeignKey("picture.digest")),
    moment("applied", nullable=False, server_default=func.now()),
    moment("removed", comment="since when no document says it any more: it signs nothing new"),
    comment="who signs: rows stay, because what was signed has to be verified",
)

board = Table(
    "board",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("signature", Text, nullable=False, server_default="", comment="what its scores were counted by"),
    comment="short numbers for boards, kept for good",
)

# --- projections --------------------------------------------------------------------------------------------------

part = Table(
    "part",
    metadata,
    Column("learner", BigInteger, nullable=False, comment="identifier.home: merges do not change it"),
    moment("happened", nullable=False),
    Column("statement", UUID(as_uuid=True), nullable=False),
    PrimaryKeyConstraint("learner", "happened", "statement"),
    comment="who took part in which statement, in whatever role",
)

match = Table(
    "match",
    metadata,
    Column("rule", Integer, nullable=False),
    Column("learner", BigInteger, nullable=False),
    moment("happened", nullable=False),
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("once", LargeBinary, comment="digest of the once_per values; of equal ones only the earliest counts"),
    Column("making", Integer, nullable=False, comment="rule_version.making: which version's match it is"),
    Column("detail", LargeBinary, comment="what the fold needs of the statement, as msgpack"),
    Column(
        "swapped",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="does not count: the two learners did it the other way round before",
    ),
    PrimaryKeyConstraint("rule", "learner", "happened", "statement", "making"),
    Index("ix_match_once", "rule", "learner", "once", postgresql_where=text("once IS NOT NULL")),
)

match_pair = Table(
    "match_pair",
    metadata,
    Column("rule", Integer, nullable=False),
    Column("learner", BigInteger, nullable=False),
    Column("other", BigInteger, nullable=False),
    moment("happened", nullable=False),
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("guarded", Boolean, nullable=False, comment="whether the other can keep the match from counting"),
    Column("making", Integer, nullable=False),
    PrimaryKeyConstraint("rule", "learner", "happened", "statement", "other", "making"),
    Index("ix_match_pair_other", "rule", "learner", "other", "happened", "statement"),
    comment="of matches of rules with `swapped`, the recipient and everybody in the other role",
)

fold = Table(
    "fold",
    metadata,
    Column("rule", Integer, nullable=False),
    Column("learner", BigInteger, nullable=False),
    moment("happened", nullable=False, comment="with `statement`: the match the state stands at"),
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("state", LargeBinary, nullable=False),
    PrimaryKeyConstraint("learner", "rule"),
    postgresql_with={"fillfactor": "70"},
)

entrant = Table(
    "entrant",
    metadata,
    Column("rule", Integer, nullable=False),
    Column("learner", BigInteger, nullable=False),
    moment("happened", nullable=False),
    Column("statement", UUID(as_uuid=True), nullable=False),
    Column("place", Integer, nullable=False, comment="of the recipients of one statement, the how-manieth"),
    PrimaryKeyConstraint("rule", "learner"),
    Index("ix_entrant_order", "rule", "happened", "statement", "place"),
    comment="with what learners take part in the races of rules with `first`",
)

entry = Table(
    "entry",
    metadata,
    Column("id", BigInteger, Identity(), nullable=False),
    Column("learner", BigInteger, nullable=False),
    Column("rule", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("key", Text, nullable=False, comment="the award's key, which stays when history changes around it"),
    Column("unit", Text, nullable=False, comment="a currency (points), or badge:<achievement>"),
    Column("amount", BigInteger, nullable=False),
    moment("happened", nullable=False),
    moment("booked", nullable=False, server_default=func.now()),
    Column("statements", ARRAY(UUID(as_uuid=True)), nullable=False),
    Column("reason", Text, comment="null: the rule's title says it all"),
    Column("corrects", BigInteger, comment="the entry that this one takes back or mends"),
    PrimaryKeyConstraint("learner", "id"),
    Index("ix_entry_rule_learner", "rule", "learner"),
    Index("ix_entry_badge", "learner", "unit", postgresql_where=text("unit LIKE 'badge:%'")),
    comment="the ledger: rows are only ever added",
)

total = Table(
    "total",
    metadata,
    Column("learner", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("learner", "unit"),
    postgresql_with={"fillfactor": "70"},
)

purse = Table(
    "purse",
    metadata,
    Column("learner", BigInteger, nullable=False),
    Column("unit", Text, nullable=False, comment="a currency that caps or needs are about"),
    Column("folded_by", LargeBinary, nullable=False, comment="digest of the caps and marks"),
    Column("state", LargeBinary, nullable=False, comment="service.core.purses.PurseState as msgpack"),
    PrimaryKeyConstraint("learner", "unit"),
    postgresql_with={"fillfactor": "70"},
)

score = Table(
    "score",
    metadata,
    Column("board", Integer, nullable=False),
    Column("period", Integer, nullable=False, comment="service.core.windows.index"),
    Column("learner", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    moment("reached", nullable=False, comment="event time of the latest award in it: who got there first"),
    Column("version", BigInteger, nullable=False, comment="grows with every change; Redis applies only newer ones"),
    PrimaryKeyConstraint("board", "period", "learner"),
    Index("ix_score_learner", "learner"),
    postgresql_with={"fillfactor": "70"},
)

retell = Table(
    "retell",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("learner", BigInteger, nullable=False),
    comment="whose awards may be others than an LRS was told; only if any LRS is told of awards",
)

told = Table(
    "told",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Integer, ForeignKey("lrs.source"), nullable=False),
    Column("learner", BigInteger, nullable=False),
    Column("rule", Integer, nullable=False),
    Column("key", Text, nullable=False),
    moment("happened", nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="what the LRS is to be told; 0: nothing"),
    Column("said", BigInteger, comment="what the statement there says, or may say; null: none"),
    Column("statement", UUID(as_uuid=True), comment="the id of that statement"),
    Column("generation", Integer, nullable=False, server_default="0", comment="how many statements were voided"),
    moment("confirmed", comment="when the LRS had taken that statement"),
    moment("due", comment="when it is to be told; null: it knows, or has refused"),
    Column("tries", Integer, nullable=False, server_default="0", comment="refused, one after the other"),
    Column("problem", Text, comment="why it was refused"),
    UniqueConstraint("source", "learner", "rule", "key", "happened", "unit"),
    Index("ix_told_due", "source", "due", postgresql_where=text("due IS NOT NULL")),
    comment="awards that an LRS was told of, or is to be told of",
)

echo = Table(
    "echo",
    metadata,
    Column("statement", UUID(as_uuid=True), primary_key=True),
    comment="statements that we put into an LRS: whoever sends them back, they are not evaluated",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("learners", ARRAY(BigInteger), nullable=False),
    moment("booked", nullable=False, server_default=func.now()),
    comment="whose scores are to be written to Redis; a row lives from commit to projection",
)

# --- facts: badges ------------------------------------------------------------------------------------------------

badge_award = Table(
    "badge_award",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid()),
    Column("learner", BigInteger, comment="null: another award of the same badge speaks for the person"),
    Column("home", BigInteger, index=True, comment="the learner it was first offered to; null: still the same"),
    Column("rule", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("achievement", Text, nullable=False),
    Column("achievement_version", Integer, comment="as it was when the award was first offered"),
    Column("kind", Text, nullable=False, server_default="badge", comment="badge or micro_credential"),
    moment("happened", nullable=False),
    Column("statements", ARRAY(UUID(as_uuid=True)), nullable=False),
    moment("undone", comment="when the award lost its ground; null: it stands"),
    Column("state", Text, nullable=False, server_default="offered", comment="offered, claimed, declined, revoked"),
    Column(
        "review",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="an admin decides about it",
    ),
    moment("decided"),
    moment("shared", comment="since when its credential is public; null: only its learner sees it"),
    moment("mailed", comment="when its learner was told of it by e-mail"),
    Column("credential", UUID(as_uuid=True)),
    moment("created", nullable=False, server_default=func.now()),
    UniqueConstraint("learner", "rule", "key", "achievement"),
)

claim_link = Table(
    "claim_link",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the token in the link"),
    Column("award", UUID(as_uuid=True), ForeignKey("badge_award.id"), nullable=False, index=True),
    moment("created", nullable=False, server_default=func.now()),
    moment("expires", nullable=False),
    moment("used"),
    moment("sent", comment="when it was sent by e-mail; null: it was handed to a front end"),
)

wallet_offer = Table(
    "wallet_offer",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of its address's token, the pre-authorized code"),
    Column("award", UUID(as_uuid=True), ForeignKey("badge_award.id"), nullable=False, index=True),
    Column("format", Text, nullable=False, comment="ldp_vc or jwt_vc_json"),
    Column("tx_code", LargeBinary, comment="digest of the transaction code with the token; null: none is asked for"),
    Column("wrong", Integer, nullable=False, server_default="0", comment="wrong transaction codes so far"),
    moment("expires", nullable=False),
    moment("used", comment="when its code was exchanged for the access token"),
    Column("access", LargeBinary, unique=True, comment="SHA-256 of the access token"),
    moment("access_expires"),
    Column("by_identifier", Boolean, comment="whether the wallet was told to ask by credential identifier"),
    Column("subject", Text, comment="the DID of the key that the badge was bound to by it"),
    comment="offers of claimed badges to wallets (OpenID4VCI)",
)

wallet_nonce = Table(
    "wallet_nonce",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of a nonce that a key proof was made with"),
    moment("used", nullable=False, index=True),
    comment="nonces hold once; a row lives as long as its nonce would",
)

readdressed = Table(
    "readdressed",
    metadata,
    Column("learner", BigInteger, primary_key=True),
    moment("since", comment="when an identifier came or went last; null: what they hold was looked at since"),
    Column("reissued", ARRAY(UUID(as_uuid=True)), comment="awards with new credentials that they do not know of yet"),
    Index("ix_readdressed_since", "since", postgresql_where=text("since IS NOT NULL")),
    comment="learners of whom other identifiers are known than before",
)

status_list = Table(
    "status_list",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("issuer", Text, nullable=False, comment="slug; who signs it"),
    Column("purpose", Text, nullable=False, comment="revocation or suspension"),
    Column("bits", LargeBinary, nullable=False),
    Column("used", Integer, nullable=False, server_default="0", comment="how many indexes are given out"),
    Column("body", LargeBinary, comment="the signed bytes as served"),
    Column("jws", Text, comment="the same as compact JWS, once somebody has asked for it"),
    Column("dirty", Boolean, nullable=False, server_default=text("true"), comment="to be signed again"),
    moment("signed"),
)

credential = Table(
    "credential",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    Column("award", UUID(as_uuid=True), ForeignKey("badge_award.id"), nullable=False, index=True),
    Column("issuer", Text, nullable=False, comment="slug"),
    Column("key", Text, nullable=False, comment="what it was signed with"),
    Column("body", LargeBinary, nullable=False, comment="exactly the signed bytes"),
    Column("jws", Text, comment="the same as compact JWS, once somebody has asked for it"),
    Column("jws_key", Text, comment="what that was signed with"),
    moment("issued", nullable=False),
    moment("expires"),
    Column("status_list", Integer, ForeignKey("status_list.id"), nullable=False),
    Column("status_index", Integer, nullable=False),
    moment("revoked"),
    Column("revoked_because", Text),
    moment("suspended"),
    Column("suspended_because", Text),
    Column("replaced_by", UUID(as_uuid=True), comment="the credential that supersedes it"),
    moment("reminded", comment="when its holder was told that it will expire"),
    UniqueConstraint("status_list", "status_index"),
    Index("ix_credential_key", "issuer", "key"),
    Index("ix_credential_jws_key", "issuer", "jws_key", postgresql_where=text("jws_key IS NOT NULL")),
    Index("ix_credential_expires", "expires", postgresql_where=text("expires IS NOT NULL AND reminded IS NULL")),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("issuer", Text, primary_key=True, comment="slug"),
    Column("id", Text, primary_key=True, comment="the fragment of its verification method"),
    Column("algorithm", Text, nullable=False, comment="EdDSA or RS256"),
    Column("public", LargeBinary, nullable=False, comment="SubjectPublicKeyInfo"),
    Column("private", LargeBinary, nullable=False, comment="PKCS #8, encrypted under PLAUDIT_SECRET_KEY"),
    moment("created", nullable=False, server_default=func.now()),
    moment("retired"),
)
