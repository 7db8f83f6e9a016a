"""The shipped rules: tested to the last clause, explained to people, and in the words that real systems use."""

import json
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from service import shipped
from service.cli import plaudit
from service.core.language import load, read_directory
from service.core.rule import Cap, Kind
from service.core.vocabulary import Section

DOCUMENTS, PROBLEMS = load(read_directory(shipped.rules()))
DATA = Path(__file__).parent / "data"


def test_nothing_is_wrong_with_them_and_nothing_to_warn_of() -> None:
    assert [str(problem) for problem in PROBLEMS] == []


def test_their_tests_pass_and_touch_every_clause() -> None:
    done = CliRunner().invoke(plaudit, ["rules", "test", "--coverage", str(shipped.rules())])
    assert done.exit_code == 0, done.output
    assert "0 clauses not covered" in done.output


def test_each_rule_is_live_or_an_example_and_tells_people_how_to_earn() -> None:
    for rule in (one for one in DOCUMENTS.rules if not isinstance(one.kind, Cap)):
        example = DOCUMENTS.places["rule", rule.name].path.endswith("/examples.yaml")
        status = "draft" if example else "live"
        assert (rule.status, bool(rule.title), bool(rule.how_to_earn)) == (status, True, True), rule.name


def test_every_kind_of_counting_is_shown() -> None:
    assert {type(rule.kind) for rule in DOCUMENTS.rules} == set(get_args(Kind))


def test_every_achievement_can_be_earned_and_has_an_image_of_its_own() -> None:
    grants = [grant for rule in DOCUMENTS.rules for grant in rule.give]
    given = {name for grant in grants if (name := grant.badge or grant.micro_credential)}
    assert given == {achievement.name for achievement in DOCUMENTS.achievements}
    assert len({achievement.image for achievement in DOCUMENTS.achievements}) == len(given)


@pytest.mark.parametrize("path", sorted(shipped.rules().glob("images/*.svg")), ids=lambda path: path.stem)
def test_an_image_stands_alone_has_a_title_and_ids_that_no_other_has(path: Path) -> None:
    image = ElementTree.fromstring(path.read_text())
    assert image.get("viewBox") == "0 0 512 512"
    assert image.findtext("{http://www.w3.org/2000/svg}title")
    ids = [part.get("id", "") for part in image.iter() if part.get("id")]
    assert all(name.startswith(path.stem) for name in ids)
    assert "http" not in path.read_text().replace("http://www.w3.org/2000/svg", "")


def test_boards_show_everybody_on_the_first_day() -> None:
    assert {board.who for board in DOCUMENTS.boards} == {"everyone"}
    assert {board.period for board in DOCUMENTS.boards} == {"week", "month", "quarter", "ever"}
    assert {board.ties for board in DOCUMENTS.boards} == {"shared", "dense", "first"}


@pytest.mark.parametrize(
    ("section", "word", "iri"),
    [
        ("verbs", "completed", "http://adlnet.gov/expapi/verbs/completed"),
        ("verbs", "completed", "http://activitystrea.ms/complete"),
        ("verbs", "shared", "https://adlnet.gov/expapi/verbs/shared"),
        ("verbs", "shared", "http://activitystrea.ms/schema/1.0/share"),
        ("verbs", "attended", "http://activitystrea.ms/attend"),
        ("verbs", "created", "http://activitystrea.ms/schema/1.0/create"),
        ("verbs", "replied", "http://id.tincanapi.com/verb/replied"),
        ("verbs", "posted", "https://w3id.org/xapi/acrossx/verbs/posted"),
        ("verbs", "satisfied", "https://w3id.org/xapi/adl/verbs/satisfied"),
        ("types", "course", "https://w3id.org/xapi/cmi5/activitytype/course"),
        ("types", "course", "http://lrs.learninglocker.net/define/type/moodle/course"),
        ("types", "video", "https://w3id.org/xapi/video/activity-type/video"),
        ("types", "question", "http://id.tincanapi.com/activitytype/discussion"),
        ("types", "webinar", "http://id.tincanapi.com/activitytype/webinar"),
    ],
)
def test_a_word_stands_for_the_spellings_of_different_systems(section: Section, word: str, iri: str) -> None:
    assert iri in DOCUMENTS.vocabulary.words[section][word].iris


def test_a_quiz_question_is_no_question_to_colleagues() -> None:
    quiz = "http://adlnet.gov/expapi/activities/cmi.interaction"
    assert quiz not in DOCUMENTS.vocabulary.words["types"]["question"].iris


def test_most_verbs_of_a_simulated_course_have_a_word() -> None:
    known = {iri for word in DOCUMENTS.vocabulary.words["verbs"].values() for iri in word.iris}
    verbs = [json.loads(line)["statement"]["verb"]["id"] for line in (DATA / "simulated.jsonl").open()]
    assert sum(verb in known for verb in verbs) > 0.99 * len(verbs)
