"""The `board:` and `vocabulary:` documents: their keys, and what must be true between them."""

from __future__ import annotations

from typing import Any, NamedTuple

from service.core import forms, scalars
from service.core.forms import Form, Key, Reading, Table, either, expected, fields, list_of, mapping
from service.core.kind_document import PERIODS
from service.core.places import Node, Pairs, Scalar, shown
from service.core.rule import Board
from service.core.rule_document import CURRENCY
from service.core.scalars import TIME_ZONE
from service.core.template_form import PROFILES, Profile
from service.core.vocabulary import SECTIONS, Section, Word, is_word

# --- board --------------------------------------------------------------------------------------------------------


class Chosen(NamedTuple):
    """Which rules a board counts, or a cap: `rules` is None for all; `tagged` names them by their tags instead."""

    rules: tuple[str, ...] | None = None
    tagged: str | None = None


def mentioned(kind: str, form: Form[str], severity: Any = "error") -> Form[str]:
    """The form of a name that some other document has to define."""

    def read(reading: Reading, node: Node, name: str) -> str | None:
        value = form.read(reading, node, name)
        if value is not None:
            reading.mention(kind, value, node, severity)
        return value

    return Form(form.words, form.example, form.schema, read)


_TAGGED: Table = {
    "tagged": Key(mentioned("tag", scalars.slug("social"), "warning"), "rules with this tag", required=True)
}
_ALL: Form[Chosen] = Form("all", "all", {"const": "all"}, lambda _reading, _node, _name: Chosen())
_RULES = list_of(mentioned("rule", scalars.slug("share-an-article")), or_one=True)
_NAMED: Form[Chosen] = Form(
    _RULES.words,
    _RULES.example,
    _RULES.schema,
    lambda *read: None if (names := _RULES.read(*read)) is None else Chosen(names),
)
_BY_TAG = mapping("a choice of rules", "{tagged: social}", _TAGGED, lambda found: Chosen(tagged=found["tagged"]))


def _choice(node: Node) -> Form[Chosen]:
    if isinstance(node, Pairs):
        return _BY_TAG
    return _ALL if isinstance(node, Scalar) and node.text == "all" else _NAMED


RULES = either("all, a list of rules, or {tagged: …}", "all", _choice, _ALL, _NAMED, _BY_TAG)
BOARD: Table = {
    "board": Key(scalars.slug("this-month"), "its name, unique among all boards", required=True),
    "title": Key(scalars.localized("This month"), "what people read", required=True),
    "points": Key(mentioned("currency", CURRENCY, "warning"), "which currency; default `points`"),
    "period": Key(scalars.one_of(*PERIODS, example="month"), "the board starts anew in each of these; default `ever`"),
    "from_rules": Key(
        RULES,
        "whose points count: `all` (the default), a list of rules, or `{tagged: …}`, the rules with this tag",
    ),
    "ties": Key(
        scalars.one_of("shared", "dense", "first"),
        "`shared` (1, 1, 3; the default), `dense` (1, 1, 2), `first` (who got there first)",
    ),
    "who": Key(scalars.one_of("everyone", "opted_in", example="opted_in"), "who is shown; default `opted_in`"),
    "time_zone": Key(TIME_ZONE, "for days, weeks and months; default the service's"),
}


def _make_board(found: dict[str, Any]) -> Board:
    chosen: Chosen = found.pop("from_rules", Chosen())
    return Board(name=found.pop("board"), from_rules=chosen.rules, tagged=chosen.tagged, **found)


BOARD_FORM = mapping("a board", "{}", BOARD, _make_board)


# --- vocabulary ---------------------------------------------------------------------------------------------------

Definition = tuple[Section, str, Word]


IRI = scalars.iri("http://adlnet.gov/expapi/verbs/completed")
_IRIS = list_of(IRI, or_one=True)


def _section(section: Section) -> Form[tuple[Definition, ...]]:
    def read(reading: Reading, node: Node, name: str) -> tuple[Definition, ...] | None:
        if not isinstance(node, Pairs):
            expected(reading, node, name, form)
            return None
        found = []
        for key, value in node.pairs:
            if not is_word(key.text):
                reading.error(key, f'"{shown(key.text)}" cannot be a word: take the ":" and spaces at its ends out.')
            iris = _IRIS.read(reading, value, key.text) or ()
            found.append((section, key.text, Word(tuple(dict.fromkeys(iris)), key.place)))
        return tuple(found)

    schema = {"type": "object", "additionalProperties": _IRIS.schema}
    form = Form("words with their IRIs", "{completed: http://adlnet.gov/expapi/verbs/completed}", schema, read)
    return form


MEANINGS: dict[Section, str] = {
    "verbs": "words for verbs",
    "types": "words for types of activities",
    "objects": "words for activities themselves, for `object` and `part_of`",
    "tags": "words for tags",
    "templates": "words for statement templates of the profiles",
}
VOCABULARY: Table = {
    "vocabulary": Key(scalars.slug("core"), "its name", required=True),
    **{section: Key(_section(section), MEANINGS[section]) for section in SECTIONS},
    "profiles": Key(PROFILES, "xAPI Profiles, whose statement templates rules may name"),
}


class Words(NamedTuple):
    """What a vocabulary document defines."""

    definitions: tuple[Definition, ...]
    profiles: tuple[Profile, ...] = ()


def _vocabulary(reading: Reading, node: Node, name: str) -> Words | None:
    """All words, also those beside a mistake: they are not unknown because another line is wrong."""
    if not isinstance(node, Pairs):
        expected(reading, node, name, VOCABULARY_FORM)
        return None
    found = fields(reading, node, VOCABULARY, "a vocabulary")
    reading.unread_profiles |= node.get("profiles") is not None and "profiles" not in found
    return Words(tuple(one for section in SECTIONS for one in found.get(section, ())), found.get("profiles", ()))


VOCABULARY_FORM: Form[Words] = Form("keys with values", "{}", forms.object_schema(VOCABULARY), _vocabulary, VOCABULARY)
