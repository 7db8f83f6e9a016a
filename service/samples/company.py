"""Twelve weeks of learning in a small maker of cargo bikes, as its LRS would forward them: writes `company.jsonl`.

`python -m service.samples.company` writes the file again; the same story gives the same file, byte for byte. Beside the
ordinary there is what senders really do: statements delivered twice, statements that come days late, an id used again
for other content, a statement voided afterwards and one voided before it arrived, and people whom one system knows by
their address and another by its hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from service.samples import story

Json = dict[str, Any]

FILE = Path(__file__).with_suffix(".jsonl")
HOME = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 8, 31, tzinfo=HOME)
END = datetime(2026, 11, 20, tzinfo=HOME)
NAMESPACE = UUID("6f1c3a52-9d0b-5e4f-8a7e-2b8f4c1d9e60")
LEARN, FORUM, CALENDAR = "https://learn.example.com", "https://forum.example.com", "https://calendar.example.com"
PARTNERS = "https://partners.example.com"
AUTHORITY = {"objectType": "Agent", "account": {"homePage": "https://lrs.example.com", "name": "company-lrs"}}

# Each system has its own spelling for what it tells, as in life.
VERBS = {
    "initialized": "http://adlnet.gov/expapi/verbs/initialized",
    "completed": "http://adlnet.gov/expapi/verbs/completed",
    "answered": "http://adlnet.gov/expapi/verbs/answered",
    "asked": "http://adlnet.gov/expapi/verbs/asked",
    "attended": "http://adlnet.gov/expapi/verbs/attended",
    "joined in": "http://activitystrea.ms/attend",
    "played": "https://w3id.org/xapi/video/verbs/played",
    "shared": "http://activitystrea.ms/schema/1.0/share",
    "authored": "http://activitystrea.ms/author",
    "replied": "http://id.tincanapi.com/verb/replied",
    "resolved": "http://activitystrea.ms/resolve",
    "posted": "https://w3id.org/xapi/acrossx/verbs/posted",
    "voided": "http://adlnet.gov/expapi/verbs/voided",
}
TYPES = {
    "course": "http://adlnet.gov/expapi/activities/course",
    "lesson": "http://adlnet.gov/expapi/activities/lesson",
    "interaction": "http://adlnet.gov/expapi/activities/cmi.interaction",
    "meeting": "http://adlnet.gov/expapi/activities/meeting",
    "video": "https://w3id.org/xapi/video/activity-type/video",
    "article": "http://activitystrea.ms/schema/1.0/article",
    "document": "http://id.tincanapi.com/activitytype/document",
    "topic": "http://id.tincanapi.com/activitytype/forum-topic",
    "discussion": "http://id.tincanapi.com/activitytype/discussion",
    "workshop": "http://id.tincanapi.com/activitytype/tutor-session",
    "webinar": "http://id.tincanapi.com/activitytype/webinar",
    "conference": "http://id.tincanapi.com/activitytype/conference",
}


def main() -> None:
    """Write `company.jsonl` again."""
    FILE.write_text(text(), encoding="utf-8")


def text() -> str:
    """The whole file: one statement a line, in the order in which they are delivered."""
    return "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in delivered())


def delivered() -> list[Json]:
    """All statements in the order of delivery, with what goes wrong on the way."""
    told = sorted((one for part in PARTS for one in part()), key=lambda one: one["timestamp"])
    known = [_forwarded(one, number) for number, one in enumerate(told)]
    return _out_of_order(known + _voiding(known))


# --- what happens ---------------------------------------------------------------------------------------------------


def courses() -> Iterator[Json]:
    """For each course: it is started, two lessons and a quiz question are done, and it is completed with a score."""
    dice = _dice("courses")
    for who, plan in story.COURSE_PLAN.items():
        for slug, week, score in plan:
            done = _working_hour(dice, week, 3, 4)
            course = _activity("course", f"{LEARN}/course/{slug}", story.COURSES[slug])
            inside = {"contextActivities": {"parent": [course]}, "platform": "Learn"}
            yield _did(_before(dice, done, 3), who, "initialized", course, {"platform": "Learn"})
            for number in (1, 2):
                lesson = _activity("lesson", f"{course['id']}/lesson/{number}", f"Lesson {number}")
                yield _did(_before(dice, done, 3 - number), who, "completed", lesson, inside, _finished(dice, 8, 25))
            right = dice.random() < score
            answer = {"success": right, "response": "true" if right else "false"}
            yield _did(done - timedelta(minutes=9), who, "answered", _quiz_question(course), inside, answer)
            yield _did(done, who, "completed", course, {"platform": "Learn"}, _graded(dice, score))


def videos() -> Iterator[Json]:
    """People watch short films, some to their end."""
    dice = _dice("videos")
    for week in range(12):
        for who in dice.sample([*story.PEOPLE], 3):
            title = dice.choice(story.VIDEOS)
            film = _activity("video", f"{LEARN}/video/{_slug(title)}", title)
            when = _working_hour(dice, week, 0, 3)
            yield _did(when, who, "played", film)
            if dice.random() < 0.7:
                yield _did(when + timedelta(minutes=9), who, "completed", film, None, _finished(dice, 3, 9))


def sharing() -> Iterator[Json]:
    """Articles are shared with the browser's button, which knows Ines only by the hash of her address."""
    dice = _dice("sharing")
    for who, shared in story.SHARED.items():
        for week, title in shared:
            article = _activity("article", f"https://reading.example.org/{_slug(title)}", title)
            actor = _agent(who, hashed=who == "ines")
            yield _said(_working_hour(dice, week, 2, 2), actor, "shared", article)
    for who, written in story.WRITTEN.items():
        for week, title in written:
            page = _activity("document", f"https://wiki.example.com/{_slug(title)}", title)
            yield _did(_working_hour(dice, week, 4, 4), who, "authored", page)


