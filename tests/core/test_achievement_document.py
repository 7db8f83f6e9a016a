"""Achievements in YAML: every key becomes a value, and what is wrong is said with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.core import achievement_document
from service.core.achievement import ICONS, Achievement, Alignment, Drawing, Level, MicroCredential, Result
from service.core.language import load

FULL = """\
achievement: data-ethics
name: {en: Data ethics, de: Datenethik}
description: Weighs the use of data.
criteria: Pass both courses.
image: {shape: shield, colour: "#1F6F54", icon: scale, label: 2 ECTS}
tags: [ethics, data]
alignment:
  - {name: manage time, url: "https://case.example.org/items/1", type: CFItem, code: S1.8, framework: Skills}
  - {name: a competency, url: "https://esco.example.org/skill/2", type: Competency}
results:
  - {name: Score, of: score, required: 0.8, levels: [{name: Good, at_least: 0.8}, {name: Very good, at_least: 0.9}]}
creator: {name: Acme University, url: "https://acme.example.org"}
version: "2026.1"
code: DE-101
field: Ethics
micro_credential:
  country: DE
  awarding_body: Acme Academy
  learning_outcomes: [Names the principles, {en: Weighs a use, de: Wägt ab}]
  workload: 2.5 ECTS
  level: 5
  assessment: Written test
  participation: Online
  quality_assurance: Reviewed yearly
"""


def read(text: str) -> tuple[tuple[Achievement, ...], list[str]]:
    documents, problems = load([("a.yaml", text.encode())])
    return documents.achievements, [str(problem) for problem in problems]


def test_every_key_is_read() -> None:
    (found,), problems = read(FULL)
    assert problems == []
    assert found.image == Drawing("shield", "#1f6f54", "scale", "2 ECTS")
    assert found.alignment == (
        Alignment("manage time", "https://case.example.org/items/1", "S1.8", "Skills", type="CFItem"),
        Alignment("a competency", "https://esco.example.org/skill/2", type="ceasn:Competency"),
    )
    levels = (Level("Good", 0.8), Level("Very good", 0.9))
    assert found.results == (Result("Score", "score", required=0.8, levels=levels),)
    assert (found.type, found.version, found.human_code, found.field_of_study) == (
        *("MicroCredential", "2026.1", "DE-101"),
        "Ethics",
    )
    assert found.micro_credential == MicroCredential(
        country="DE",
        awarding_body="Acme Academy",
        learning_outcomes=("Names the principles", {"en": "Weighs a use", "de": "Wägt ab"}),
        level=5,
        assessment="Written test",
        participation="Online",
        quality_assurance="Reviewed yearly",
        ects=2.5,
    )


REQUIRED = [name for name, key in achievement_document.MICRO.items() if key.required]


@pytest.mark.parametrize("missing", REQUIRED)
def test_a_micro_credential_says_every_element(missing: str) -> None:
    lines = [line for line in FULL.splitlines() if not line.startswith(f"  {missing}:")]
    found, problems = read("\n".join(lines))
    assert found == ()
    assert len(problems) == 1
    assert f'"{missing}" is missing' in problems[0]


def test_the_elements_are_those_of_the_recommendation() -> None:
    wanted = "country awarding_body learning_outcomes workload level assessment participation quality_assurance"
    assert wanted.split() == REQUIRED


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("workload: 2.5 ECTS", "workload: 2.5", '"workload" cannot be "2.5": write hours or ECTS credits'),
        ("workload: 2.5 ECTS", "workload: 0 hours", '"workload" cannot be "0 hours"'),
        ("level: 5", "level: 9", "a whole number from 1 to 8"),
        ("country: DE", "country: Germany", "a country in two letters"),
        ("icon: scale", "icon: scales", 'Did you mean "scale"?'),
        ("shape: shield", "shape: sheild", "shield"),
        ('colour: "#1F6F54"', "colour: mauve", "a colour: indigo"),
        ("https://case.example.org/items/1", "items/1", "an address on the web"),
        ("https://acme.example.org", "javascript:alert(1)", "an address on the web"),
        ("type: CFItem", "type: Skill", '"type" cannot be "Skill"'),
        ("at_least: 0.9", "at_least: 0.7", '"levels" are not in order'),
        ("of: score, ", "of: score, most: 100, ", '"most" is known of a score'),
        ("field: Ethics", "field: Ethics\ntype: Badge", '"micro_credential" does not go with this type'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(before: str, after: str, said: str) -> None:
    assert before in FULL
    found, problems = read(FULL.replace(before, after, 1))
    assert found == ()
    assert said in " ".join(problems)
    assert all(problem.startswith("a.yaml:") for problem in problems)


def test_a_micro_credential_without_its_elements_is_refused() -> None:
    text = FULL[: FULL.index("micro_credential:")] + "type: MicroCredential\n"
    found, problems = read(text)
    assert found == ()
    assert '"micro_credential" is missing: a MicroCredential says country, awarding_body' in problems[0]


def test_every_icon_is_there_to_be_drawn() -> None:
    kept = Path(__file__).parents[2] / "service/badges/drawing/icons.json"
    assert tuple(json.loads(kept.read_bytes())) == ICONS
