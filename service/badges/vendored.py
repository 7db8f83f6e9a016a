"""The JSON-LD contexts and the JSON Schema that credentials are signed by, read from this folder and pinned by SHA-256.

A context that differs in one byte may change what a signature means, so a file that does not have its digest is an
error of the installation and stops the process. Nothing is ever fetched.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
OPEN_BADGES_EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
ACHIEVEMENT_CREDENTIAL_SCHEMA = (
    "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
)

FOLDER = Path(__file__).parent
CONTEXTS = {
    CREDENTIALS_V2: (
        "contexts/credentials-v2.json",
        "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    OPEN_BADGES: (
        "contexts/ob-v3p0-context-3.0.3.json",
        "3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
    OPEN_BADGES_EXTENSIONS: (
        "contexts/ob-v3p0-extensions.json",
        "87c06c81bc2317663bf288d740d94fddd2818c4342b186270ff6371dfaa63f93",
    ),
    # What other issuers sign by, for checking.
    "https://www.w3.org/2018/credentials/v1": (
        "contexts/credentials-v1.json",
        "ab4ddd9a531758807a79a5b450510d61ae8d147eab966cc9a200c07095b0cdcc",
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context.json": (
        "contexts/ob-v3p0-context.json",
        "b077fa134d909d92c1dcd1c153f2af1b244aeb415967fdc1467d7fc5dd48ac10",
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json": (
        "contexts/ob-v3p0-context-3.0.1.json",
        "5f3d9dd6288ef437ff8286cf95ffbff609c748a66f24a1e9450c45ca64be1571",
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.2.json": (
        "contexts/ob-v3p0-context-3.0.2.json",
        "00666ad080ba407687ed1846b7f5e7495f5019042b202a727de47c48a1755c53",
    ),
    "https://w3id.org/security/data-integrity/v1": (
        "contexts/data-integrity-v1.json",
        "b5d829bd09aa7c42abc6efa0c8ed7635313b5487f37ccfce3ecd149ca9418554",
    ),
    "https://w3id.org/security/data-integrity/v2": (
        "contexts/data-integrity-v2.json",
        "67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4",
    ),
    "https://w3id.org/security/suites/ed25519-2020/v1": (
        "contexts/ed25519-2020-v1.json",
        "b9e1ab971fd8bf2c7553e0c4a9438e0b9450afde1ea1ca5b2492368b9f549588",
    ),
    "https://w3id.org/vc/status-list/2021/v1": (
        "contexts/status-list-2021-v1.json",
        "fbed35e8a8f01448db4c2db7fa37496f71588aa9cf1e64f71a50fe58677f1c53",
    ),
    "https://www.w3.org/ns/credentials/status/v1": (
        "contexts/bitstring-status-list-v1.json",
        "fda5add353231e6a6884a46b12e6c75464281900cb348284d9c360f62381d9f7",
    ),
}
STRICT_SCHEMA = (
    "schemas/achievementcredential.strict.json",
    "859e405b592d93c3261fe899362f4128801140d4d20c01502a066b3540483d95",
)


@cache
def context(url: str) -> dict[str, Any]:
    """The `@context` object published at `url`; KeyError if it is none of the vendored ones."""
    terms: dict[str, Any] = _pinned(*CONTEXTS[url])["@context"]
    return terms


@cache
def strict_schema() -> dict[str, Any]:
    """1EdTech's JSON Schema of the AchievementCredential in its strict form (arrays everywhere)."""
    return _pinned(*STRICT_SCHEMA)


def _pinned(name: str, sha256: str) -> dict[str, Any]:
    content = (FOLDER / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sha256, f"{name} is not the published file"
    document: dict[str, Any] = json.loads(content)
    return document