def forum() -> Iterator[Json]:
    """Questions, answers, and which of them solved it; and a little talk beside."""
    dice = _dice("forum")
    for number, (week, asker, title, answers, accepted) in enumerate(story.QUESTIONS, 1):
        question = _activity("topic", f"{FORUM}/q/{number}", title)
        asked = _working_hour(dice, week, 0, 2)
        yield _did(asked, asker, "asked", question)
        for place, who in enumerate(answers, 1):
            replied = asked + timedelta(minutes=dice.randint(20, 90) * place)
            yield _did(replied, who, "replied", question)
            if who == accepted:
                yield _did(replied + timedelta(minutes=37), who, "resolved", question, None, {"success": True})
    for number in range(18):
        who, week = dice.choice([*story.PEOPLE]), dice.randrange(12)
        topic = _activity("discussion", f"{FORUM}/talk/{number % 5}", "Over coffee")
        yield _did(_working_hour(dice, week, 0, 3), who, "posted", topic)


def teaching() -> Iterator[Json]:
    """What one colleague taught another, recorded by the one who learned."""
    dice = _dice("teaching")
    for week, teacher, learner, subject in story.TAUGHT:
        workshop = _activity("workshop", f"{LEARN}/workshop/{subject}", subject.replace("-", " ").capitalize())
        context = {"instructor": _agent(teacher)}
        yield _did(_working_hour(dice, week, 1, 3), learner, "completed", workshop, context, {"completion": True})


def gatherings() -> Iterator[Json]:
    """Webinars, a conference, a first aid day for the whole workshop, and the Monday meeting that is only routine."""
    dice = _dice("gatherings")
    for week, title, who_came in story.WEBINARS:
        webinar = _activity("webinar", f"{CALENDAR}/{_slug(title)}", title)
        for who in who_came:
            yield _did(_at(week, 3, 15) + timedelta(seconds=dice.randint(0, 600)), who, "joined in", webinar)
    conference = _activity("conference", f"{CALENDAR}/city-bike-conference", "City Bike Conference")
    for who in ("sofia", "hanna"):
        yield _did(_at(6, 4, 9), who, "attended", conference)
    workshop = _group("Workshop", "leo", "yusuf", "piotr", "aiko", "miriam", "jonas")
    yield _said(_at(4, 1, 10), workshop, "attended", _activity("meeting", f"{CALENDAR}/first-aid-day", "First aid day"))
    routine = {"contextActivities": {"category": [{"id": "https://example.com/tags/routine-meeting"}]}}
    for week in range(0, 12, 3):
        monday = _activity("meeting", f"{CALENDAR}/monday/{week}", "Monday meeting")
        yield _said(_at(week, 0, 9), _group("Everybody", *story.PEOPLE), "attended", monday, routine)


PARTS = (courses, videos, sharing, forum, teaching, gatherings)


# --- what goes wrong on the way -------------------------------------------------------------------------------------


def _voiding(known: list[Json]) -> list[Json]:
    """Tomas's last completion was a mistake, and Priya took back one thing she had shared."""
    completion = _find(known, "tomas", f"{LEARN}/course/frame-alignment", "completed")
    shared = _find(known, "priya", "https://reading.example.org/calmer-meetings", "shared")
    return [_void(completion, timedelta(days=3), 9001), _void(shared, timedelta(minutes=4), 9002)]


def _void(target: Json, later: timedelta, number: int) -> Json:
    when = datetime.fromisoformat(target["timestamp"]) + later
    office = {"objectType": "Agent", "name": "Administration", "mbox": "mailto:learning@example.com"}
    reference = {"objectType": "StatementRef", "id": target["id"]}
    return _forwarded(_said(when, office, "voided", reference), number)


