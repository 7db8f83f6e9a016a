"""What a source may send beyond what any source may: how far off its clock may be, how old, and with which verbs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.statement import Fact, Unusable, moment


class Bounds(NamedTuple):
    """The limits of one source; None where there is none.

    ahead: how far event time may lie after the moment of receipt. Up to there, and without a limit, it counts as then.
    oldest: how long before the moment of receipt a statement may have happened.
    verbs: the IRIs of the verbs it may use; voiding what it has sent itself is always one.
    """

    ahead: timedelta | None = None
    oldest: timedelta | None = None
    verbs: frozenset[str] | None = None

    def check(self, fact: Fact, received: datetime) -> None:
        """Raises Unusable where the statement is outside of these limits."""
        statement = fact.statement
        if self.ahead is not None:
            told = moment(statement.timestamp)
            if told is not None and told - received > self.ahead:
                raise Unusable("$.timestamp", f"lies more than {self.ahead} ahead of our clock; set the sender's clock")
        if self.oldest is not None and received - fact.happened > self.oldest:
            raise Unusable("$.timestamp", f"is older than {self.oldest.days} days, the most that this source may send")
        if self.verbs is not None and statement.verb_id not in self.verbs and statement.voids is None:
            raise Unusable("$.verb.id", f"is {statement.verb_id[:200]}, which is none of the verbs of this source")


NONE = Bounds()
