"""Tests of rules pass and fail as their authors expect, and say why."""

import pytest

from service.core.language import Documents, load
from service.core.rehearsal import run, uncovered

RULES = """\
vocabulary: core
verbs: {shared: http://a.example/shared, completed: http://a.example/completed}
types: {article: http://a.example/article, course: http://a.example/course}
tags: {safety: http://a.example/safety, onboarding: http://a.example/onboarding}
---
rule: share-an-article
title: Share something useful
how_to_earn: Share an article with colleagues. Up to 50 points a day.
status: live
from: 2026-01-01
when:
  verb: shared
  type: article
  tagged: {any_of: [safety, onboarding]}
once_per: [object]
give: {points: 10}
limit: [{points: 50, per: day}]
---
rule: keen-learner
status: draft
when: {verb: completed, type: course}
count: {reach: 3, different: object}
give: {badge: keen-learner, points: {xp: 5}}
---
achievement: keen-learner
name: N
description: D
criteria: C
---
"""

DESIGN = """\
tests: share-an-article
people: {ann: {time_zone: America/New_York}, bob: {}}
cases:
  - name: pays up to the cap, by Ann's own day
    statements:
      - {id: s1, at: 2026-03-01T09:00:00-05:00, ann: shared, article: a1, tags: [safety]}
      - repeat: {from: 2, to: 7}
        statement: {id: "s{n}", at: "2026-03-01T1{n}:00:00-05:00", ann: shared, article: "a{n}", tags: [safety]}
    expect:
      ann: {points: 50}
      refused:
        - {statement: s6, because: limit 50 points per day}
  - name: voiding takes the points back and frees the cap
    statements:
      - repeat: {from: 1, to: 6}
        statement: {id: "s{n}", at: "2026-03-01T1{n}:00:00Z", bob: shared, article: "a{n}", tags: [safety]}
      - {id: v1, at: 2026-03-02T08:00:00Z, void: s1}
    expect: {bob: {points: 50}}
  - name: any order gives the same
    shuffle: 20
    same_as: pays up to the cap, by Ann's own day
"""

CASE = """\
tests: {tests}
people: {{ann: , bob: }}
cases:
  - name: one
    statements:
      - repeat: {{from: 1, to: 3}}
        statement: {{id: "c{{n}}", at: "2026-03-0{{n}}T09:00:00Z", ann: completed, course: "c{{n}}"}}
      - {{id: s1, at: 2026-03-01T09:00:00Z, ann: shared, article: a1, tags: [safety]}}
      - {{id: s2, at: 2026-03-02T09:00:00Z, ann: shared, article: a1, tags: [safety]}}
    expect: {expect}
"""


def documents(text: str) -> Documents:
    found, problems = load([("r.yaml", RULES.encode()), ("t.yaml", text.encode())])
    assert [str(problem) for problem in problems] == []
    return found


def said(expect: str, tests: str = "keen-learner\nrules: all") -> list[str]:
    verdicts = run(documents(CASE.format(tests=tests, expect=expect)))
    return [
        f"{miss.place.line}:{miss.place.column}: {miss.person}: {miss.expected} | {miss.got}"
        for verdict in verdicts
        for miss in verdict.misses
    ]


def test_the_tests_of_the_design_pass() -> None:
    verdicts = list(run(documents(DESIGN)))
    assert [(verdict.case, verdict.misses) for verdict in verdicts] == [
        ("pays up to the cap, by Ann's own day", ()),
        ("voiding takes the points back and frees the cap", ()),
        ("any order gives the same", ()),
    ]


@pytest.mark.parametrize(
    "expect",
    [
        "{ann: {points: 10, xp: 5, badges: [keen-learner]}, bob: {points: 0, badges: []}}",
        "{ann: {points: {points: 10, xp: 5}}}",
        "{refused: [{statement: s2, because: once per object, learner: ann}]}",
        "{progress: {ann: {keen-learner: 3 of 3}, bob: {keen-learner: 0 of 3}}}",
        (
            "{ledger: [{learner: ann, key: s1, points: 10},"
            " {learner: ann, key: '1', points: {xp: 5}, badge: keen-learner}]}"
        ),
    ],
)
def test_what_can_be_expected(expect: str) -> None:
    assert said(expect) == []


