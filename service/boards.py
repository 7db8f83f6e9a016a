"""Leaderboards in Redis: scores from the database as sorted sets, and the way to put them back when Redis was lost.

A board of one period has, under keys that share a hash tag so that one script may touch them all:

    …scores     sorted set: member = time reached (8 bytes, microseconds) + learner (8 bytes), score = −points
    …seen       hash: learner -> version of the row applied last, and its time and points if it is on the board
    …distinct   sorted set of the scores there are (ties: dense), and …members, a hash: score -> how many have it
    …changes    a counter that grows with every change, for ETags

Scores are absolute and a row is applied only if its version is not older than what was seen, so rows may come in any
order, twice, or from several drains at once. Points are negated because the set then reads from first to last with
equal scores in the order of their members: whoever got there first comes first, and equal times break by learner.
Points are exact to 2^53 and times to the microsecond, as neither shares bits with the other.

A sentinel key names the database, the definitions of the boards and the Redis process that the boards were made for.
While it is missing or says something else, boards are read in SQL, and `rebuild` makes them anew.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from struct import Struct
from typing import Any, NamedTuple, TypeVar, cast
from zoneinfo import ZoneInfo

import msgspec
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry
from sqlalchemy import Connection, Engine, text

from service.core.rule import Board
from service.store import boards as store
from service.store.scores import NOTHING, Page, ScoreRow, Standing, everything

T = TypeVar("T")

PREFIX = "plaudit:"
CHUNK = 1000
"""Rows that one script applies, in a few milliseconds during which Redis does nothing else."""

_SENTINEL = f"{PREFIX}{{boards}}:sentinel"
_BUILDING = f"{PREFIX}{{boards}}:building"
_NAMES = f"{PREFIX}{{boards}}:names"
_REBUILD_LOCK = 0x706C6175
_START = datetime(1, 1, 1, tzinfo=UTC)
_packed = Struct(">qqqq").pack


class Place(NamedTuple):
    """A board in one period, and how it ranks."""

    board: int
    period: int
    ties: str

    def key(self, what: str) -> str:
        return f"{PREFIX}{{{self.board}:{self.period}}}:{self.ties}:{what}"

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(map(self.key, ("scores", "seen", "distinct", "members", "changes")))


class Script(NamedTuple):
    """A Lua script and the digest Redis knows it by."""

    text: str
    sha: str


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


APPLY = _script("""
local scores, seen, distinct, members, changes = unpack(KEYS)
local dense, rows = ARGV[1] == 'dense', ARGV[2]
local learners, marks, gone, come, counts = {}, {}, {}, {}, {}

local sub, unpacked = string.sub, struct.unpack

local function add(list, first, second)
  local size = #list
  list[size + 1], list[size + 2] = first, second
end
local function text(points) return string.format('%.0f', -points) end
local function count(points, by)
  if dense then counts[text(points)] = (counts[text(points)] or 0) + by end
end

for at = 1, #rows, 32 do learners[#learners + 1] = sub(rows, at + 8, at + 15) end
local known = redis.call('HMGET', seen, unpack(learners))

