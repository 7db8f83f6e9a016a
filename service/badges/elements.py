"""What a micro-credential says of itself, element by element, for credentials and pages (EU 2022/C 243/02, Annex I)."""

from __future__ import annotations

from collections.abc import Iterator

from service.core.achievement import MicroCredential
from service.core.rule import Text

LABELS = {
    "country": {"en": "Country of the issuer", "de": "Land der ausstellenden Einrichtung"},
    "awarding_body": {"en": "Awarding body", "de": "Verleihende Einrichtung"},
    "learning_outcomes": {"en": "Learning outcomes", "de": "Lernergebnisse"},
    "workload": {"en": "Workload", "de": "Arbeitsaufwand"},
    "level": {"en": "Level (European Qualifications Framework)", "de": "Niveau (Europäischer Qualifikationsrahmen)"},
    "assessment": {"en": "Type of assessment", "de": "Art der Prüfung"},
    "participation": {"en": "Form of participation", "de": "Form der Teilnahme"},
    "quality_assurance": {"en": "Quality assurance", "de": "Qualitätssicherung"},
    "prerequisites": {"en": "Prerequisites", "de": "Voraussetzungen"},
    "supervision": {"en": "Supervision and identity check", "de": "Aufsicht und Identitätsprüfung"},
    "stackable": {"en": "Combines with", "de": "Kombinierbar mit"},
    "not_assessed": {"en": "Why nothing is assessed", "de": "Warum nichts geprüft wird"},
}
HOURS = {"en": "hours", "de": "Stunden"}


def elements(said: MicroCredential, language: str) -> Iterator[tuple[str, str]]:
    """The label and the text of each element that is said, in this language as far as it is known."""

    def of(text: Text) -> str:
        return text if isinstance(text, str) else text.get(language) or text.get("en") or next(iter(text.values()))

    amounts = [(said.ects, "ECTS"), (said.hours, _in(HOURS, language))]
    texts = {
        "country": said.country,
        "awarding_body": said.awarding_body,
        "learning_outcomes": "; ".join(map(of, said.learning_outcomes)),
        "workload": ", ".join(f"{amount:g} {unit}" for amount, unit in amounts if amount),
        "level": str(said.level),
        "assessment": of(said.assessment),
        "participation": of(said.participation),
        "quality_assurance": of(said.quality_assurance),
        "prerequisites": of(said.prerequisites),
        "supervision": of(said.supervision),
        "stackable": of(said.stackable),
        "not_assessed": of(said.not_assessed),
    }
    yield from ((_in(LABELS[name], language), text) for name, text in texts.items() if text)


def _in(texts: dict[str, str], language: str) -> str:
    return texts.get(language.partition("-")[0]) or texts["en"]
