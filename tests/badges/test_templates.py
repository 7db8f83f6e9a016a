"""Canonical forms by template are, byte for byte, those of the full algorithm; what is in doubt goes the full way."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from service.badges import documents, rdf, signing, templates, vendored
from service.badges.documents import Award, Issuer
from tests.badges import samples
from tests.laws.effort import FACTOR

NUMBER = 500 * FACTOR  # the thorough run compares 10,000
ALPHABET = 'abcdefghi ABC 0123 \n"\\%{}<>^_:;@#é漢字🎉\u202e\u2028\u0085\u00a0ع'
WORDS = ("_:b0", "_:c14n0", '"^^<x>', "%s", "%(a)s", "urn:slot:0:", "\\n", "@en", "<https://a.b/c>", "{}")


def text(chance: random.Random, longest: int = 60) -> str:
    letters = chance.choices(ALPHABET, k=chance.randrange(1, longest))
    return "".join(letters) + (chance.choice(WORDS) if chance.random() < 0.3 else "")


def award(chance: random.Random) -> Award:
    """An award of one of some shapes, with whatever texts."""
    mboxes = [f"mailto:{chance.randrange(10**6)}@acme.example.org" if chance.random() < 0.7 else None for _ in range(2)]
    earned = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(10**9))
    return replace(
        samples.AWARD,
        id=UUID(int=chance.getrandbits(128)),
        subject=f"urn:uuid:{UUID(int=chance.getrandbits(128))}",
        achievement=replace(
            samples.KEEN,
            slug=chance.choice(["keen", "a-b"]),
            name=text(chance),
            description=text(chance, 300),
            criteria=text(chance),
            type=chance.choice(["Badge", "MicroCredential", "ext:Own"]),
            picture="0" * 40 if chance.random() < 0.5 else None,
        ),
        recipients=tuple(
            documents.recipient("account:https://hr.example.org ana", mbox, text(chance))
            for mbox in mboxes[: chance.randrange(1, 3)]
        ),
        earned=earned,
        issued=earned,
        expires=earned if chance.random() < 0.5 else None,
        reason=text(chance, 3000 if chance.random() < 0.01 else 100),
        statements=tuple(UUID(int=chance.getrandbits(128)) for _ in range(chance.randrange(4))),
        status=documents.Status("revocation", 1, chance.randrange(131_072)),
    )


def test_a_template_gives_the_bytes_of_the_full_algorithm() -> None:
    chance, by_template = random.Random(7), 0
    for _ in range(NUMBER):
        document = documents.credential(samples.ISSUER, award(chance))
        canonical = templates.canonical(document)
        if canonical is None:
            signing.sign(document, samples.ISSUER, samples.KEY, samples.NOW)  # so that the shape is learnt
        else:
            assert canonical == rdf.canonical(document)
            by_template += 1
    assert by_template > NUMBER * 0.75


def test_what_is_signed_by_template_verifies() -> None:
    for reason in ("first", "second 🎉", 'thi"rd\\'):
        signed = samples.signed(samples.credential(reason=reason))
        assert signing.problems(signed, {samples.ISSUER.method("key-1"): samples.KEY.multibase}) == ()
    assert templates.canonical(samples.credential()) is not None


@pytest.mark.parametrize("reason", ["a\x07bell", "a\ttab", "a\x7fdelete", "half \ud800 character"])
def test_text_that_may_not_be_signed_is_refused_by_its_place_also_when_the_shape_is_known(reason: str) -> None:
    samples.signed(samples.credential())
    with pytest.raises(signing.NotSignable, match=r"\$.evidence\[0\].narrative"):
        samples.signed(samples.credential(reason=reason))


def test_a_value_that_the_schema_refuses_is_refused_also_when_the_shape_is_known() -> None:
    samples.signed(samples.credential())
    with pytest.raises(signing.NotSignable, match="identityType"):
        samples.signed(samples.credential(recipients=(replace(samples.ANA, type="nickname"),)))


def test_an_unusual_address_goes_the_full_way() -> None:
    samples.signed(samples.credential())
    elsewhere = Issuer("main", "Acme", "https://bücher.example.org")
    document = documents.credential(elsewhere, samples.AWARD)
    assert templates.canonical(document) is None


def test_blank_nodes_that_look_alike_go_the_full_way() -> None:
    twice: dict[str, Any] = samples.credential(recipients=(samples.ANA, replace(samples.ANA, salt="another")))
    samples.signed(twice)
    assert templates.canonical(twice) is not None
    twins = samples.credential(recipients=(samples.ANA, samples.ANA))
    assert templates.canonical(twins) is None
    signing.sign(twins, samples.ISSUER, samples.KEY, samples.NOW)


def test_no_context_makes_a_term_of_a_scheme_that_is_taken_as_it_is() -> None:
    for url in vendored.CONTEXTS:
        assert not {"http", "https", "did", "urn"} & set(vendored.context(url))
