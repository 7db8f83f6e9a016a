"""What happened: statements as they came, what voids them, and what could not be used."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from service.store.tables.columns import metadata, moment

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
