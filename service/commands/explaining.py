"""`plaudit rules explain`: why a learner has what they have by a rule, and why not more, as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from sqlalchemy import Connection

from service.core.agents import Agent, identifier
from service.errors import Refusal
from service.explain import Explanation, NearMisses, Refused, Seen, near_misses
from service.explain import explain as explained
from service.settings import settings
from service.store import profiles
from service.store.engine import driver, engine, snapshot
from service.store.profiles import Profile
from service.stores import running


def explain(rule: str, learner: str, limit: int, as_json: bool) -> None:
    """Prints why this learner has what they have by this rule; raises Refusal where either is unknown."""
    with running(settings()) as here:
        database = engine(here.database_url)
        with snapshot(database) as connection:
            who = _learner(connection, learner)
            found = explained(driver(connection), who.id, rule, datetime.now(UTC), limit)
            missed = near_misses(driver(connection), who.id, rule, limit)
        database.dispose()
    if found is None or missed is None:
        raise Refusal(f'No rule "{rule}" is in force: `plaudit rules health` lists those that are.')
    if as_json:
        click.echo(json.dumps(_said(who, found, missed), indent=2, ensure_ascii=False, default=str))
    else:
        click.echo("\n".join(_lines(who, found, missed)))


def _learner(connection: Connection, text: str) -> Profile:
    """The learner of this number, address, or xAPI agent as JSON."""
    number = int(text) if text.isdecimal() else profiles.by_identifier(connection, _key(text))
    found = profiles.profile(connection, number) if number is not None and number < 2**63 else None
    if found is None:
        raise Refusal(f"There is no learner {text}: name one by number, address, or xAPI agent as JSON.")
    return found


def _key(text: str) -> str:
    try:
        agent = msgspec.json.decode(text, type=Agent) if text.startswith("{") else Agent(mbox=f"mailto:{text}")
    except msgspec.DecodeError as error:
        raise Refusal(f"{text} is no xAPI agent as JSON: {error}", 2) from None
    return identifier(agent) or ""


def _said(who: Profile, found: Explanation, missed: NearMisses) -> dict[str, Any]:
    return {
        "learner": {"id": str(who.id), "name": who.name},
        "rule": found.rule.name,
        "version": found.version.version,
        "awards": [
            {**msgspec.structs.asdict(one.award), "version": one.version, "clause": one.clause}
            | {"statements": [seen._asdict() for seen in one.statements]}
            for one in found.awards
        ],
        "refusals": [_flat(one) for one in found.refusals],
        "near_misses": [_flat(one) for one in missed.refusals],
        "near_misses_back_to": missed.back_to,
        "total": {"awards": found.of_awards, "refusals": found.of_refusals},
        "matches": found.matches,
        "progress": found.progress and {"done": found.progress[0], "of": found.progress[1]},
        "pending": found.pending,
        "recounting": found.recounting,
        "needs": [one._asdict() for one in found.needs],
    }


def _flat(refused: Refused) -> dict[str, Any]:
    return {**refused.seen._asdict(), "because": refused.because, "found": refused.found, "earlier": refused.earlier}


def _lines(who: Profile, found: Explanation, missed: NearMisses) -> Iterator[str]:
    yield f"{found.rule.name}, version {found.version.version}, and {who.name or 'learner'} ({who.id})"
    yield from _doubts(found)
    yield f"{found.matches} statements fulfil its conditions; {found.of_awards} awards."
    for given in found.awards:
        amounts = ", ".join(f"{amount:+} {unit}" for unit, amount in given.award.amounts.items())
        yield f"  {_when(given.award.happened)}  {amounts}: {given.clause} (version {given.version or '…'})"
        yield from (f"      {_what(seen)}" for seen in given.statements)
    yield from _rest(found.of_awards - len(found.awards), "awards")
    if found.of_refusals:
        yield f"{found.of_refusals} of them gave nothing, or not alone:"
        yield from map(_line, found.refusals)
        yield from _rest(found.of_refusals - len(found.refusals), "refusals")
    if found.progress:
        yield f"Progress: {found.progress[0]} of {found.progress[1]}."
    for need in found.needs:
        yield f"  {need.need}: {f'since {_when(need.since)}' if need.since else 'missing'}"
    if missed.refusals:
        yield "Nearly counted:"
        yield from map(_line, missed.refusals)
    if missed.before is not None and missed.back_to is not None:
        yield f"What happened before {_when(missed.back_to)} was not searched for what nearly counted."


def _doubts(found: Explanation) -> Iterator[str]:
    if found.rule.status == "trial":
        yield "The rule is on trial: it pays nothing yet."
    if found.recounting:
        yield "History is being counted again by this rule: this is not the end of it."
    if found.pending:
        yield f"{found.pending} statements wait to be evaluated."


def _line(refused: Refused) -> str:
    found = f" (it is {refused.found})" if refused.found is not None else ""
    earlier = f", statement {refused.earlier}" if refused.earlier else ""
    return f"  {_when(refused.seen.happened)}  {refused.because}{found}{earlier}\n      {_what(refused.seen)}"


def _what(seen: Seen) -> str:
    return f"{seen.verb or '?'} {seen.object or '?'} [{seen.statement}]"


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z" if moment else "?"


def _rest(number: int, what: str) -> Iterator[str]:
    if number > 0:
        yield f"  … and {number} {what} before these"
