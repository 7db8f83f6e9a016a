"""What follows from the facts: it can be thrown away and computed again."""

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
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from service.store.tables.columns import metadata, moment

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
