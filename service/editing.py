"""Editing rules, and the documents beside them, while the service runs: publishing, retiring, going back.

Whoever edits says which text they have seen, so that nobody overwrites what they do not know, and from when on the
change counts. All of it happens in one transaction, alone with the ruleset.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from service.core import rulebook, windows
from service.core.evaluate import DAWN
from service.core.language import Documents
from service.core.places import Problem, shown
from service.core.rule import Rule
from service.core.rulebook import Stored
from service.store import documents as store
from service.store import publishing, rules
from service.store.engine import Driver
from service.store.publishing import Since
from service.store.rules import Version

Files = Sequence[tuple[str, bytes]]
"""(path, content) of files that a document names, by the paths that it says."""


class Written(NamedTuple):
    """The newest version of a rule as its author wrote it; no text: it was taken away."""

    version: Version
    text: str

    @property
    def etag(self) -> str:
        """What tells this text from every other that there was under this name."""
        return f"{self.version.version}-{etag_of(self.text)}"


def since(connection: Driver, said: str) -> Since:
    """From when on a change counts: `now`, `beginning`, a day of the service's zone, or a moment; else ValueError."""
    if said == "now" or said == "beginning":
        return "now" if said == "now" else "beginning"
    return windows.begins(said, rules.in_force(connection).zone)


