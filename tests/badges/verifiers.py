"""Verifiers written by others, asked for their verdict: openbadgeslib (PyPI) and two JavaScript libraries (npm).

Each verdict is the empty string where the credential holds, and the reason where it does not. `documents` are what the
issuer publishes, by address; `origins` maps an https origin to a server on loopback. Nothing else is ever fetched.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

JAVASCRIPT = Path(__file__).parents[1] / "js"
OLD = Path(__file__).parents[1] / "ob2"


def verdicts(
    credential: Mapping[str, Any],
    documents: Mapping[str, Any] | None = None,
    origins: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Verdicts by verifier: `digitalbazaar`, `dcc` and `openbadgeslib`."""
    documents, origins = documents or {}, origins or {}
    return {
        **_javascript(credential, documents, origins),
        "openbadgeslib": _openbadgeslib(credential, documents, origins),
    }


def jwt_verdicts(token: str, did: Mapping[str, Any], documents: Mapping[str, Any]) -> dict[str, str]:
    """Verdicts about a VC-JWT by verifier: `jose` and `openbadgeslib`. did: the DID document of its issuer."""
    return {
        "jose": _node("verify-jwt.mjs", {"token": token, "did": did})["why"],
        "openbadgeslib": openbadgeslib_jwt(token, did, documents),
    }


def taken_by_wallet(offers: Sequence[Mapping[str, Any]], origins: Mapping[str, str]) -> list[dict[str, Any]]:
    """What a wallet library (npm `@openid4vc/openid4vci`) got for each of these offers; see `wallet.mjs`."""
    found: list[dict[str, Any]] = _node("wallet.mjs", {"offers": offers, "origins": origins})
    return found


def openbadgeslib_jwt(token: str, did: Mapping[str, Any], documents: Mapping[str, Any]) -> str:
    from openbadgeslib.ob3 import OB3Verifier

    def download(url: str, *_: object, **__: object) -> bytes:
        if url not in documents:
            raise OSError(f"offline: {url}")
        document = documents[url]
        return document.encode() if isinstance(document, str) else json.dumps(document).encode()

    try:
        verifier = OB3Verifier.for_issuer_did(did["id"], download=download)
        verifier.verify(token, check_status=True, verify_status_list=False, download=download)
    except Exception as refused:  # noqa: BLE001 - its refusals share no base class
        return f"{type(refused).__name__}: {refused}"
    return ""


def old_verdict(given: str, origins: Mapping[str, str], recipient: Mapping[str, str] | None = None) -> str:
    """What the 1EdTech validator says of an Open Badge 2.0: an address, or the path of a baked picture."""
    python = OLD / ".venv/bin/python"
    if not (OLD / ".venv/.installed").exists():
        subprocess.run(["make", "tests/ob2/.venv/.installed"], cwd=OLD.parents[1], check=True)
    question = {"input": given, "origins": origins, "recipient": recipient}
    verdict = _asked([str(python), str(OLD / "verify.py")], question)
    return "" if verdict["valid"] else verdict["why"] or "refused"


def _javascript(
    credential: Mapping[str, Any], documents: Mapping[str, Any], origins: Mapping[str, str]
) -> dict[str, str]:
    question = {"credential": credential, "documents": documents, "origins": origins}
    given = _node("verify.mjs", question).items()
    return {name: "" if one["valid"] else one["why"] or "refused" for name, one in given}


def _node(script: str, question: Mapping[str, Any]) -> Any:
    if not (JAVASCRIPT / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=JAVASCRIPT, check=True)
    return _asked(["node", str(JAVASCRIPT / script)], question)


def _asked(command: list[str], question: Mapping[str, Any]) -> Any:
    answer = subprocess.run(
        command, input=json.dumps(question), capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(answer.stdout)


def _openbadgeslib(credential: Mapping[str, Any], documents: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    from openbadgeslib.ob3.did import resolve_verification_method
    from openbadgeslib.ob3.ldp import OB3LdpVerifier, verify_data_integrity_proof

    def download(url: str, *_: object, **__: object) -> bytes:
        bare = url.partition("#")[0]
        if bare in documents:
            return json.dumps(documents[bare]).encode()
        for origin, loopback in origins.items():
            if bare.startswith(f"{origin}/"):
                with urllib.request.urlopen(loopback + bare.removeprefix(origin), timeout=20) as answer:
                    return bytes(answer.read())
        raise OSError(f"offline: {bare}")

    issuer = credential["issuer"]["id"]
    try:
        verifier = OB3LdpVerifier.for_issuer_did(issuer)
        verifier.verify(dict(credential), check_status=True, verify_status_list=False, download=download)
        # It checks the proof of a status list by itself only when the list is a JWT.
        status_list = json.loads(download(credential["credentialStatus"]["statusListCredential"]))
        method = status_list["proof"][0]["verificationMethod"]
        verify_data_integrity_proof(status_list, resolve_verification_method(method, download=download))
    except Exception as refused:  # noqa: BLE001 - its refusals share no base class
        return f"{type(refused).__name__}: {refused}"
    return ""
