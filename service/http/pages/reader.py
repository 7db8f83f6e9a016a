"""The language of whoever reads a page: the one they like best of those that we have, else English."""

from __future__ import annotations

from datetime import datetime

from flask import has_request_context, request
from markupsafe import Markup, escape

from service import languages
from service.languages import LANGUAGES


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
    return Markup(say(sentence)).format(**{name: escape(value) for name, value in values.items()})  # noqa: S704 - ours


def day(moment: datetime) -> str:
    return languages.day(moment, language())
