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