def etag_of(text: str, files: Files = ()) -> str:
    """What tells a text, with the files that it names, from every other."""
    digest = hashlib.sha256(text.encode())
    for path, content in sorted(files):
        digest.update(b"\0" + path.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


class Unseen(Exception):
    """The text is not what whoever edits it has seen; `etag` is that of what it is now, None where nothing is."""

    def __init__(self, etag: str | None) -> None:
        super().__init__("it has been changed meanwhile")
        self.etag = etag


class Mistaken(Exception):
    """What is wanted cannot be published; each mistake says where it is and what to write instead."""

    def __init__(self, problems: Sequence[Problem], why: str = "") -> None:
        super().__init__(why or str(problems[0]))
        self.problems = problems


def written(connection: Driver, name: str) -> Written | None:
    """What is written under this name now; None if there never was such a rule."""
    number = rules.number_of(connection, name)
    found = next(iter(rules.newest(connection, [number])), None) if number is not None else None
    return Written(found, rules.text_of(connection, found)) if found else None


def put(connection: Driver, name: str, text: str, seen: str | None, since: Since, by: str) -> Written:
    """Publishes this text as a new version, or only writes it down where it means what the last one meant.

    To mean the same since an earlier moment is to mean something else. seen: the ETag of the text that is to be
    replaced; None: there is to be none. Raises Unseen or Mistaken.
    """
    moment = publishing.moment(since, rules.alone(connection))
    before = _seen(connection, name, seen)
    rule = _read(connection, name, text)
    same = before is not None and before.text and before.version.rule == rule
    if before is not None and same and (moment or DAWN) >= (before.version.since or DAWN):
        publishing.rewrite(connection, before.version, text, by)
    else:
        _publish(connection, rule, text, moment, by, "published")
    return _now(connection, name)


def retire(connection: Driver, name: str, seen: str | None, since: Since, by: str) -> None:
    """Takes a rule away that no cap or board names. What it gave for what happened before `since` it keeps.

    Raises Unseen or Mistaken.
    """
    now = rules.alone(connection)
    before = _seen(connection, name, seen)
    assert before is not None
    _without(connection, "rule", name)
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
    etag = there.etag if there is not None and there.text else None
    if etag != seen:
        raise Unseen(etag)
    return there


def _read(connection: Driver, name: str, text: str) -> Rule:
    """The rule that this text is, beside all that is in force."""
    documents, problems = rulebook.amended(rules.stored(connection), text)
    _refuse(problems, rulebook.named(text) == [("rule", name)], f"rule: {name}")
    return next(rule for rule in documents.rules if rule.name == name)


def _publish(
    connection: Driver, rule: Rule, text: str, since: datetime | None, by: str, did: str, to: int | None = None
) -> None:
    gives = rule.status in ("live", "trial")
    if since is not None and gives and publishing.undivided(connection, rule):
        message = (
            "Who is first, who did it the other way round, and what is given for the awards of others is decided by "
            "one rule for all of history: publish it with since=beginning, or under another name."
        )
        raise Mistaken([Problem(rulebook.CANDIDATE, 1, 1, message)])
    remark = None if to is None else f"as version {to}"
    publishing.publish(connection, rule, text, since, by, did=did, remark=remark)
    publishing.finish(connection, changed=True)


def _now(connection: Driver, name: str) -> Written:
    found = written(connection, name)
    assert found is not None
    return found


# --- the documents beside the rules -----------------------------------------------------------------------------------

BESIDE = ("achievement", "board", "issuer", "levels", "vocabulary")
KEPT = ("achievement", "issuer")
"""Kinds of documents that are never taken away: somebody may hold a badge that names them."""


def documents(connection: Driver) -> list[Stored]:
    """The documents of these kinds that are in force, as their authors wrote them."""
    return [one for one in store.stored(connection) if one.kind in BESIDE]


def document(connection: Driver, kind: str, name: str) -> Stored | None:
    """The one of this kind and name that is in force."""
    return store.find(connection, kind, name.replace("\0", "")) if kind in BESIDE else None


def put_document(
    connection: Driver, kind: str, name: str, text: str, seen: str | None, since: Since, by: str, files: Files = ()
) -> list[str]:
    """Puts this text in force in the place of its namesake; answers what changed, a line each.

    Rules that mean something else by it, as with another vocabulary, are published anew, and count from `since`.
    files: those that it names and that its namesake did not have, or had otherwise. Raises Unseen or Mistaken.
    """
    rules.alone(connection)
    there = _seen_document(connection, kind, name, seen)
    beside_it = {**rulebook.beside_it(there.files if there else ()), **rulebook.beside_it(files)}
    found, problems = rulebook.amended(rules.stored(connection), text, beside_it=[*beside_it.items()])
    _refuse(problems, rulebook.named(text) == [(kind, name)], f"{kind}: {name}")
    named = rulebook.beside_it(found.files.get((kind, name), ()))
    _refuse([_unnamed(path) for path in rulebook.beside_it(files) if path not in named])
    return _apply(connection, found, {(kind, name): text}, since, by)


def remove_document(connection: Driver, kind: str, name: str, seen: str | None, since: Since, by: str) -> None:
    """Takes a document away that nothing else needs. Raises Unseen or Mistaken."""
    rules.alone(connection)
    _seen_document(connection, kind, name, seen)
    if kind in KEPT:
        raise Mistaken((), f"Badges may name the {kind}, so it is never taken away: change it instead.")
    found = _without(connection, kind, name)
    store.remove(connection, kind, name, by)
    _apply(connection, found, {}, since, by)


def _without(connection: Driver, kind: str, name: str) -> Documents:
    """What is left without a document that nothing else needs."""
    found, problems = rulebook.amended(rules.stored(connection), without=[(kind, name)])
    if problems:
        raise Mistaken(problems, f"The {kind} {name!r} is needed: take it out of what needs it first.")
    return found


def _seen_document(connection: Driver, kind: str, name: str, seen: str | None) -> Stored | None:
    there = document(connection, kind, name)
    etag = etag_of(there.text, there.files) if there else None
    if etag != seen:
        raise Unseen(etag)
    return there


def _refuse(problems: Sequence[Problem], is_the_one: bool = True, start: str = "") -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if not errors and not is_the_one:
        errors = [_another(start)]
    if errors:
        raise Mistaken(errors)


def _unnamed(path: str) -> Problem:
    return Problem(rulebook.CANDIDATE, 1, 1, f'The document names no file "{shown(path)}": name it, or leave it out.')


def _another(start: str) -> Problem:
    return Problem(rulebook.CANDIDATE, 1, 1, f'The document is not the one of this address: start it with "{start}".')


def _apply(
    connection: Driver, found: Documents, new: Mapping[tuple[str, str], str], since: Since, by: str
) -> list[str]:
    """Puts all of these in force. Texts stay byte for byte as they were written."""
    texts = {(one.kind, one.name): one.text for one in rules.stored(connection)}
    whole = dataclasses.replace(found, text={name: new.get(name, texts.get(name, "")) for name in found.text})
    api = publishing.edited_names(connection) | set(new)
    return publishing.apply(connection, whole, None, since=since, by=by, api=api)
