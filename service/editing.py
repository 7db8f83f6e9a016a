"""Editing rules while the service runs: reading what is written, publishing it again, retiring it, going back.

Whoever edits says which text they have seen, so that nobody overwrites what they do not know, and from when on the
change counts. All of it happens in one transaction, alone with the ruleset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from service.core import rulebook
from service.core.places import Problem
from service.core.rule import Rule
from service.store import publishing, rules
from service.store.engine import Driver
from service.store.publishing import Since
from service.store.rules import Version


class Written(NamedTuple):
    """The newest version of a rule as its author wrote it; no text: it was taken away."""

    version: Version
    text: str

    @property
    def etag(self) -> str:
        """What tells this text from every other that there was under this name."""
        return f"{self.version.version}-{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"


class Unseen(Exception):
    """The rule is not what whoever edits it has seen; `written` is what it is now."""

    def __init__(self, written: Written | None) -> None:
        super().__init__("the rule has been changed meanwhile")
        self.written = written


class Mistaken(Exception):
    """The text cannot be published; each mistake says where it is and what to write instead."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(str(problems[0]))
        self.problems = problems


def written(connection: Driver, name: str) -> Written | None:
    """What is written under this name now; None if there never was such a rule."""
    number = rules.number_of(connection, name)
    found = next(iter(rules.newest(connection, [number])), None) if number is not None else None
    return Written(found, rules.text_of(connection, found)) if found else None


def put(connection: Driver, name: str, text: str, seen: str | None, since: Since, by: str) -> Written:
    """Publishes this text as a new version, or only writes it down where it means what the last one meant.

    seen: the ETag of the text that is to be replaced; None: there is to be none. Raises Unseen or Mistaken.
    """
    now = rules.alone(connection)
    before = _seen(connection, name, seen)
    rule = _read(connection, name, text)
    if before is not None and before.text and before.version.rule == rule:
        publishing.rewrite(connection, before.version, text, by)
    else:
        _publish(connection, rule, text, publishing.moment(since, now), by, "published")
    return _now(connection, name)


def retire(connection: Driver, name: str, seen: str | None, since: Since, by: str) -> None:
    """Takes a rule away. What it gave for what happened before `since` it keeps. Raises Unseen."""
    now = rules.alone(connection)
    before = _seen(connection, name, seen)
    assert before is not None
    ended = publishing.retired(before.version.rule)
    publishing.publish(connection, ended, "", publishing.moment(since, now), by, did="retired")
    publishing.finish(connection, changed=True)


def roll_back(connection: Driver, name: str, to: int, seen: str | None, since: Since, by: str) -> Written:
    """Publishes once more what version `to` said. Raises Unseen, Mistaken, or LookupError where it said nothing."""
    now = rules.alone(connection)
    _seen(connection, name, seen)
    text = next((one.text for one in rules.history(connection, name) if one.version == to), "")
    if not text:
        raise LookupError(to)
    _publish(connection, _read(connection, name, text), text, publishing.moment(since, now), by, "rolled back", to)
    return _now(connection, name)


def _seen(connection: Driver, name: str, seen: str | None) -> Written | None:
    there = written(connection, name)
    if (there.etag if there is not None and there.text else None) != seen:
        raise Unseen(there)
    return there


def _read(connection: Driver, name: str, text: str) -> Rule:
    """The rule that this text is, beside all that is in force."""
    documents, problems = rulebook.amended(rules.stored(connection), text)
    errors = [problem for problem in problems if problem.severity == "error"]
    if not errors and rulebook.named(text) != [("rule", name)]:
        place = rulebook.CANDIDATE, 1, 1
        errors = [Problem(*place, f'The document is not the one rule of this address: start it with "rule: {name}".')]
    if errors:
        raise Mistaken(errors)
    return next(rule for rule in documents.rules if rule.name == name)


def _publish(
    connection: Driver, rule: Rule, text: str, since: datetime | None, by: str, did: str, to: int | None = None
) -> None:
    gives = rule.status in ("live", "trial")
    if since is not None and gives and publishing.undivided(connection, rule):
        message = (
            "Who is first, and what is given for the awards of others, is decided by one rule for all of history: "
            "publish it with since=beginning, or under another name."
        )
        raise Mistaken([Problem(rulebook.CANDIDATE, 1, 1, message)])
    remark = None if to is None else f"as version {to}"
    publishing.publish(connection, rule, text, since, by, did=did, remark=remark)
    publishing.finish(connection, changed=True)


def _now(connection: Driver, name: str) -> Written:
    found = written(connection, name)
    assert found is not None
    return found
