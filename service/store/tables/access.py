"""Who may push and read: sources with their secrets, tokens, and programs that read learners' badges for them."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from service.store.tables.columns import metadata, moment

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
