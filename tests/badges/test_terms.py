"""What verifiers read differently is found before it is signed, each with its place."""

from __future__ import annotations

import pytest

from service.badges import terms
from tests.badges import samples


@pytest.mark.parametrize("shape", samples.shapes())
def test_documents_of_every_shape_may_be_signed(shape: str) -> None:
    assert terms.problems(samples.shapes()[shape]) == ()


@pytest.mark.parametrize("number", [*range(0x0A), *range(0x0B, 0x20), 0x7F, 0xD800])
def test_control_characters_are_refused(number: int) -> None:
    document = samples.credential()
    document["credentialSubject"]["achievement"]["criteria"]["narrative"] = f"a{chr(number)}b"
    (problem,) = terms.problems(document)
    assert problem.startswith("$.credentialSubject.achievement.criteria.narrative: holds the character")


def test_the_line_feed_is_allowed() -> None:
    document = samples.credential()
    document["name"] = "a\nb"
    assert terms.problems(document) == ()


@pytest.mark.parametrize(
    "iri", ["keen-learner", "/achievements/x", "", "https://x.example/a b", "https://x.example/<a>"]
)
def test_what_is_no_absolute_iri_is_refused(iri: str) -> None:
    document = samples.credential()
    document["credentialSubject"]["achievement"]["id"] = iri
    assert terms.problems(document) == (f"$.credentialSubject.achievement.id: {iri!r} is no absolute IRI",)


def test_an_iri_under_a_property_is_looked_at_too() -> None:
    document = samples.credential()
    document["credentialStatus"]["statusListCredential"] = "status/1"
    assert terms.problems(document) == ("$.credentialStatus.statusListCredential: 'status/1' is no absolute IRI",)


def test_an_undefined_term_is_refused() -> None:
    document = samples.credential()
    document["evidence"][0]["grade"] = "A"
    assert terms.problems(document) == ("$.evidence[0].grade: no context defines this term",)


def test_a_term_is_only_defined_where_its_type_says_so() -> None:
    document = samples.credential()
    document["credentialSubject"]["validFrom"] = document["validFrom"]
    assert terms.problems(document) == ("$.credentialSubject.validFrom: no context defines this term",)


def test_an_undefined_type_is_refused() -> None:
    document = samples.credential()
    document["evidence"][0]["type"].append("Proofish")
    assert terms.problems(document) == ("$.evidence[0].type: no context defines 'Proofish'",)


def test_a_number_that_has_several_forms_is_refused() -> None:
    document = samples.credential()
    document["credentialSubject"]["creditsEarned"] = 2.5
    assert terms.problems(document)[0].startswith("$.credentialSubject.creditsEarned: 2.5 has no one form")


def test_a_context_that_is_not_kept_here_is_refused() -> None:
    document = samples.credential()
    document["@context"].append("https://example.org/context.json")
    assert "only https://www.w3.org/ns/credentials/v2" in terms.problems(document)[0]
