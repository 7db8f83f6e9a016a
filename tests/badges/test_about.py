"""What a credential says of its achievement: everything in the YAML, in one language, as the strict schema wants it."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from sqlalchemy import Engine

from service.badges import about, signing
from service.badges.evidence import assessed, latest
from service.core.achievement import Achievement
from service.core.language import load
from service.store import badges
from service.store.achievements import keep
from service.store.engine import driver
from tests.badges import stored
from tests.badges.samples import AWARD, ISSUER, KEY, NOW, credential, signed
from tests.badges.stored import KEEN
from tests.core.test_achievement_document import FULL
from tests.written import fact, said


def ethics(**changes: object) -> Achievement:
    documents, problems = load([("a.yaml", FULL.encode())])
    assert not problems
    return msgspec.structs.replace(documents.achievements[0], **changes)


def test_all_of_it_stands_in_the_credential_and_can_be_signed() -> None:
    told = about.told(ethics(), "0" * 40, "de")
    address = ISSUER.url("achievements/data-ethics")
    document = credential(achievement=told, results=(about.result(ethics(), 1, 0.93, address),))
    assert signing.problems(signed(document), {ISSUER.method("key-1"): KEY.multibase}) == ()
    subject = document["credentialSubject"]
    said = subject["achievement"]
    assert (said["name"], said["inLanguage"], said["version"], said["humanCode"]) == (
        *("Datenethik", "de", "2026.1"),
        "DE-101",
    )
    assert said["achievementType"] == "MicroCredential"
    assert said["alignment"][0]["targetType"] == "CFItem"
    assert said["alignment"][0]["targetCode"] == "S1.8"
    assert said["alignment"][-1]["targetUrl"] == "http://data.europa.eu/snb/eqf/5"
    assert said["creator"]["address"]["addressCountry"] == "DE"
    for words in ("Niveau (Europäischer Qualifikationsrahmen): 5", "2.5 ECTS", "Written test", "Wägt ab"):
        assert words in said["criteria"]["narrative"]
    (described,) = said["resultDescription"]
    assert (described["requiredValue"], described["valueMax"]) == ("80", "100")
    (result,) = subject["result"]
    assert (result["value"], result["resultDescription"]) == ("93", described["id"])
    assert result["achievedLevel"] == described["rubricCriterionLevel"][1]["id"]


def test_whole_credits_are_a_number_and_parts_of_one_are_words() -> None:
    micro = ethics().micro_credential
    assert micro is not None
    for ects, number in ((2.0, 2), (2.5, None)):
        told = about.told(ethics(micro_credential=msgspec.structs.replace(micro, ects=ects)), None)
        assert about.document(told, ISSUER.url).get("creditsAvailable") == number


def test_a_text_is_taken_in_the_nearest_language() -> None:
    texts = {"de": "Deutsch", "pt-BR": "Português", "en": "English"}
    for wanted, found in (("de-AT", "de"), ("PT-br", "pt-BR"), ("fr", "en"), ("", "en")):
        assert about.language_of(texts, wanted) == found
    assert about.language_of({"fr": "Français"}, "de") == "fr"


def test_control_characters_do_not_get_into_a_credential() -> None:
    told = about.told(ethics(title="Da\x00ta\x7f", tags=("a\x07",), version="1\x01"), None)
    assert signing.sign(credential(achievement=told), ISSUER, KEY, NOW)


def test_a_score_is_that_of_the_latest_statement_that_has_one() -> None:
    facts = [
        fact(said(1, "2026-03-01", result={"score": {"scaled": 0.7}})),
        fact(said(2, "2026-03-03", result={"score": {"scaled": 0.9}})),
        fact(said(3, "2026-03-04")),
    ]
    assert latest(facts, "score") == 0.9
    assert latest(facts, "raw_score") is None
    assert assessed(facts)
    assert not assessed(facts[2:])
    observed = [msgspec.structs.replace(facts[2], capture="observed")]
    assert assessed(observed)


def test_a_changed_achievement_does_not_change_what_was_awarded(engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
    with engine.begin() as connection:
        changed = msgspec.structs.replace(KEEN, title="Something else", image="other.svg")
        keep(driver(connection), changed, (b"<svg>other</svg>", "image/svg+xml"))
        keep(driver(connection), changed, (b"<svg>other</svg>", "image/svg+xml"))
        found = badges.award(connection, award, stored.NOW)
        assert found is not None
        assert (found.achievement, found.given) == (KEEN, stored.digest_of(stored.SVG))
        badges.settle(connection, [stored.change(ana, grounded=False), stored.change(ana)])
        again = badges.award(connection, award, stored.NOW)
        assert again is not None
        assert again.achievement == KEEN
        badges.settle(connection, [stored.change(ana, key="2")])
        titles = {str(one.achievement.title) for one in badges.awards_of(connection, ana, stored.NOW)}
    assert titles == {"Keen learner", "Something else"}


def test_an_award_of_a_plain_achievement_says_nothing_more() -> None:
    plain = about.document(replace(AWARD.achievement), ISSUER.url)
    assert set(plain) == {"id", "type", "achievementType", "name", "description", "criteria", "image"}
