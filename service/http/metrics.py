"""What Prometheus reads: requests by endpoint and status, statements that came, statements that wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service import rule_health
from service.http.services import services
from service.store import counts, writeback

blueprint = Blueprint("metrics", __name__)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self, engine: Engine, redis: Redis) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(FromDatabase(engine))
        self.registry.register(FromRules(redis))
        self._requests = Counter(
            "plaudit_requests", "Requests answered", ("method", "endpoint", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "plaudit_request_seconds", "Time to answer", ("endpoint",), registry=self.registry, buckets=SECONDS
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Counts one request; `endpoint` is a name of the code, never the caller's text."""
        counter = self._counters.get((method, endpoint, status))
        if counter is None:
            counter = self._counters[method, endpoint, status] = self._requests.labels(method, endpoint, str(status))
        histogram = self._histograms.get(endpoint)
        if histogram is None:
            histogram = self._histograms[endpoint] = self._seconds.labels(endpoint)
        counter.inc()
        histogram.observe(seconds)


class FromRules(Collector):
    """How the rules are doing, as a worker counted it last."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def describe(self) -> Iterator[Metric]:
        """As below: nothing is asked in advance."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        try:
            found = rule_health.kept(self._redis)
        except RedisError:
            return
        if found is None:
            return
        now = datetime.now(UTC)
        labels = ("rule",)
        last = GaugeMetricFamily("plaudit_rule_last_award_timestamp_seconds", "Event time of it", labels=labels)
        rests = GaugeMetricFamily("plaudit_rule_rests", "1 if it has given nothing for 30 days", labels=labels)
        matches = GaugeMetricFamily("plaudit_rule_matches", "Statements that fulfil its conditions", labels=labels)
        awards = GaugeMetricFamily("plaudit_rule_awards", "Awards that stand", labels=labels)
        refused = GaugeMetricFamily("plaudit_rule_refusals", "Matches that gave nothing", labels=("rule", "clause"))
        for one in found.rules:
            name = (one.rule,)
            if one.last_award is not None:
                last.add_metric(name, one.last_award.timestamp())
            rests.add_metric(name, one.rests(now))
            matches.add_metric(name, one.matches)
            awards.add_metric(name, one.awards)
            for clause, number in one.refusals.items():
                refused.add_metric((one.rule, clause), number)
        yield from (last, rests, matches, awards, refused)
        unused = sum(kind.statements for kind in found.unused)
        yield GaugeMetricFamily("plaudit_unused_statements", "Statements that no rule looks at", value=unused)
        made = found.made.timestamp()
        yield GaugeMetricFamily("plaudit_rules_counted_timestamp_seconds", "When this was counted", value=made)


class FromDatabase(Collector):
    """What the database counts for all processes, read when Prometheus asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing to check in advance: asking the database while the service starts could fail."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("plaudit_database_up", "1 if the database answers")
        try:
            with self._engine.connect() as connection:
                by_source, lag = counts.by_source(connection), counts.lag(connection)
                written_back = writeback.counts(connection)
        except (DBAPIError, PoolTimeout):
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        came = CounterMetricFamily(
            "plaudit_statements", "Statements that came, by what became of them", labels=("source", "result")
        )
        for each in by_source:
            for result in ("received", "duplicates", "conflicts", "quarantined", "late", "voided"):
                came.add_metric((each.source, result), getattr(each, result))
        yield came
        told = GaugeMetricFamily(
            "plaudit_write_back_awards",
            "Awards that an LRS was told of or is to be told of",
            labels=("source", "state"),
        )
        for one in written_back:
            for state in ("told", "waiting", "failed"):
                told.add_metric((one.source, state), getattr(one, state))
        yield told
        for name, (meaning, value) in {
            "pending_statements": ("Stored and not yet evaluated", lag.pending),
            "lag_seconds": ("How long the oldest statement waits to be evaluated", lag.oldest_seconds),
            "set_aside_statements": ("Stored, but evaluating them raised", lag.set_aside),
            "quarantined_statements": ("Entries of quarantine that wait for somebody", lag.in_quarantine),
        }.items():
            yield GaugeMetricFamily(f"plaudit_{name}", meaning, value=value)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Everything in the form that the caller accepts: OpenMetrics or Prometheus text."""
    encode, media_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(services().metrics.registry), content_type=media_type)