for index, learner in ipairs(learners) do
  local at, before = index * 32 - 31, known[index]
  local points, version = unpacked('>i8i8', rows, at + 16)
  if not before or unpacked('>i8', before) <= version then
    local old = before and sub(before, 9) or ''
    local new = points ~= 0 and sub(rows, at, at + 7) .. sub(rows, at + 16, at + 23) or ''
    add(marks, learner, sub(rows, at + 24, at + 31) .. new)
    if old ~= new then
      if old ~= '' then
        gone[#gone + 1] = sub(old, 1, 8) .. learner
        count(unpacked('>i8', old, 9), -1)
      end
      if new ~= '' then
        add(come, text(points), sub(rows, at, at + 15))
        count(points, 1)
      end
    end
  end
end

if #marks > 0 then redis.call('HSET', seen, unpack(marks)) end
if #gone > 0 then redis.call('ZREM', scores, unpack(gone)) end
if #come > 0 then redis.call('ZADD', scores, unpack(come)) end
for score, by in pairs(counts) do
  local left = by ~= 0 and redis.call('HINCRBY', members, score, by)
  if left == 0 then
    redis.call('HDEL', members, score)
    redis.call('ZREM', distinct, score)
  elseif left == by then
    redis.call('ZADD', distinct, score, score)
  end
end
if #gone + #come > 0 then redis.call('INCR', changes) end
""")

READ = _script("""
local scores, seen, distinct = KEYS[1], KEYS[2], KEYS[3]
local ties, learner = ARGV[1], ARGV[4]
local first, last = tonumber(ARGV[2]), tonumber(ARGV[3])
if learner then
  local before = redis.call('HGET', seen, learner)
  local rank = before and #before == 24 and redis.call('ZRANK', scores, before:sub(9, 16) .. learner)
  if not rank then return false end
  first, last = math.max(0, rank - first), rank + last
end
local rows = redis.call('ZRANGE', scores, first, last, 'WITHSCORES')
local above = 0
if #rows > 0 and ties ~= 'first' then
  above = redis.call('ZCOUNT', ties == 'dense' and distinct or scores, '-inf', '(' .. rows[2])
end
return {redis.call('ZCARD', scores), first, above, rows}
""")

FINISH = _script("""
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
""")


def client(url: str) -> Redis:
    """A client that gives up soon: a board that Redis does not answer is read in SQL."""
    return Redis.from_url(
        url, socket_timeout=2, socket_connect_timeout=1, health_check_interval=30, retry=Retry(NoBackoff(), 1)
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def project(redis: Redis, boards: Mapping[int, Board], rows: Iterable[ScoreRow]) -> None:
    """Writes these rows to the boards they are of; rows of boards not in `boards` are left out."""
    packed: defaultdict[tuple[int, int], dict[int, tuple[int, bytes]]] = defaultdict(dict)
    everyone = {number for number, board in boards.items() if board.who == "everyone"}
    for board, period, learner, points, reached, version, opted_in in rows:
        lines = packed[board, period]
        if learner not in lines or lines[learner][0] <= version:
            shown = points if opted_in or board in everyone else 0
            lines[learner] = version, _packed(_microseconds(reached), learner, shown, version)
    calls = [
        (Place(board, period, boards[board].ties), b"".join(line for _, line in chunk))
        for (board, period), lines in packed.items()
        if board in boards
        for chunk in _chunks(list(lines.values()))
    ]
    if calls:
        _apply(redis, calls)


def _microseconds(moment: datetime) -> int:
    """Since the beginning of the calendar, so that every moment is positive and their bytes are in order."""
    since = moment - _START
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def _chunks(lines: Sequence[T]) -> Iterator[Sequence[T]]:
    return (lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK))


def _apply(redis: Redis, calls: Sequence[tuple[Place, bytes]]) -> None:
    try:
        _applied(redis, calls)
    except NoScriptError:
        redis.script_load(APPLY.text)
        _applied(redis, calls)  # what was applied before may be applied again


def _applied(redis: Redis, calls: Sequence[tuple[Place, bytes]]) -> None:
    pipeline = redis.pipeline(transaction=False)
    for place, lines in calls:
        pipeline.evalsha(APPLY.sha, 5, *place.keys, place.ties, lines)
    pipeline.execute()


def renamed(redis: Redis) -> None:
    """Says that some learner has another name now, so that pages with names in them are fetched anew."""
    redis.incr(_NAMES)


# --- reading ----------------------------------------------------------------------------------------------------------


class Mark(NamedTuple):
    """What tells one state of a board from any other: the making of all boards, the names, its own changes."""

    sentinel: bytes
    names: bytes
    changes: bytes

    def is_of(self, identity: str) -> bool:
        """Whether Redis holds the boards of this database and these definitions; False, too, where it was lost."""
        return self.sentinel.startswith(f"{identity} ".encode())


class Lines(NamedTuple):
    """What Redis shows of a board, and its mark, which is not newer."""

    mark: Mark
    page: Page


def page(redis: Redis, number: int, board: Board, period: int, limit: int, offset: int) -> Lines:
    """`limit` lines of a board after the first `offset`."""
    return _read(redis, Place(number, period, board.ties), [offset, offset + limit - 1])


def around(redis: Redis, number: int, board: Board, period: int, learner: int, n: int) -> Lines:
    """The line of a learner with `n` lines before and after it; none if the learner is not on the board."""
    return _read(redis, Place(number, period, board.ties), [n, n, learner.to_bytes(8, "big")])


def _read(redis: Redis, place: Place, which: Sequence[int | bytes]) -> Lines:
    """In one journey, for each costs a reader more than Redis takes; the mark first, so that it is not newer."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.mget(_SENTINEL, _NAMES)
    pipeline.get(place.key("changes"))
    pipeline.evalsha(READ.sha, len(place.keys), *place.keys, place.ties, *which)
    try:
        (sentinel, names), changes, read = pipeline.execute()
    except NoScriptError:
        redis.script_load(READ.text)
        return _read(redis, place, which)
    return Lines(Mark(sentinel or b"", names or b"0", changes or b"0"), _page(place.ties, read))


def _page(ties: str, read: Any) -> Page:
    if read is None:
        return NOTHING
    total, first, above, flat = read
    standings: list[Standing] = []
    for index in range(0, len(flat), 2):
        points = -int(float(flat[index + 1]))
        learner = int.from_bytes(flat[index][8:], "big")
        rank = _rank(ties, first + index // 2, above, points, standings)
        standings.append(Standing(rank, points, learner))
    return Page(total, tuple(standings))


def _rank(ties: str, place: int, above: int, points: int, before: Sequence[Standing]) -> int:
    """The rank of the line at `place`, counted from 0; `above`: how many are above the first line of the page."""
    if ties == "first":
        return place + 1
    if not before:
        return above + 1
    last = before[-1]
    if last.points == points:
        return last.rank
    return last.rank + 1 if ties == "dense" else place + 1


def _run(redis: Redis, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    try:
        return redis.evalsha(script.sha, len(keys), *keys, *arguments)
    except NoScriptError:
        return redis.eval(script.text, len(keys), *keys, *arguments)


# --- lost and rebuilt -------------------------------------------------------------------------------------------------


class InForce(NamedTuple):
    """The boards in force by number, the zone of their days, and how the sentinel begins when Redis holds them."""

    boards: Mapping[int, Board]
    zone: ZoneInfo
    identity: str


def in_force(connection: Connection) -> InForce:
    """The boards in force, and what tells scores counted and ranked like this from any others."""
    boards, signatures, zone = store.in_force(connection)
    counted = [(number, board.ties, board.who, signatures[number]) for number, board in sorted(boards.items())]
    definitions = hashlib.sha256(msgspec.json.encode(counted)).hexdigest()[:16]
    return InForce(boards, zone, f"{store.database_identity(connection)} {definitions}")


def lost(engine: Engine, redis: Redis) -> bool:
    """True if the boards in Redis are not of this database, these definitions and this life of the Redis process."""
    with engine.connect() as connection:
        identity = in_force(connection).identity
    sentinel = cast("bytes | None", redis.get(_SENTINEL))
    return sentinel is None or not sentinel.startswith(f"{identity} {_life(redis)} ".encode())


def rebuild(engine: Engine, redis: Redis, *, force: bool = False) -> int:
    """Makes all boards anew from the scores in the database, and returns how many scores were written.

    Whether they are lost is asked when nobody else is making them: of several workers that miss them only the first
    makes them. With `force` nothing is asked.

    Everything is removed before the scores are read, so whatever a drain writes meanwhile is either removed and read
    again, or written beside it with its version. The sentinel comes last, and only if nobody has emptied Redis since.
    """
    with engine.begin() as alone:
        alone.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _REBUILD_LOCK})
        return _rebuilt(engine, redis) if force or lost(engine, redis) else 0


def _rebuilt(engine: Engine, redis: Redis) -> int:
    ours, life, written = secrets.token_hex(8), _life(redis), 0
    _remove(redis)
    redis.set(_BUILDING, ours)
    with engine.connect() as connection:
        now = in_force(connection)
    for rows in everything(engine):
        project(redis, now.boards, rows)
        written += len(rows)
    if not _run(redis, FINISH, [_SENTINEL, _BUILDING], [ours, f"{now.identity} {life} {ours}"]):
        raise RedisError("Redis was emptied while the boards were being rebuilt")
    return written


def _remove(redis: Redis) -> None:
    """Removes every key of every board, also of boards and periods that are no more; names keep their counter."""
    redis.delete(_SENTINEL, _BUILDING)
    pipeline = redis.pipeline(transaction=False)
    for key in redis.scan_iter(match=f"{PREFIX}{{[0-9]*", count=CHUNK):
        pipeline.unlink(key)
        if len(pipeline) >= CHUNK:
            pipeline.execute()
    pipeline.execute()


def _life(redis: Redis) -> str:
    """What Redis calls its process: another one after every start, when its last writes may be lost."""
    return str(redis.info("server")["run_id"])
