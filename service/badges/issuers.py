"""Who issues: the issuer of the settings, those that documents say, and those that once signed something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from service.badges.documents import Issuer
from service.core.issuer_document import MAIN
from service.settings import Settings
from service.store import issuers as store


@dataclass(frozen=True)
class Issuers:
    """known: all of them by slug, in that order. signing: the slugs of those that sign what is new."""

    default: Issuer
    known: Mapping[str, Issuer]
    signing: frozenset[str]

    def of(self, slug: str) -> Issuer:
        """The issuer of this slug, which something signed names."""
        return self.known[slug]

    def awarding(self, named: str | None) -> Issuer:
        """Who signs an achievement that names this issuer, or none: the default where the named one is no more."""
        return self.known[named] if named in self.signing else self.default


def issuers(connection: Connection, settings: Settings) -> Issuers:
    """Everybody who issues here. What a document says of `main` goes before what the settings say."""
    main = Issuer(MAIN, settings.issuer_name, settings.public_url, email=settings.issuer_email or None)
    known, signing, default = {MAIN: main}, {MAIN}, MAIN
    for said, picture, signs in store.known(connection):
        if said.slug == MAIN and not signs:
            continue
        known[said.slug] = replace(
            main if said.slug == MAIN else Issuer(said.slug, said.name, settings.public_url),
            name=said.name,
            home=said.url,
            email=said.email or (main.email if said.slug == MAIN else None),
            description=said.description or None,
            image=main.url(f"images/{picture}.png") if picture else None,
            country=said.country,
        )
        if signs:
            signing.add(said.slug)
            default = said.slug if said.default else default
    return Issuers(known[default], dict(sorted(known.items())), frozenset(signing))
