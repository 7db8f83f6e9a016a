"""The rule language: what is written means this, and what is wrong is said with its place and what to write instead."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.core.achievement import Achievement
from service.core.agents import Agent, identifier
from service.core.language import Documents, load, read_directory
from service.core.rule import (
    Among,
    Answers,
    Board,
    Carries,
    Count,
    Duration,
    Each,
    Forgive,
    Grant,
    Limit,
    Measures,
    Names,
    Rule,
    Same,
    Streak,
)

VOCABULARY = """\
vocabulary: core
verbs:
  completed: [http://a.example/completed, http://b.example/completed]
  learned: http://a.example/learned
  observed: http://a.example/observed
  shared: http://a.example/shared
  taught: http://a.example/taught
types: {course: http://a.example/course, article: http://a.example/article}
objects: {induction: http://a.example/induction}
tags: {safety: [http://a.example/safety, http://b.example/safety], onboarding: http://a.example/onboarding}
"""
HEAD = "rule: r\ntitle: T\nhow_to_earn: H\n"
WHEN = "when: {verb: shared}\n"
GIVE = "give: {points: 10}\n"
PNG = b"\x89PNG\r\n\x1a\n and so on"


def loaded(text: str, **files: str | bytes) -> tuple[Documents, list[str]]:
    """What the text means beside the vocabulary, and what is wrong with it."""
    more = [(name, content if isinstance(content, bytes) else content.encode()) for name, content in files.items()]
    documents, problems = load([("vocabulary.yaml", VOCABULARY.encode()), ("r.yaml", text.encode()), *more])
    return documents, [str(problem).removeprefix("r.yaml:") for problem in problems]


def problems(text: str) -> list[str]:
    return loaded(text)[1]


def rule(text: str) -> Rule:
    """The one rule in the text, which has no problem."""
    documents, found = loaded(text)
    assert not found
    (only,) = documents.rules
    return only


# --- what rules mean ----------------------------------------------------------------------------------------------


def test_the_least_a_live_rule_says() -> None:
    assert rule(HEAD + WHEN + GIVE) == Rule(
        name="r",
        title="T",
        how_to_earn="H",
        when=(Among("verb", ("http://a.example/shared",)),),
        give=(Grant((("points", 10),)),),
    )


def test_share_an_article_of_the_design() -> None:
    found = rule(
        """\
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
"""
    )
    tags = "http://a.example/safety", "http://b.example/safety", "http://a.example/onboarding"
    assert found == Rule(
        name="share-an-article",
        title="Share something useful",
        how_to_earn="Share an article with colleagues. Up to 50 points a day.",
        first_day=date(2026, 1, 1),
        when=(
            Among("verb", ("http://a.example/shared",)),
            Among("type", ("http://a.example/article",)),
            Carries("tagged", tags),
        ),
        once_per=("object",),
        give=(Grant((("points", 10),)),),
        limits=(Limit("day", 50, clause="limit 50 points per day"),),
    )


def achievements(*names: str) -> str:
    return "".join(f"---\nachievement: {name}\nname: N\ndescription: D\ncriteria: C\n" for name in names)


def test_keen_learner_of_the_design() -> None:
    found = rule(
        """\
rule: keen-learner
title: Keen learner
how_to_earn: Complete five different courses with 80% or more within 90 days.
status: live
when: {verb: completed, type: course, score: {at_least: 0.8}}
count: {reach: 5, different: object, within: 90 days}
give: {badge: keen-learner, points: 100}
expires: 2 years
if_undone: revoke
"""
        + achievements("keen-learner")
    )
    assert found.when[0] == Among("verb", ("http://a.example/completed", "http://b.example/completed"))
    assert found.when[2] == Measures("score", at_least=0.8)
    assert found.kind == Count(5, "object", Duration(90, "days"))
    assert found.give == (Grant((("points", 100),), badge="keen-learner"),)
    assert (found.expires, found.if_undone) == (Duration(2, "years"), "revoke")


def test_weekly_learner_of_the_design() -> None:
    found = rule(
        """\
rule: weekly-learner
title: Week after week
how_to_earn: Record some learning every week. One missed week a quarter is forgiven.
status: live
when: {verb: {any_of: [completed, learned, shared, taught]}}
streak: {every: week, forgive: {missed: 1, per: quarter}}
give:
  - {at: 4,  badge: weekly-learner-bronze, points: 20}
  - {at: 12, badge: weekly-learner-silver, points: 60}
"""
        + achievements("weekly-learner-bronze", "weekly-learner-silver")
    )
    assert found.kind == Streak("week", Forgive(1, "quarter"))
    assert found.give == (
        Grant((("points", 20),), badge="weekly-learner-bronze", at=4),
        Grant((("points", 60),), badge="weekly-learner-silver", at=12),
    )


def test_thank_the_teacher_of_the_design_but_for_swapped() -> None:
    found = rule(
        """\
rule: thank-the-teacher
title: Thank the teacher
how_to_earn: When a colleague records that you taught them, you earn 25 points.
status: live
when: {verb: {any_of: [completed, learned]}, instructor: present}
to: instructor
unless:
  - same: [instructor, actor]
once_per: [actor, object]
give: {points: 25}
limit: [{points: 100, per: week}, {points: 50, per: month, from_each: actor}]
"""
    )
    assert found.when[1] == Names("instructor", present=True)
    assert found.to == "instructor"
    assert found.unless == ((Same(("instructor", "actor")),),)
    assert found.once_per == ("actor", "object")
    assert [limit.clause for limit in found.limits] == [
        "limit 100 points per week",
        "limit 50 points per month from each actor",
    ]


def test_vocabulary_and_board_of_the_design() -> None:
    text = """\
vocabulary: more
verbs:
  completed: [http://adlnet.gov/expapi/verbs/completed, http://id.tincanapi.com/verb/completed]
  shared: http://adlnet.gov/expapi/verbs/shared
types:
  course: http://adlnet.gov/expapi/activities/course
tags:
  safety: https://example.com/tags/safety
---
board: this-month
title: This month
points: points            # which currency
period: month             # day | week | month | quarter | year | ever
from_rules: all           # or a list; or {tagged: …}
ties: shared              # shared (1,1,3) | dense (1,1,2) | first (who got there first)
who: opted_in             # everyone | opted_in
"""
    documents, found = load([("a.yaml", text.encode())])
    assert [str(problem) for problem in found] == ['a.yaml:12:9: warning: No rule gives "points".']
    assert documents.boards == (Board("this-month", "This month", period="month"),)
    assert documents.vocabulary.iris("verbs", "completed") == (
        "http://adlnet.gov/expapi/verbs/completed",
        "http://id.tincanapi.com/verb/completed",
    )


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("type: [course, http://x.example/t]", Among("type", ("http://a.example/course", "http://x.example/t"))),
        ("object: induction", Among("object", ("http://a.example/induction",))),
        ("object: {starts_with: http://x.example/}", Among("object", (), ("http://x.example/",))),
        (
            "tagged: {all_of: [safety, onboarding]}",
            Carries(
                "tagged",
                (),
                (("http://a.example/safety", "http://b.example/safety"), ("http://a.example/onboarding",)),
            ),
        ),
        ("tagged: safety", Carries("tagged", ("http://a.example/safety", "http://b.example/safety"))),
        ("part_of: [induction]", Carries("part_of", ("http://a.example/induction",))),
        ("score: {more_than: 0, at_most: 1}", Measures("score", more_than=0.0, at_most=1.0)),
        ("raw_score: {less_than: 75.5}", Measures("raw_score", less_than=75.5)),
        ("success: true", Answers("success", True)),
        ("completion: false", Answers("completion", False)),
        ("instructor: absent", Names("instructor", present=False)),
        ("team: present", Names("team", present=True)),
        (
            "instructor: mailto:Ann@Example.com",
            Names("instructor", identifier=identifier(Agent(mbox="mailto:Ann@example.com"))),
        ),
        ("instructor: https://ann.example.com/", Names("instructor", identifier="openid:https://ann.example.com/")),
        (
            "instructor: {home_page: https://lms.example.com, name: 0042}",
            Names("instructor", identifier="account:https://lms.example.com 0042"),
        ),
        ("source: [lms, on]", Among("source", ("lms", "on"))),
        ("capture: {any_of: [observed, xapi]}", Among("capture", ("observed", "xapi"))),
        ("platform: Moodle", Among("platform", ("Moodle",))),
        ("language: no", Among("language", ("no",))),
    ],
)
def test_conditions(condition: str, value: object) -> None:
    assert rule(HEAD + GIVE + f"when: {{verb: shared, {condition}}}\n").when[1] == value


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ("", Each()),
        ("each: {}\n", Each()),
        ("each:\n", Each()),
        ("count: {reach: 3, within: {calendar: month}, repeat: true}\n", Count(3, calendar="month", repeat=True)),
        ("count: {reach: 1, different: day}\n", Count(1, "day")),
    ],
)
def test_kinds(lines: str, kind: object) -> None:
    assert rule(HEAD + WHEN + GIVE + lines).kind == kind


@pytest.mark.parametrize(
    ("limit", "clause"),
    [
        ("{points: 50, per: day}", "limit 50 points per day"),
        ("{awards: 3, per: week}", "limit 3 awards per week"),
        ("{awards: 1, per: day}", "limit 1 award per day"),
        ("{points: {xp: 50}, per: day}", "limit 50 xp per day"),
        ("{points: 50, per: ever}", "limit 50 points ever"),
        ("{points: 50, per: month, from_each: instructor}", "limit 50 points per month from each instructor"),
    ],
)
def test_a_limit_in_words(limit: str, clause: str) -> None:
    found = rule(HEAD + WHEN + f"give: {{points: {{points: 5, xp: 1}}}}\nlimit: {limit}\n")
    assert [one.clause for one in found.limits] == [clause]


@pytest.mark.parametrize("text", ["1 second", "2 minutes", "3 hours", "1 days", "10 weeks", "1 month", "100 years"])
def test_durations(text: str) -> None:
    amount, unit = text.split()
    expires = rule(HEAD + WHEN + f"give: {{badge: b}}\nexpires: {text}\n" + achievements("b")).expires
    assert expires == Duration(int(amount), unit.rstrip("s") + "s")  # type: ignore[arg-type]


def test_a_life_of_one_day() -> None:
    found = rule(HEAD + WHEN + GIVE + "from: 2026-01-01\nuntil: 2026-01-01\n")
    assert found.first_day == found.last_day == date(2026, 1, 1)


def test_a_limit_as_large_as_an_award_is_worth_no_warning() -> None:
    assert rule(HEAD + WHEN + GIVE + "limit: {points: 10, per: day}\n").limits[0].points == 10


def test_several_documents_may_test_one_rule() -> None:
    tests = "---\ntests: r\npeople: [ann]\ncases: [{name: a, statements: [], expect: {}}]\n"
    documents, found = loaded(HEAD + WHEN + GIVE + tests + tests)
    assert not found
    assert [one.name for one in documents.tests] == ["r", "r"]


def test_titles_in_languages() -> None:
    found = rule("rule: r\ntitle: {en: Yes, no: Ja}\nhow_to_earn: NO\n" + WHEN + GIVE)
    assert found.title == {"en": "Yes", "no": "Ja"}
    assert found.how_to_earn == "NO"


def test_a_draft_needs_no_words_for_learners() -> None:
    assert rule("rule: r\nstatus: draft\n" + WHEN + GIVE).status == "draft"


def test_the_key_that_says_what_a_document_is_may_stand_anywhere() -> None:
    assert rule(GIVE + "how_to_earn: H\nrule: r\ntitle: T\n" + WHEN).name == "r"


def test_an_achievement_with_its_image() -> None:
    text = """\
achievement: keen-learner
name: Keen learner
description: Finished five courses
criteria: {en: Complete five courses}
image: images/keen.png
type: Certificate
tags: [Safety at work]
"""
    files = [("rules/a.yaml", text.encode()), ("rules/images/keen.png", PNG)]
    documents, found = load(files)
    assert not found
    assert documents.achievements == (
        Achievement(
            name="keen-learner",
            title="Keen learner",
            description="Finished five courses",
            criteria={"en": "Complete five courses"},
            image="images/keen.png",
            type="Certificate",
            tags=("Safety at work",),
        ),
    )
    assert documents.images == {("achievement", "keen-learner"): (PNG, "image/png")}


def test_boards_choose_rules_by_name_or_tag() -> None:
    text = HEAD + WHEN + GIVE + "tags: [social]\n---\nboard: a\ntitle: A\nfrom_rules: [r]\n---\nboard: b\ntitle: B\n"
    documents, found = loaded(text + "from_rules: {tagged: social}\ntime_zone: Europe/Berlin\n")
    assert not found
    first, second = documents.boards
    assert first.from_rules == ("r",)
    assert (second.from_rules, second.tagged, second.time_zone) == (None, "social", "Europe/Berlin")


def test_the_source_and_place_of_each_document() -> None:
    text = "# A comment.\n" + HEAD + WHEN + GIVE + "---\n# Another.\nboard: b\ntitle: B # so\n"
    documents, found = loaded(text)
    assert not found
    assert documents.text["rule", "r"] == "# A comment.\n" + HEAD + WHEN + GIVE
    assert documents.text["board", "b"] == "# Another.\nboard: b\ntitle: B # so\n"
    assert documents.places["board", "b"] == ("r.yaml", 9, 1)


def test_a_directory_is_read_in_order_with_its_images(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/x.yml", "a.yaml", "b/i.png", "b/notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "large.yaml").write_bytes(b"#" * (3 << 20))
    found = read_directory(tmp_path)
    assert [Path(path).relative_to(tmp_path).as_posix() for path, _ in found] == [
        "a.yaml",
        "b/i.png",
        "b/x.yml",
        "large.yaml",
    ]
    assert [str(problem).partition(": ")[2] for problem in load(found[3:])[1]] == [
        "This file is larger than 1 MiB: split it into several files."
    ]


# --- what is wrong, and where -------------------------------------------------------------------------------------


def mistakes() -> list[tuple[str, list[str]]]:
    """The blocks of mistakes.txt: a source, and the problems it has."""
    found = []
    for block in Path(__file__).with_name("mistakes.txt").read_text(encoding="utf-8").split("\n===\n")[1:]:
        lines = block.rstrip().splitlines()
        source = [line for line in lines if not line.startswith(">>> ")]
        found.append(("\n".join(source) + "\n", [line[4:] for line in lines if line.startswith(">>> ")]))
    return found


@pytest.mark.parametrize(("source", "said"), mistakes(), ids=[said[0][:60] for _, said in mistakes()])
def test_a_mistake_is_said_with_its_place_and_what_to_write_instead(source: str, said: list[str]) -> None:
    assert problems(source) == said


@pytest.mark.parametrize(
    "clauses",
    [
        'when: {verb: shared, object: {starts_with: "https://example.com/a"}}\nonce_per: [object]\n',
        'when: {verb: shared, object: "https://example.com/a"}\nonce_per: [object, day]\n',
        'when: {verb: shared, object: ["https://example.com/a", "https://example.com/b"]}\nonce_per: [object]\n',
    ],
)
def test_what_lets_enough_in_is_not_warned_of(clauses: str) -> None:
    assert problems(f"rule: r\ntitle: T\nhow_to_earn: H\ngive: {{points: 1}}\ncount: {{reach: 2}}\n{clauses}") == []


DRAFT = "rule: {}\nstatus: draft\nwhen: {{verb: shared}}\ngive: {{points: 10}}\n"


def test_the_same_definition_twice_is_fine() -> None:
    assert problems("vocabulary: x\nverbs: {shared: http://a.example/shared}\n") == []


def test_every_mistake_in_every_file_is_told_at_once() -> None:
    files: dict[str, str | bytes] = {
        "b.yaml": DRAFT.format("B"),
        "c.yaml": "a: [",
        "d.yaml": b"\xff",
        "e.yaml": DRAFT.format("e") + "twice: 1\nto: me\n",
    }
    found = loaded(DRAFT.format("r") + "limit: 1\n", **files)[1]
    places = [problem.split(": ")[0] for problem in found]
    assert places == ["b.yaml:1:7", "c.yaml:1:5", "d.yaml:1:1", "e.yaml:5:1", "e.yaml:6:5", "5:8"]


def test_a_word_that_may_stand_in_a_broken_file_is_not_called_unknown() -> None:
    text = DRAFT.format("r").replace("shared", "juggled")
    assert len(problems(text)) == 1
    assert [
        problem for problem in loaded(text, v="vocabulary: v\nverbs: {juggled: [\n")[1] if "juggled" in problem
    ] == []


def test_an_achievement_that_may_stand_in_a_broken_file_is_not_called_missing() -> None:
    text = DRAFT.format("r").replace("points: 10", "badge: keen")
    assert len(problems(text)) == 1
    found = loaded(text, a="achievement: keen\nname: [\n")[1]
    assert [problem.split(": ")[0] for problem in found] == ["a:3:1"]


def test_a_mistake_in_a_definition_does_not_make_its_word_unknown() -> None:
    found = loaded(DRAFT.format("r").replace("shared", "juggled"), v="vocabulary: v\nverbs: {juggled: nonsense}\n")[1]
    assert [problem.split(": ")[0] for problem in found] == ["v:2:18"]


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("i.png", b"<svg/>", '"i.png" is not the image that its ending says: save it as PNG or SVG.'),
        ("i.svg", PNG, '"i.svg" is not the image that its ending says: save it as PNG or SVG.'),
        ("i.png", PNG + bytes(1 << 20), '"i.png" is larger than 1 MiB: a badge needs an image of at most some 100 KB.'),
        ("j.png", PNG, 'There is no image "i.png" among the rules. Did you mean "j.png"?'),
    ],
)
def test_an_image_that_is_none(path: str, content: bytes, problem: str) -> None:
    name = path.replace("j", "i")
    text = f"achievement: a\nname: A\ndescription: D\ncriteria: C\nimage: {name}\n"
    assert loaded(text, **{path: content})[1] == [f"5:8: {problem}"]


def test_what_has_an_error_is_left_out() -> None:
    documents, _ = loaded(DRAFT.format("a") + "---\n" + DRAFT.format("b") + "to: me\n")
    assert [one.name for one in documents.rules] == ["a"]


# --- whatever is written ------------------------------------------------------------------------------------------

SAMPLE = (
    VOCABULARY
    + "---\n"
    + HEAD
    + """\
from: 2026-01-01
time_zone: Europe/Berlin
when: {verb: {any_of: [shared, taught]}, type: article, score: {at_least: 0.5}, instructor: present}
unless: [{same: [instructor, actor]}]
to: instructor
streak: {every: week, forgive: {missed: 1, per: quarter}}
once_per: [object, day]
give: [{at: 2, points: {xp: 5}, badge: b, again: true}, {at: 4, points: 10}]
limit: [{points: 50, per: day}, {awards: 3, per: week, from_each: actor}]
expires: 2 years
---
achievement: b
name: {en: B}
description: D
criteria: C
---
board: all
title: All
points: xp
period: month
from_rules: [r]
---
tests: r
people: {ann: {time_zone: Asia/Tokyo}, bob: }
cases:
  - name: one
    statements:
      - {id: s1, at: 2026-03-01T09:00:00Z, ann: shared, article: a1, instructor: bob, score: 0.7, tags: [safety]}
      - {repeat: {from: 1, to: 2}, statement: {id: "t{n}", at: "2026-03-0{n}T09:00:00Z", bob: taught, article: a}}
      - {id: v, at: 2026-03-02T09:00:00Z, void: s1}
    expect: {ann: {points: 0, badges: []}, bob: {xp: 0}, refused: [], progress: {bob: 1 of 2}, ledger: []}
"""
)
PIECES = st.sampled_from(
    [*SAMPLE.split(), *"[]{}:,-#&*!|>'\"%@`\t\n~\\?", "\n  ", ": ", "- ", "null", "true", "9" * 400]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The sample with some pieces taken out, put in, or moved."""
    text = SAMPLE
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(PIECES | st.text(max_size=4) | st.just(text[end : end + 30])) + text[end:]
    return text


@settings(max_examples=150, deadline=None)
@given(mutated())
@example(SAMPLE)
def test_no_text_makes_the_loader_raise(text: str) -> None:
    content = text.encode(errors="replace")
    documents, found = load([("x.yaml", content)])
    lines = len(text.splitlines()) + 2
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in found)
    assert all(problem.message.strip() and "\n" not in problem.message for problem in found)
    assert documents.rules or found


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_loader_raise(content: bytes) -> None:
    load([("x.yaml", content), ("y.png", content)])


def test_the_sample_of_this_property_is_fine() -> None:
    documents, found = load([("x.yaml", SAMPLE.encode())])
    assert found == []
    assert len(documents.tests[0].cases[0].facts) == 4
