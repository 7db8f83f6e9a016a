"""The Achievement of Open Badges 3.0: what a badge is about, in the one language of a credential."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from service.badges import terms
from service.badges.elements import LABELS, elements
from service.core import achievement as core
from service.core.rule import Text

Document = dict[str, Any]
EQF = "http://data.europa.eu/snb/eqf/"


@dataclass(frozen=True)
class Achievement:
    """What is awarded. picture: the digest of its image. of: all that is said of it beside the words."""

    slug: str
    name: str
    description: str
    criteria: str
    type: str = "Badge"
    picture: str | None = None
    language: str | None = None
    of: core.Achievement | None = None


def told(achievement: core.Achievement, picture: str | None, language: str = "en") -> Achievement:
    """The achievement in this language, or in the first one there is."""
    narrative = words(achievement.criteria, language)
    if achievement.micro_credential:
        lines = [f"- {label}: {text}" for label, text in elements(achievement.micro_credential, language)]
        narrative = "\n".join([narrative, "", *map(clean, lines)])
    return Achievement(
        slug=achievement.name,
        name=words(achievement.title, language),
        description=words(achievement.description, language),
        criteria=narrative,
        type=achievement.type,
        picture=picture,
        language=None if isinstance(achievement.title, str) else language_of(achievement.title, language),
        of=achievement,
    )


def parted(narrative: str) -> tuple[str, list[tuple[str, str]]]:
    """The criteria that a credential says, and the elements of a micro-credential that `told` has put behind them."""
    for label in LABELS["country"].values():
        criteria, found, rest = narrative.partition(f"\n\n- {label}: ")
        if found:
            lines = f"{label}: {rest}".split("\n- ")
            return criteria, [(name, text) for name, _, text in (line.partition(": ") for line in lines)]
    return narrative, []


def words(text: Text, language: str = "en") -> str:
    """A text in this language, or in the first one there is, without the control characters that cannot be signed."""
    return clean(text if isinstance(text, str) else text[language_of(text, language)])


def clean(text: str) -> str:
    return terms.CONTROL.sub("", text.replace("\t", " "))


def language_of(text: Text, wanted: str) -> str:
    """The language that a text is taken in when `wanted` is wanted: the same, a wider one, English, or the first."""
    known = list(text) if not isinstance(text, str) else []
    spelled = {tag.lower(): tag for tag in known}
    while wanted:
        if wanted.lower() in spelled:
            return spelled[wanted.lower()]
        wanted = wanted.rpartition("-")[0]
    return spelled.get("en") or (known[0] if known else "en")


def document(about: Achievement, url: Callable[[str], str]) -> Document:
    """The Achievement as it stands in a credential. url: makes an address of a path."""
    address = url(f"achievements/{about.slug}")
    made: Document = {
        "id": address,
        "type": ["Achievement"],
        "achievementType": about.type,
        "name": about.name,
        "description": about.description,
        "criteria": {"id": address, "narrative": about.criteria},
    }
    if about.picture:
        made["image"] = {"id": url(f"images/{about.picture}.png"), "type": "Image", "caption": about.name}
    if about.language:
        made["inLanguage"] = about.language
    return made | (_more(about.of, address) if about.of else {})


def _more(said: core.Achievement, address: str) -> Document:
    micro = said.micro_credential
    found: dict[str, Any] = {
        "tag": [clean(tag) for tag in said.tags],
        "alignment": [*map(_alignment, said.alignment), *([_level_of(micro)] if micro else [])],
        "resultDescription": [
            _described(one, f"{address}#result-{number}") for number, one in enumerate(said.results, 1)
        ],
        "creator": _creator(said, address),
        "version": said.version and clean(said.version),
        "humanCode": said.human_code and clean(said.human_code),
        "fieldOfStudy": said.field_of_study and clean(said.field_of_study),
        "creditsAvailable": _whole(said.credits or (micro.ects if micro else None)),
    }
    return {name: value for name, value in found.items() if value}


def result(said: core.Achievement, number: int, score: float, address: str) -> Document:
    """The Result of a credential for the `number`-th result that the achievement describes (from 1)."""
    one = said.results[number - 1]
    reached = [place for place, level in enumerate(one.levels, 1) if score >= level.at_least]
    made: Document = {
        "type": ["Result"],
        "resultDescription": f"{address}#result-{number}",
        "value": shown(one, score),
    }
    return made | ({"achievedLevel": f"{address}#result-{number}-level-{reached[-1]}"} if reached else {})


def shown(one: core.Result, score: float) -> str:
    """A score as people read it: a scaled one in percent."""
    return f"{score * 100 if one.of == 'score' else score:.10g}"


def _described(one: core.Result, id_: str) -> Document:
    ends = (-1.0 if one.least is None else one.least, 1.0) if one.of == "score" else (one.least, one.most)
    low, high = (0.0 if one.of == "score" and ends[0] == -1 else ends[0]), ends[1]
    found: dict[str, Any] = {
        "id": id_,
        "type": ["ResultDescription"],
        "name": clean(one.name),
        "resultType": "Percent" if one.of == "score" else "RawScore",
        "valueMin": None if low is None else shown(one, low),
        "valueMax": None if high is None else shown(one, high),
        "requiredValue": None if one.required is None else shown(one, one.required),
        "rubricCriterionLevel": list(_levels(one, id_)),
    }
    return {name: value for name, value in found.items() if value}


def _levels(one: core.Result, id_: str) -> Iterator[Document]:
    for number, level in enumerate(one.levels, 1):
        made: Document = {
            "id": f"{id_}-level-{number}",
            "type": ["RubricCriterionLevel"],
            "name": clean(level.name),
            "level": str(number),
            "points": shown(one, level.at_least),
        }
        yield made | ({"description": clean(level.description)} if level.description else {})


def _alignment(one: core.Alignment) -> Document:
    found = {
        "type": ["Alignment"],
        "targetName": clean(one.name),
        "targetUrl": one.url,
        "targetCode": one.code,
        "targetFramework": one.framework,
        "targetDescription": one.description,
        "targetType": one.type,
    }
    return {name: clean(value) if isinstance(value, str) else value for name, value in found.items() if value}


def _level_of(micro: core.MicroCredential) -> Document:
    return {
        "type": ["Alignment"],
        "targetName": f"EQF level {micro.level}",
        "targetUrl": f"{EQF}{micro.level}",
        "targetFramework": "European Qualifications Framework",
        "targetCode": str(micro.level),
    }


def _creator(said: core.Achievement, address: str) -> Document | None:
    """Who made it; of a micro-credential its awarding body with the country."""
    micro, made = said.micro_credential, said.creator
    if made is None and micro is None:
        return None
    name = made.name if made else micro.awarding_body if micro else ""
    creator: Document = {"id": made.url if made else f"{address}#creator", "type": ["Profile"], "name": clean(name)}
    if made:
        creator["url"] = made.url
    if micro:
        creator["address"] = address_in(micro.country)
    return creator


def address_in(country: str) -> Document:
    """The Address of somebody of whom the country is known."""
    return {"type": ["Address"], "addressCountry": country, "addressCountryCode": country}


def _whole(number: float | None) -> int | None:
    """Numbers with a fraction have no one form in RDF, so they stand in the text alone."""
    return int(number) if number and number == int(number) else None
