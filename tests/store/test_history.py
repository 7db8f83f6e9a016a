"""Reading what has been evaluated before."""

from sqlalchemy import Engine

from service.store import history
from service.store.engine import driver
from tests.at_work import AtWork
from tests.written import said


def test_a_rule_concerns_who_has_matches_and_who_has_lines_each_once_and_page_by_page(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply("{}", "{rule: other, when: {verb: shared}}")
    here.take(*(said(number, who=f"p{number}") for number in range(1, 6)))
    here.execute("DELETE FROM match WHERE learner = 2")
    here.execute("DELETE FROM entry WHERE learner = 4")

    def page(rule: int, after: int, limit: int) -> list[int]:
        with engine.begin() as connection:
            return history.learners_of_rule(driver(connection), rule, after, limit)

    assert [page(1, 0, 2), page(1, 2, 2), page(1, 4, 2), page(1, 5, 2)] == [[1, 2], [3, 4], [5], []]
    assert page(2, 0, 9) == []
