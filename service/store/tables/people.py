"""Who is who: learners by their identifiers, and who goes by whom."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from service.store.tables.columns import metadata, moment

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
