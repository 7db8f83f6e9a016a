"""A preview also says what a change would do to rules that read what others give, and that is what happens."""

import pytest
from sqlalchemy import Engine

from service.preview import Wanted
from tests.at_work import AtWork
from tests.preview.test_preview import BOARDS, assert_it_happens, foreseen, history
from tests.written import documents

LOW = "{count: {reach: 9}, give: {badge: keen, points: 7}}"
NEEDS = "{rule: crown, needs: {all_of: [{badge: keen}, {points: 60}]}, give: {badge: steady, points: {xp: 3}}}"
CAP = "{caps: capped, points: 20, per: week, over: all}"
OTHER = "{rule: other, give: {points: 6}}"
EDITS = {
    "a rule below": (LOW, LOW.replace("9", "16"), "r"),
    "no badge below": (LOW, LOW.replace("badge: keen, ", ""), "r"),
    "needs": (NEEDS, NEEDS.replace("60", "900"), "crown"),
    "a cap": (CAP, CAP.replace("20", "30"), "capped"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_a_change_would_do_to_those_that_read_it_is_what_it_does(engine: Engine, edit: str) -> None:
    here, (old, new, name) = AtWork(engine), EDITS[edit]
    written = [LOW, NEEDS, CAP, OTHER, *BOARDS]
    here.apply(*written)
    here.take(*history())
    changed = [new if one == old else one for one in written]
    wanted = next(one for one in documents(*changed).rules if one.name == name)
    report = foreseen(here, Wanted(wanted), name)
    assert report.gain + report.lose > 0
    assert_it_happens(here, report, *[one for one in changed if one not in BOARDS])
    assert here.differences() == []