@pytest.mark.parametrize(
    ("expect", "missed"),
    [
        ("{ann: {points: 20}}", "11:20: ann: 20 points | 10 points"),
        ("{ann: {xp: 6}}", "11:20: ann: 6 xp | 5 xp"),
        ("{ann: {badges: []}}", "11:20: ann: no badges | badges keen-learner"),
        ("{bob: {badges: [keen-learner]}}", "11:20: bob: badges keen-learner | no badges"),
        (
            "{refused: [{statement: s1, because: limit}]}",
            '11:24: None: s1 refused because of "limit" | nothing refused it',
        ),
        (
            "{refused: [{statement: s2, because: limit}]}",
            '11:24: None: s2 refused because of "limit" | "once per object: already counted for an earlier statement"',
        ),
        (
            "{refused: []}",
            "11:23: None: nothing refused | s2 (once per object: already counted for an earlier statement)",
        ),
        ("{progress: {ann: {keen-learner: 2 of 3}}}", "11:45: ann: 2 of 3 for keen-learner | 3 of 3"),
        (
            "{ledger: [{learner: ann, key: s1, points: 10}]}",
            "11:22: ann: s1: 10 points | s1: 10 points; 1: 5 xp; 1: badge:keen-learner",
        ),
    ],
)
def test_what_does_not_come_true_is_said_with_its_place(expect: str, missed: str) -> None:
    assert said(expect) == [missed]


def test_a_wrong_sum_lists_the_awards_that_make_it_up() -> None:
    (verdict,) = run(documents(CASE.format(tests="keen-learner", expect="{ann: {xp: 1}}")))
    assert verdict.misses[0].awards == ("+5 2026-03-03 09:00Z keen-learner, 1 (3 of 3 with a different object)",)


def test_only_the_named_rule_is_evaluated() -> None:
    assert said("{ann: {points: 0, xp: 5}}", "keen-learner") == []


def test_a_case_like_another_must_come_to_the_same() -> None:
    text = CASE.format(tests="keen-learner", expect="{ann: {xp: 5}}")
    text += """\
  - name: two
    same_as: one
    statements: [{at: 2026-03-01T09:00:00Z, ann: completed, course: c1}]
"""
    one, two = run(documents(text))
    assert one.misses == ()
    assert [(miss.expected, miss.got) for miss in two.misses] == [("5 xp", "0 xp")]


# --- coverage ---------------------------------------------------------------------------------------------------------


def bare(text: str) -> list[str]:
    return [f"{one.place.line} {one.rule}: {one.clause}" for one in uncovered(documents(text))]


def test_clauses_that_no_test_would_miss_are_named() -> None:
    assert bare(DESIGN) == [
        "6 share-an-article: when: type",
        "6 share-an-article: when: tagged",
        "6 share-an-article: once_per",
        "6 share-an-article: from",
        "19 keen-learner: the rule itself",
    ]


def test_clauses_that_a_test_would_miss_are_not() -> None:
    text = (
        DESIGN
        + """\
  - name: what gives nothing
    statements:
      - {at: 2026-03-01T09:00:00Z, bob: shared, course: a1, tags: [safety]}
      - {at: 2026-03-01T09:00:00Z, bob: shared, article: a2}
      - {at: 2025-12-31T23:59:59Z, bob: shared, article: a3, tags: [safety]}
      - {at: 2026-03-01T09:00:00Z, bob: shared, article: a4, tags: [safety]}
      - {at: 2026-03-01T09:00:01Z, bob: shared, article: a4, tags: [onboarding]}
    expect: {bob: {points: 10}}
---
tests: keen-learner
people: [ann]
cases:
  - name: the third different one
    statements:
      - {repeat: {from: 1, to: 3}, statement: {at: "2026-03-0{n}T09:00:00Z", ann: completed, course: "c{n}"}}
      - {at: 2026-03-04T09:00:00Z, ann: completed, course: c1}
    expect: {ann: {badges: [keen-learner]}}
  - name: not the third of the same
    statements:
      - {repeat: {from: 1, to: 3}, statement: {at: "2026-03-0{n}T09:00:00Z", ann: completed, course: c1}}
      - {repeat: {from: 1, to: 3}, statement: {at: "2026-03-0{n}T09:00:00Z", ann: completed, article: "c{n}"}}
    expect: {ann: {badges: []}}
"""
    )
    assert bare(text) == []
