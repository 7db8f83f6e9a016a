"""The language of whoever reads a page: the one they like best of those that we have, else English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flask import has_request_context, request
from markupsafe import Markup, escape

from service import languages
from service.core.rule import Text
from service.http.services import services
from service.languages import LANGUAGES, apart


def liked(texts: Mapping[str, str]) -> str | None:
    """Which of these languages the reader likes best, English if none; None: there are none."""
    known = {tag.lower(): tag for tag in texts}
    for wanted in request.accept_languages.values():
        tag = wanted.lower()
        while tag:
            if tag in known:
                return known[tag]
            tag = tag.rpartition("-")[0]
    return known.get("en") or next(iter(texts), None)


class Words(str):
    """A text in one language; None: its author has not said in which."""

    language: str | None

    def __new__(cls, text: str, language: str | None = None) -> Words:
        made = super().__new__(cls, text)
        made.language = language
        return made


def worded(text: Text) -> Words:
    """The text in the language that the reader likes best of those that it has."""
    if isinstance(text, str):
        return Words(text)
    tag = liked(text)
    return Words(text[tag], tag) if tag else Words("")


def marked(text: str) -> Markup:
    """The attributes of an element that holds this text: its language, where that is not the page's, and direction.

    What its author wrote in no language in particular is in the service's own.
    """
    tag = getattr(text, "language", None) or services().settings.language
    known = Markup("") if tag == language() else Markup(' lang="{}"').format(tag)
    return Markup(' dir="auto"') + known


def language() -> str:
    """The language of the page that is being answered (RFC 9110, Accept-Language)."""
    if not has_request_context():
        return LANGUAGES[0]
    wanted = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return next((tag for tag in wanted if tag in LANGUAGES), LANGUAGES[0])


def say(sentence: str, /, **values: object) -> str:
    """The sentence in the reader's language."""
    return languages.say(sentence, language(), **values)


def say_markup(sentence: str, /, **values: object) -> Markup:
    """The same within a page; values are escaped."""
    return Markup(say(sentence)).format(**{name: escape(apart(value)) for name, value in values.items()})  # noqa: S704 - ours


def day(moment: datetime) -> str:
    return languages.day(moment, language())
