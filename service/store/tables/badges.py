"""What was offered, claimed and signed, and by whose keys."""

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
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from service.store.tables.columns import metadata, moment

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
