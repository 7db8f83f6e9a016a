"""An engine whose connections die at a chosen step, as if the process or the server had been killed there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine


class Fuse:
    """Counts what is sent to the database and kills the connection at the steps it was set to, one after the other."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.steps: list[int] = []
        self.burnt = 0

    def set(self, steps: Sequence[int]) -> None:
        """Break after so many steps, then after so many more, and so on."""
        self.steps, self.burnt = list(steps), 0

    def step(self, connection: psycopg.Connection[Any]) -> None:
        if not self.steps:
            return
        self.steps[0] -= 1
        if self.steps[0] <= 0:
            del self.steps[0]
            self.burnt += 1
            with psycopg.connect(self.database_url, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])


def breaking(fuse: Fuse) -> Engine:
    """An engine that is wired through the fuse: before each statement, and before and after each commit."""

    class Cursor(psycopg.Cursor[Any]):
        def execute(self, *arguments: Any, **options: Any) -> Any:
            fuse.step(self.connection)
            return super().execute(*arguments, **options)

    class Connection(psycopg.Connection[Any]):
        def commit(self) -> None:
            fuse.step(self)
            super().commit()
            fuse.step(self)
            if self.info.status != psycopg.pq.ConnStatus.OK or self.closed:
                raise psycopg.OperationalError("committed, and nobody has heard of it")

    def connect() -> psycopg.Connection[Any]:
        return Connection.connect(fuse.database_url, cursor_factory=Cursor, options="-c timezone=UTC")

    return create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)
