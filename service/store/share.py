"""A share of all learners, for work on history that several processes divide between them."""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """The learners whose ids leave `place` when divided by `of`. In queries: `learner %% %b = %b`, of the two."""

    place: int
    of: int

    def holds(self, learner: int) -> bool:
        return learner % self.of == self.place

    @property
    def asked(self) -> tuple[int, int]:
        """The two values that queries ask for, in their order."""
        return self.of, self.place


EVERYBODY = Share(0, 1)