def _out_of_order(known: list[Json]) -> list[Json]:
    """By the time they were stored; some late, some twice, one id for two contents, one void ahead of its target."""
    dice = _dice("delivery")
    for one in dice.sample(known, 24):
        one["stored"] = _utc(datetime.fromisoformat(one["stored"]) + timedelta(hours=dice.randint(20, 90)))
    shared = _find(known, "priya", "https://reading.example.org/calmer-meetings", "shared")
    void = next(one for one in known if one["object"]["id"] == shared["id"])
    shared["stored"] = _utc(datetime.fromisoformat(void["stored"]) + timedelta(hours=5))
    line = sorted(known, key=lambda one: (one["stored"], one["id"]))
    for one in dice.sample(line, 9):
        line.insert(line.index(one) + dice.randint(1, 30), one)
    first = _find(known, "leo", f"{LEARN}/course/first-aid", "completed")
    line.insert(line.index(first) + 12, {**first, "result": {**first["result"], "score": {"scaled": 0.95}}})
    return line


def _find(known: list[Json], who: str, thing: str, verb: str) -> Json:
    wanted = (_agent(who), VERBS[verb], thing)
    return next(one for one in known if (one["actor"], one["verb"]["id"], one["object"].get("id")) == wanted)


def _forwarded(statement: Json, number: int) -> Json:
    """A statement as the LRS forwards it: with its id, and when and on whose authority it was stored."""
    delay = timedelta(milliseconds=400 + 7919 * number % 9000)
    return {
        "id": str(uuid5(NAMESPACE, str(number))),
        **statement,
        "stored": _utc(datetime.fromisoformat(statement["timestamp"]) + delay),
        "authority": AUTHORITY,
        "version": "1.0.3",
    }


# --- the parts of a statement ---------------------------------------------------------------------------------------


def _did(
    when: datetime, who: str, verb: str, thing: Json, context: Json | None = None, result: Json | None = None
) -> Json:
    return _said(when, _agent(who), verb, thing, context, result)


def _said(
    when: datetime, actor: Json, verb: str, thing: Json, context: Json | None = None, result: Json | None = None
) -> Json:
    verb_with_words = {"id": VERBS[verb], "display": {"en": verb}}
    parts = {"actor": actor, "verb": verb_with_words, "object": thing, "result": result, "context": context}
    return {name: part for name, part in parts.items() if part is not None} | {"timestamp": _utc(when)}


def _agent(who: str, hashed: bool = False) -> Json:
    agent: Json = {"objectType": "Agent", "name": story.PEOPLE[who]}
    mbox = f"mailto:{story.PEOPLE[who].lower().replace(' ', '.').replace('ö', 'oe')}@example.com"
    if who in story.PARTNER_STAFF:
        return {**agent, "account": {"homePage": PARTNERS, "name": who}}
    if hashed:
        return {**agent, "mbox_sha1sum": hashlib.sha1(mbox.encode(), usedforsecurity=False).hexdigest()}
    return {**agent, "mbox": mbox}


def _group(name: str, *who: str) -> Json:
    return {"objectType": "Group", "name": name, "member": [_agent(one) for one in who]}


def _activity(kind: str, iri: str, name: str) -> Json:
    return {"objectType": "Activity", "id": iri, "definition": {"type": TYPES[kind], "name": {"en": name}}}


def _quiz_question(course: Json) -> Json:
    question = _activity("interaction", f"{course['id']}/quiz/1", "Quiz, question 1")
    question["definition"] |= {"interactionType": "true-false", "correctResponsesPattern": ["true"]}
    return question


def _finished(dice: Random, least: int, most: int) -> Json:
    """A result that took between `least` and `most` minutes."""
    return {"completion": True, "duration": f"PT{dice.randint(least, most)}M"}


def _graded(dice: Random, score: float) -> Json:
    points = {"scaled": score, "raw": round(score * 100), "min": 0, "max": 100}
    return {"score": points, "success": score >= 0.6, **_finished(dice, 35, 110)}


def _slug(title: str) -> str:
    return "-".join("".join(letter for letter in word if letter.isalnum()) for word in title.lower().split())


# --- time -----------------------------------------------------------------------------------------------------------


def _dice(name: str) -> Random:
    """Chance that falls the same way every time."""
    return Random(name)  # noqa: S311 - chance for a story, not for a secret


def _at(week: int, day: int, hour: float) -> datetime:
    """Some hour on a day of a week; day 0 is Monday."""
    return MONDAY + timedelta(weeks=week, days=day, hours=hour)


def _working_hour(dice: Random, week: int, first_day: int, last_day: int) -> datetime:
    """Some moment between 8 and 17 on one of these days of the week, but before the story ends."""
    when = _at(week, dice.randint(first_day, last_day), 8 + 9 * dice.random())
    return when if when < END else when - timedelta(days=1)


def _before(dice: Random, when: datetime, days: int) -> datetime:
    """About the same hour `days` before."""
    return when - timedelta(days=days, minutes=dice.randint(0, 50))


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    main()
