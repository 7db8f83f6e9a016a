"""What is honoured: rules with their versions, and the documents beside them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from service.store.tables.columns import metadata, moment

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
