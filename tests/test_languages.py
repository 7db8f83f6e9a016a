"""Whatever a page, an e-mail or a refusal says, it says in every language."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from service.badges.elements import HOURS, LABELS
from service.http import claim_pages, consent
from service.languages import LANGUAGES, apart, say, sentences

SERVICE = Path(__file__).parents[1] / "service"
SAID = re.compile(r"""(?<![.\w])(?:_|say|sentence)\(\s*"((?:[^"\\]|\\.)*)\"""")


def said() -> set[str]:
    """Every sentence that is said in a template or in Python, by its place in the source."""
    sources = [*SERVICE.glob("http/pages/*.html"), *SERVICE.glob("**/*.py")]
    found = {sentence for path in sources for sentence in SAID.findall(path.read_text(encoding="utf-8"))}
    given = {what for _, _, what in claim_pages.FILES}
    return found | set(claim_pages.TITLES.values()) | given | set(consent.SEEN.values())


@pytest.mark.parametrize("language", [tag for tag in LANGUAGES if tag != "en"])
def test_every_sentence_is_there_with_its_places(language: str) -> None:
    known = sentences(language)
    assert said() - set(known) == set()
    for sentence, translated in known.items():
        assert _places(sentence) == _places(translated), sentence
        assert translated.strip()


def test_every_element_of_a_micro_credential_has_a_label() -> None:
    assert all(set(texts) == set(LANGUAGES) for texts in [*LABELS.values(), HOURS])


def test_a_sentence_that_is_not_known_is_said_in_english() -> None:
    assert say("Nobody translated {what}.", "de", what="this") == "Nobody translated this."


def test_a_name_from_right_to_left_does_not_turn_the_sentence_around_it() -> None:
    assert say("Hello {name},", "de", name="Ann") == "Guten Tag Ann,"
    assert "\u2068محمد 1\u2069" in say("Hello {name},", "en", name="محمد 1")
    assert apart(7) == 7


def _places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
