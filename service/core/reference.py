"""The rule language for editors and readers, made from the tables that read it: a JSON Schema, and docs/rules.md.

`plaudit rules schema --into docs/rules.md` brings the tables of the file up to date; a test holds that they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from service.core import (
    achievement_document,
    award_documents,
    cases,
    conditions,
    documents,
    expectations,
    issuer_document,
    kind_document,
    measured_form,
    needs_form,
    persons,
    rule_document,
    short_form,
    template_form,
)
from service.core.forms import Schema, Table
from service.core.language import KINDS

TABLES: Mapping[str, Table] = {
    "rule": rule_document.RULE,
    "when": conditions.WHEN,
    "value": measured_form.VALUE,
    "swapped": conditions.SWAPPED,
    "unless": {name: conditions.UNLESS[name] for name in ("same", "swapped")},
    "count": kind_document.COUNT,
    "sum": kind_document.SUM,
    "streak": kind_document.STREAK,
    "forgive": kind_document.FORGIVE,
    "sequence": kind_document.SEQUENCE,
    "first": kind_document.FIRST,
    "best": kind_document.BEST,
    "need": {**needs_form.BADGE, **needs_form.POINTS, **needs_form.LEVEL},
    "needed": needs_form.STATEMENT,
    "together": needs_form.TOGETHER,
    "give": rule_document.GIVE,
    "tier": {name: key for name, key in rule_document.TIER.items() if name not in rule_document.GIVE},
    "limit": rule_document.LIMIT,
    "renew": rule_document.RENEW,
    "achievement": achievement_document.ACHIEVEMENT,
    "drawing": achievement_document.DRAWING,
    "alignment": achievement_document.ALIGNMENT,
    "result": achievement_document.RESULT,
    "level": achievement_document.LEVEL,
    "micro": achievement_document.MICRO,
    "issuer": issuer_document.ISSUER,
    "board": documents.BOARD,
    "caps": award_documents.CAPS,
    "levels": award_documents.LEVELS,
    "vocabulary": documents.VOCABULARY,
    "profile": template_form.PROFILE,
    "tests": cases.TESTS,
    "person": persons.PERSON,
    "case": cases.CASE,
    "statement": short_form.SHORT,
    "expected": expectations.PERSON,
}
"""The tables that docs/rules.md shows, by the name that stands in its markers."""

_MARKED = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def schema() -> Schema:
    """The JSON Schema of one document, for editors. What one document says about another it cannot tell."""
    kinds = {name: kind.form.schema for name, kind in KINDS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of Plaudit's rule language",
        "type": "object",
        "$defs": {**kinds, "need": needs_form.NEED_SCHEMA},
        "oneOf": [{"required": [name], "$ref": f"#/$defs/{name}"} for name in kinds],
    }


def table(keys: Table) -> str:
    """One table of keys as Markdown; keys that cannot stand there are left out."""
    rows = ["| key | value | meaning |", "|---|---|---|"]
    for name, key in keys.items():
        if not key.refused:
            required = " (required)" if key.required else ""
            rows.append(
                f"| `{name}`{required} | {_cell(key.form.words)}, `{key.form.example}` | {_cell(key.meaning)} |"
            )
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def current(text: str) -> str:
    """The text with each table between `<!-- keys of … -->` and `<!-- end -->` as it is now."""
    return _MARKED.sub(lambda found: f"{found[1]}{table(TABLES[found[2]])}{found[3]}", text)
