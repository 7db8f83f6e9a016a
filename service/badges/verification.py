"""Whether a credential holds: its proof, its dates and its bit in the status list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.badges import signing, status


def problems(
    credential: Mapping[str, Any], did_document: Mapping[str, Any], status_list: Mapping[str, Any], now: datetime
) -> tuple[str, ...]:
    """Why a credential is not valid at `now`, in sentences; none: it is."""
    keys = public_keys(did_document)
    found = signing.problems(credential, keys)
    return found or tuple(_date_problems(credential, now)) + tuple(_status_problems(credential, status_list, keys))


def public_keys(did_document: Mapping[str, Any]) -> dict[str, str]:
    """The keys that a DID document lets sign assertions, by verification method."""
    methods = {method["id"]: method.get("publicKeyMultibase") for method in did_document["verificationMethod"]}
    return {name: methods[name] for name in did_document["assertionMethod"] if methods.get(name)}


def _date_problems(credential: Mapping[str, Any], now: datetime) -> list[str]:
    found = []
    if datetime.fromisoformat(credential["validFrom"]) > now:
        found.append(f"$.validFrom: not valid before {credential['validFrom']}")
    if "validUntil" in credential and datetime.fromisoformat(credential["validUntil"]) < now:
        found.append(f"$.validUntil: expired at {credential['validUntil']}")
    return found


def _status_problems(
    credential: Mapping[str, Any], status_list: Mapping[str, Any], keys: Mapping[str, str]
) -> list[str]:
    entry = credential["credentialStatus"]
    if status_list.get("id") != entry["statusListCredential"]:
        return ["$.credentialStatus.statusListCredential: is another list"]
    if found := signing.problems(status_list, keys):
        return [f"status list: {problem}" for problem in found]
    if status.is_set(status.decode(status_list["credentialSubject"]["encodedList"]), int(entry["statusListIndex"])):
        return [f"$.credentialStatus: {'suspended' if entry['statusPurpose'] == 'suspension' else 'revoked'}"]
    return []
