"""The `rule:` document: its keys, and what must be true between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from service.core import never, scalars
from service.core.conditions import ROLES, UNLESS_FORM, WHEN_FORM
from service.core.forms import Form, Key, Reading, Table, either, expected, list_of, mapping
from service.core.kind_document import KINDS, LONGEST_COUNT, PER, VALUES
from service.core.needs_form import EVIDENCE_FORM, is_learner
from service.core.places import Items, Node, Pairs
from service.core.rule import Count, Each, Grant, Limit, Needs, NeedStatement, Renewal, Renewed, Rule, Swapped
from service.core.scalars import DURATION, TIME_ZONE, TRUTH

MOST_POINTS = 1_000_000
HIGHEST_CAP = 10**12

CURRENCY = scalars.slug("points")


# --- what is given ------------------------------------------------------------------------------------------------


def points(most: int) -> Form[tuple[tuple[str, int], ...]]:
    """A number of points, or numbers by currency."""
    amount = scalars.whole(1, most, 10)

    def read(reading: Reading, node: Node, name: str) -> tuple[tuple[str, int], ...] | None:
        if not isinstance(node, Pairs):
            value = amount.read(reading, node, name)
            return None if value is None else (("points", value),)
        if not node.pairs:
            expected(reading, node, name, form)
        found = [(CURRENCY.read(reading, key, name), amount.read(reading, one, key.text)) for key, one in node.pairs]
        amounts = tuple((key, value) for key, value in found if key is not None and value is not None)
        return amounts if amounts and len(amounts) == len(node.pairs) else None

    by_currency = {"type": "object", "additionalProperties": amount.schema, "minProperties": 1}
    schema = {"anyOf": [amount.schema, by_currency]}
    form = Form(f"{amount.words}, or such numbers by currency", amount.example, schema, read)
    return form


def _achievement(reading: Reading, node: Node, name: str) -> str | None:
    value = _SLUG.read(reading, node, name)
    if value is not None:
        reading.mention("achievement", value, node)
    return value


def _micro(reading: Reading, node: Node, name: str) -> str | None:
    value = _achievement(reading, node, name)
    if value is not None:
        reading.mention("micro_credential", value, node)
    return value


_SLUG = scalars.slug("keen-learner")
BADGE: Form[str] = Form("the name of an achievement", _SLUG.example, _SLUG.schema, _achievement)
MICRO_CREDENTIAL: Form[str] = Form(BADGE.words, "data-ethics", _SLUG.schema, _micro)
GIVE: Table = {
    "points": Key(points(MOST_POINTS), "points, or `{currency: number}`"),
    "badge": Key(BADGE, "the achievement that is offered as a badge"),
    "micro_credential": Key(MICRO_CREDENTIAL, "the achievement that is offered as a micro-credential"),
}
_TIERS_ONLY = Key(scalars.text(), "", refused="belongs to a tier: write a list, like give: [{at: 4, points: 20}].")
TIER: Table = {
    "at": Key(scalars.whole(1, LONGEST_COUNT, 4), "how long the streak, or how high the count", required=True),
    **GIVE,
    "again": Key(TRUTH, "streaks only: every run may earn this tier anew; default false"),
}


def _check_grant(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if not any(node.get(name) for name in GIVE):
        reading.error(node, "This gives nothing: write points or a badge, like give: {points: 10}.")
    if "badge" in found and "micro_credential" in found:
        place = node.key("micro_credential") or node
        reading.error(place, "One award gives a badge or a micro-credential, not both: keep one of them.")


_GRANT = mapping(
    '"give"',
    "{points: 10}",
    {**GIVE, "at": _TIERS_ONLY, "again": _TIERS_ONLY},
    lambda found: (Grant(**found),),
    _check_grant,
)
_TIERS = list_of(
    mapping('a tier of "give"', "{at: 4, points: 20}", TIER, lambda found: Grant(**found), _check_grant),
    example="[{at: 4, points: 20}, {at: 12, points: 60}]",
)
GIVE_FORM = either(
    "what the award gives, or a list of tiers",
    "{points: 10}",
    lambda node: _TIERS if isinstance(node, Items) else _GRANT,
    _GRANT,
    _TIERS,
)


# --- limits -------------------------------------------------------------------------------------------------------

LIMIT: Table = {
    "points": Key(points(HIGHEST_CAP), "at most so many points, or `{currency: number}`"),
    "awards": Key(scalars.whole(1, MOST_POINTS, 3), "at most so many awards"),
    "per": Key(PER, "in each of these, by the time of the match", required=True),
    "from_each": Key(scalars.one_of(*ROLES), "counted for each of these people on their own"),
}


def _check_limit(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    named = [name for name in ("points", "awards") if node.get(name)]
    if len(named) != 1:
        reading.error(node, "A limit caps either points or awards, like {points: 50, per: day}.")
    if len(found.get("points", ())) > 1:
        reading.error(node.key("points") or node, "A limit caps one currency: write one limit for each.")


def _make_limit(found: dict[str, Any]) -> Limit:
    currency, points = found["points"][0] if "points" in found else ("points", None)
    limit = Limit(found["per"], points, currency, found.get("awards"), found.get("from_each"))
    return Limit(limit.per, points, currency, limit.awards, limit.from_each, clause(limit))


def clause(limit: Limit) -> str:
    """The limit in words: `limit 50 points per month from each actor`."""
    what = f"{limit.points} {limit.currency}" if limit.points else f"{limit.awards} award{'s'[: limit.awards != 1]}"
    per = "ever" if limit.per == "ever" else f"per {limit.per}"
    return f"limit {what} {per}" + (f" from each {limit.from_each}" if limit.from_each else "")


LIMITS = list_of(
    mapping("a limit", "{points: 50, per: day}", LIMIT, _make_limit, _check_limit),
    or_one=True,
    example="[{points: 50, per: day}]",
)


# --- renewal ------------------------------------------------------------------------------------------------------

RENEW: Table = {
    "when": Key(
        EVIDENCE_FORM,
        "the evidence, like `when` of a rule, whose `unless` and `to` hold for it, too; with `needs`, like that of a"
        " needed statement",
        required=True,
    ),
    "within": Key(DURATION, "it renews so long before the end of the validity, and not earlier", required=True),
    "late": Key(DURATION, "and so long after the end; by default not at all"),
    "how": Key(scalars.localized("Take the refresher course"), "what learners read when they are reminded"),
}
RENEW_FORM = mapping(
    '"renew"', "{when: {verb: completed, tagged: safety}, within: 90 days}", RENEW, lambda found: found
)


def _check_renew(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    key = node.key("renew")
    if key is None:
        return
    if not node.get("expires"):
        reading.error(key, '"expires" is missing: what never ends is not renewed; write how long the badge is valid.')
    if not any(grant.badge or grant.micro_credential for grant in found.get("give", ())) and "give" in found:
        reading.error(key, "This rule gives no badge that could be renewed: take this out.")
    if other := node.key("once_per"):
        reading.error(other, 'Evidence comes again and again: instead of "once_per" write count: {reach: 1}.')
    if not node.get("needs") and isinstance(renew := node.get("renew"), Pairs):
        _check_evidence(reading, renew)
    count = found.get("count")
    others = [one for one, _ in node.pairs if one.text in KINDS and one.text not in ("each", "count", "needs")]
    if others or (isinstance(count, Count) and (count.repeat or count.reach is None)):
        place = others[0] if others else node.key("count") or key
        reading.error(place, '"renew" goes with each, with count: {reach: …} that does not repeat, and with needs.')


def _check_evidence(reading: Reading, renew: Pairs) -> None:
    """Who the learner is in the evidence is said by `to`, but for rules with needs."""
    when = renew.get("when")
    for key, value in when.pairs if isinstance(when, Pairs) else ():
        if is_learner(key, value):
            reading.error(value, f'The learner is who receives: take "{key.text}" out, or write to: {key.text}.')


# --- the document -------------------------------------------------------------------------------------------------


def _rule_name(reading: Reading, node: Node, name: str) -> str | None:
    value = _RULE_SLUG.read(reading, node, name)
    if value in RESERVED:
        reading.error(node, f'No rule can be called "{value}", for the API has a page of that name: write another.')
    elif value is not None and value.startswith(BY_HAND) and value not in reading.decided:
        reading.error(
            node,
            f'Names that begin with "{BY_HAND}" belong to what is awarded by hand: write another name.',
        )
    else:
        return value
    return None


BY_HAND = "by-hand-"
"""What names of rules begin with that give what is decided by hand."""
RESERVED = ("audit", "check", "health", "schema", "trials")
"""What stands under `/api/v1/rules/` beside the rules."""
_RULE_SLUG = scalars.slug("share-an-article")
_RULE_NAME: Form[str] = Form(_RULE_SLUG.words, _RULE_SLUG.example, _RULE_SLUG.schema, _rule_name)
RULE: Table = {
    "rule": Key(_RULE_NAME, "its name, unique among all rules", required=True),
    "title": Key(scalars.localized("Share something useful"), "what learners read; required for a live rule"),
    "how_to_earn": Key(
        scalars.localized("Share an article with colleagues"), "what learners read; required for a live rule"
    ),
    "status": Key(
        scalars.one_of("draft", "trial", "live", "retired", example="live"),
        "`draft`: checked only; `trial`: evaluated and reported, pays nothing; `live` (the default); `retired`: keeps"
        " what it gave",
    ),
    "from": Key(scalars.day(), "the first day of the rule's life, in its time zone"),
    "until": Key(scalars.day("2026-12-31"), "the last day of the rule's life"),
    "time_zone": Key(TIME_ZONE, "for days, weeks and months; default the learner's own, then the service's"),
    "when": Key(WHEN_FORM, "the conditions; all must hold. Required, but for `sequence` and `needs`"),
    "unless": Key(UNLESS_FORM, "a list of conditions; none may hold"),
    "to": Key(
        scalars.one_of(*ROLES),
        "who receives: `actor` (the default; each member where the actor is a group), `instructor`, `object`, `team`",
    ),
    **KINDS,
    "once_per": Key(
        list_of(scalars.one_of(*VALUES), or_one=True, example="[object]"),
        "of the matches of one recipient with the same values only the earliest counts",
    ),
    "give": Key(GIVE_FORM, "what an award gives", required=True),
    "limit": Key(LIMITS, "caps on what this rule gives one recipient"),
    "expires": Key(DURATION, "how long the badge is valid"),
    "renew": Key(RENEW_FORM, "what renews a badge before it expires"),
    "if_undone": Key(
        scalars.one_of("revoke", "keep", "ask", example="revoke"),
        "when an award loses its ground after its badge was claimed; default `ask`: an admin decides",
    ),
    "tags": Key(list_of(scalars.slug("social"), or_one=True, example="[social]"), "words by which boards choose rules"),
}
RENAMED = {"rule": "name", "from": "first_day", "until": "last_day", "limit": "limits"}


def _check_rule(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    _check_life(reading, node, found)
    _check_when(reading, node)
    _check_swapped(reading, node, found)
    never.check(reading, node, found)
    _check_kind(reading, node, found)
    _check_limits(reading, node, found)
    _check_renew(reading, node, found)
    for tag in found.get("tags", ()):
        reading.defined.add(("tag", tag))
    for currency in _currencies(found):
        reading.defined.add(("currency", currency))
    for grant in found.get("give", ()):
        if achievement := grant.badge or grant.micro_credential:
            reading.defined.add(("gift", achievement))


def _check_life(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    first, last = found.get("from"), found.get("until")
    if first and last and last < first:
        reading.error(node.key("until") or node, f"The rule would end before it begins on {first}: write a later day.")
    if found.get("status", "live" if not node.get("status") else "") == "live":
        for name in ("title", "how_to_earn"):
            if not node.get(name):
                example = f"{name}: {RULE[name].form.example}"
                reading.error(node, f'"{name}" is missing: learners read it, so a live rule needs it, like {example}.')


def _check_when(reading: Reading, node: Pairs) -> None:
    if not node.get("when") and not node.get("sequence") and node.get("needs") is None:
        reading.error(node, f'"when" is missing: a rule needs it, like when: {WHEN_FORM.example}.')
    for name in ("when", "unless", "to", "once_per", "limit") if node.get("needs") else ():
        if key := node.key(name):
            reading.error(key, f'A rule with "needs" gives once, to who has all of it, so "{name}" cannot stand here.')


def _check_swapped(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """One exception may look at other matches, and one of its roles has to be who receives."""
    written = node.get("unless")
    items = written.items if isinstance(written, Items) else ()
    swapped = [one for item in items if isinstance(item, Pairs) and (one := item.get("swapped"))]
    to = found.get("to", "actor")
    for extra in swapped[1:]:
        reading.error(extra, 'One exception can look at what two learners did by turns: keep one "swapped".')
    roles = [one.roles for some in found.get("unless", ()) for one in some if isinstance(one, Swapped)]
    for one, pair in zip(swapped, roles, strict=False):
        if to not in pair:
            reading.error(one, f'"{to}" receives, so "between" has to name it, like between: [{to}, {pair[0]}].')


def _check_kind(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    kinds = [key for key, _ in node.pairs if key.text in KINDS]
    for extra in kinds[1:]:
        reading.error(extra, f'A rule counts in one way, and "{kinds[0].text}" is here already: keep one of them.')
    give = node.get("give")
    if give is None or len(kinds) > 1:
        return
    kind = kinds[0].text if kinds else "each"
    if isinstance(give, Items):
        _check_tiers(reading, node, give, kind, found)
    elif kind == "streak":
        reading.error(give, "A streak gives in tiers: write a list, like give: [{at: 4, points: 20}].")
    elif kind == "count" and isinstance(value := found.get("count"), Count) and value.reach is None:
        reading.error(kinds[0], '"reach" is missing: write how many matches give, like count: {reach: 5}.')
    elif kind == "best":
        _check_best(reading, give, found)


def _check_best(reading: Reading, give: Node, found: dict[str, Any]) -> None:
    """What a best score is worth is a part of the points; a badge has no parts."""
    if any(grant.badge or grant.micro_credential or not grant.points for grant in found.get("give", ())):
        reading.error(give, "The best score gives a part of the points and no badge: write give: {points: 100}.")


def _check_tiers(reading: Reading, node: Pairs, give: Items, kind: str, found: dict[str, Any]) -> None:
    if kind not in ("streak", "count"):
        reading.error(give, "Tiers are for streak and count: write one award, like give: {points: 10}.")
        return
    count = found.get("count")
    if isinstance(count, Count) and count.reach is not None:
        reading.error(give, 'Each tier says "at" how many matches it gives: take "reach" out, or give one award.')
    if isinstance(count, Count) and count.repeat:
        reading.error(give, 'Tiers do not repeat: take "repeat" out, or give one award.')
    if kind == "count":
        for tier in give.items:
            if isinstance(tier, Pairs) and (key := tier.key("again")):
                reading.error(key, '"again" is for streaks: take it out.')
    tiers = found.get("give", ())
    for before, after, item in zip(tiers, tiers[1:], give.items[1:], strict=False):
        if after.at <= before.at:
            reading.error(item, f"Tiers come in ascending order: {after.at} cannot follow {before.at}.")


def _check_limits(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    grants: tuple[Grant, ...] = found.get("give", ())
    written = node.get("limit")
    items = written.items if isinstance(written, Items) else (written,)
    for limit, item in zip(found.get("limit", ()), items, strict=False):
        most = max((dict(grant.points).get(limit.currency, 0) for grant in grants), default=0)
        if limit.points is not None and item is not None:
            _check_cap(reading, item, limit, most, bool(grants))
        if limit.from_each and limit.from_each == found.get("to", "actor") and item is not None:
            reading.warning(
                item, f'"{limit.from_each}" is who receives, so from_each changes nothing: name another role.'
            )
    if grants and not any(grant.badge or grant.micro_credential for grant in grants):
        for name in ("expires", "if_undone"):
            if key := node.key(name):
                reading.warning(key, f'"{name}" is about badges, and this rule gives none: take it out.')


def _check_cap(reading: Reading, item: Node, limit: Limit, most: int, known: bool) -> None:
    if known and not most:
        reading.warning(item, f'This rule gives no "{limit.currency}", so this limit changes nothing: take it out.')
    elif limit.points is not None and limit.points < most:
        reading.warning(
            item,
            f"One award gives {most} {limit.currency}, more than this limit: it never pays more than {limit.points}.",
        )


def _currencies(found: dict[str, Any]) -> Iterator[str]:
    return (currency for grant in found.get("give", ()) for currency, _ in grant.points)


def _make_rule(found: dict[str, Any]) -> Rule:
    kind = next((found.pop(name) for name in KINDS if name in found), Each())
    found.setdefault("when", ())
    if renew := found.pop("renew", None):
        (when, role), within, late = renew["when"], renew["within"], renew.get("late")
        found["how_to_renew"] = renew.get("how", "")
        if isinstance(kind, Needs):
            kind = replace(kind, renewal=Renewal(NeedStatement("renewal", when, (), role), within, late))
        else:
            kind = Renewed((found["when"], when), kind, within, late)
            found["when"] = ()
    return Rule(kind=kind, **{RENAMED.get(name, name): value for name, value in found.items()})


_FORM = mapping("a rule", "{}", RULE, _make_rule, _check_rule)
_STARTS = {"anyOf": [{"required": ["when"]}, {"required": ["sequence"]}, {"required": ["needs"]}]}
RULE_FORM = Form(_FORM.words, _FORM.example, _FORM.schema | _STARTS, _FORM.read, RULE)
