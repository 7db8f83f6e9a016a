"""Counting what came in."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine, event, insert, text

from service.store import counts, tables


def test_counting_voids_does_not_compare_each_with_all(engine: Engine) -> None:
    voids = [{"target": UUID(int=number), "voider": UUID(int=number + 10**6)} for number in range(2000)]
    asked: list[str] = []
    with engine.begin() as connection:
        connection.execute(insert(tables.void), voids)
        connection.execute(text("SET LOCAL work_mem = '64kB'"))
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        counts.intake(connection)
        (voided,) = [query for query in asked if "void" in query]
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {voided}").scalars())
    assert "Anti Join" in plan
    assert "SubPlan" not in plan
