"""`EventPages` on SQL. No page costs more than a bounded part of the log, whoever asks for what.

Three ways lead to a page: along one stream; through all streams of an owner who has few events;
and along the log, a window of it at a time. Each is in the order of the log, which is that of
`events.position` in SQLite and of `log.log_index` in PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import SQLAlchemyError

from traderbot.application.errors import DatabaseUnavailableError, NotFoundError
from traderbot.application.ports.event_pages import EventFilter, EventPages, LoggedEvent
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.views import BadCursorError
from traderbot.application.views import Page
from traderbot.domain.shared.errors import CorruptHistoryError
from traderbot.domain.shared.ids import UserId
from traderbot.domain.shared.instants import instant
from traderbot.infrastructure.event_store.body import take_apart
from traderbot.infrastructure.persistence.paging import page_size, place_after, place_cursor

WINDOW: Final = 20_000  # indexes one page looks at
# Who has more orders, or events of portfolios and bots, than this finds some in every window,
# unless the log holds tens of millions. For who has fewer, all of them are put in order each time.
FEW: Final = 10_000

_CURSOR: Final = "events"
# category: the table of its owners, and their key
_OWNED: Final = {
    "portfolio": ("portfolios", "portfolio_id"),
    "order": ("orders", "order_id"),
    "bot": ("bot_runs", "bot_run_id"),
}
_OWN_STREAMS: Final = " UNION ALL ".join(
    [
        "SELECT :user AS stream_id",
        *(
            f"SELECT '{category}-' || {key} FROM {table} WHERE owner_id = :owner"  # noqa: S608 - our own names
            for category, (table, key) in _OWNED.items()
        ),
    ]
)
# What stands behind the category is looked up by key. In a stream of another category it is no id.
_IS_OWN: Final = " OR ".join(
    [
        "e.stream_id = :user",
        *(
            f"EXISTS (SELECT 1 FROM {table} s WHERE s.owner_id = :owner"  # noqa: S608 - our own names
            f" AND s.{key} = substr(e.stream_id, {len(category) + 2}))"
            for category, (table, key) in _OWNED.items()
        ),
    ]
)
# Orders are counted, because their events are few; of the others there may be long ones.
_HOW_MANY: Final = (
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM orders WHERE owner_id = :owner LIMIT :few) o) "
    "+ (SELECT coalesce(sum(stream_version), 0) FROM portfolios WHERE owner_id = :owner) "
    "+ (SELECT coalesce(sum(stream_version), 0) FROM bot_runs WHERE owner_id = :owner)"
)


# Each row is found by its key, however large PostgreSQL believes the tables to be.
_BY_KEY: Final = "".join(
    f"SET LOCAL {name} = {value};"
    for name, value in (
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("jit", "off"),
    )
)


class _Order:
    """How statements name the log's order: as `i`, its index, beside the event as `e`."""

    def __init__(self, dialect: str) -> None:
        self.dense = dense = dialect == "sqlite"
        self.index = "e.position - 1" if dense else "l.log_index"
        # Written so that the key itself is compared: of an expression SQLite knows no order.
        self.key = "e.position" if dense else "l.log_index"
        self.shift = 1 if dense else 0
        self.and_log = "" if dense else "JOIN log l ON l.position = e.position"
        self.perhaps_log = f"LEFT {self.and_log}" if self.and_log else ""
        self.source = "events e" if dense else f"log l CROSS JOIN {_each('position = l.position')}"
        # CROSS JOIN tells SQLite to begin with the left side.
        self.of_streams = (
            "s CROSS JOIN events e ON e.stream_id = s.stream_id"
            if dense
            else f"s CROSS JOIN {_each('stream_id = s.stream_id')}"
        )
        last = "max(position) FROM events" if dense else "max(log_index) + 1 FROM log"
        self.size = f"SELECT coalesce({last.replace(' FROM', ', 0) FROM')}"
        self.columns = f"SELECT {self.index} AS i, e.body, e.leaf_hash"


def _each(condition: str) -> str:
    """Return what has PostgreSQL look for events row by row, whatever else it would rather do."""
    return f"LATERAL (SELECT * FROM events WHERE {condition} OFFSET 0) e"  # noqa: S608 - our own names


class SqlEventPages(EventPages):
    """`EventPages` on SQLite and PostgreSQL; a page is one transaction of one read connection."""

    def __init__(self, engine: Engine, *, window: int = WINDOW, few: int = FEW) -> None:
        """Read through `engine`; its connections need not be able to write."""
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._engine = engine
        self._order = _Order(engine.dialect.name)
        self._window = window
        self._few = few

    def events(
        self, which: EventFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[LoggedEvent]:
        """Return a page, oldest first."""
        size = page_size(limit)
        start = max(which.start, 0 if cursor is None else _after(cursor))
        with self._reading() as connection:
            asked = _Asked(connection, self._order, which, start, size)
            if which.stream is not None:
                rows, following = asked.along_stream(which.stream), None
            elif which.owner_id is not None and asked.has_few(self._few):
                rows, following = asked.through_own_streams(), None
            else:
                rows, following = asked.along_log(self._window)
        if len(rows) > size:
            following = int(rows[size].i)
        return Page(
            items=tuple(_logged(row) for row in rows[:size]),
            next_cursor=None if following is None else place_cursor(_CURSOR, following),
        )

    def event(self, event_id: str, owner_id: UserId | None = None) -> LoggedEvent:
        """Return one event."""
        order = self._order
        own = "" if owner_id is None else f" AND ({_IS_OWN})"
        question = f"{order.columns} FROM events e {order.perhaps_log} WHERE e.event_id = :id{own}"
        with self._reading() as connection:
            row = connection.execute(text(question), {"id": event_id, **_owner(owner_id)}).first()
        if row is None:
            raise NotFoundError("event", event_id)
        return _logged(row)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                if not self._order.dense:
                    connection.exec_driver_sql(_BY_KEY)
                yield connection
        except SQLAlchemyError as error:
            msg = "the database did not answer"
            raise DatabaseUnavailableError(msg) from error


class _Asked:
    """One question, on the connection it is asked on. Ways return one row more than a page has."""

    def __init__(
        self, connection: Connection, order: _Order, which: EventFilter, start: int, size: int
    ) -> None:
        self._connection = connection
        self._order = order
        self._which = which
        self._start = start
        self._type = "" if which.type is None else " AND e.type = :type"
        self._values: dict[str, object] = {
            **_owner(which.owner_id),
            "type": which.type,
            "start": start + order.shift,
            "rows": size + 1,
        }

    def along_stream(self, stream: str) -> Sequence[Row[Any]]:
        """Return events of one stream, if it is the owner's."""
        order = self._order
        own = "" if self._which.owner_id is None else f" AND ({_IS_OWN})"
        # A cursor points at an event of the stream: from its version on, nothing is read in vain.
        version = f"SELECT e.version FROM {order.source} WHERE {order.key} = :start"  # noqa: S608 - our own names
        return self._rows(
            f"{order.columns} FROM events e {order.and_log} WHERE e.stream_id = :stream "
            f"AND e.version >= coalesce(({version} AND e.stream_id = :stream), 1) "
            f"AND {order.key} >= :start{self._type}{own} ORDER BY e.version LIMIT :rows",
            stream=stream,
        )

    def has_few(self, few: int) -> bool:
        """Whether the owner has at most about so many events."""
        return int(self._rows(_HOW_MANY, few=few + 1)[0][0]) <= few

    def through_own_streams(self) -> Sequence[Row[Any]]:
        """Return events of all streams of the owner."""
        order = self._order
        # First where they are: asked for the log's order at once, a planner may read all of it.
        return self._rows(
            "WITH own AS MATERIALIZED (SELECT e.position "  # noqa: S608 - our own names
            f"FROM ({_OWN_STREAMS}) {order.of_streams} WHERE true{self._type}), "
            f"page AS MATERIALIZED (SELECT e.position FROM own e {order.and_log} "
            f"WHERE {order.key} >= :start ORDER BY {order.key} LIMIT :rows) "
            f"{order.columns} FROM page CROSS JOIN events e {order.and_log} "
            f"WHERE e.position = page.position ORDER BY {order.key}"
        )

    def along_log(self, window: int) -> tuple[Sequence[Row[Any]], int | None]:
        """Return events of a part of the log, and where the next part begins if there is one."""
        order, end = self._order, self._start + window
        own = "" if self._which.owner_id is None else f" AND ({_IS_OWN})"
        rows = self._rows(
            f"{order.columns} FROM {order.source} WHERE {order.key} >= :start "
            f"AND {order.key} < :end{self._type}{own} ORDER BY {order.key} LIMIT :rows",
            end=end + order.shift,
        )
        return rows, end if self._rows(order.size)[0][0] > end else None

    def _rows(self, question: str, **values: object) -> Sequence[Row[Any]]:
        statement = text(question)
        given = {**self._values, **values}
        named = {name: given[name] for name in statement.compile().params}
        return self._connection.execute(statement, named).all()


def _owner(owner_id: UserId | None) -> dict[str, object]:
    return {} if owner_id is None else {"owner": owner_id, "user": f"user-{owner_id}"}


def _after(cursor: str) -> int:
    name, index = place_after(cursor)
    if name != _CURSOR or index < 0:
        msg = f"not a cursor of this program: {cursor!r:.60}"
        raise BadCursorError(msg)
    return index


def _logged(row: Row[Any]) -> LoggedEvent:
    index, body, leaf_hash = row.i, row.body, row.leaf_hash
    try:
        it = take_apart(body)
        return LoggedEvent(
            index=index,
            id=it.id,
            stream=it.stream,
            version=it.version,
            type=it.type,
            schema=it.schema,
            occurred_at=instant(it.occurred_at),
            recorded_at=instant(it.recorded_at),
            actor=Actor(it.actor.type, it.actor.id, it.actor.via),
            command_id=it.command_id,
            correlation_id=it.correlation_id,
            causation_id=it.causation_id,
            prev=it.prev,
            leaf_hash=bytes(leaf_hash).hex(),
            data=msgspec.json.decode(it.data, type=dict[str, Any]),
        )
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        msg = f"the event at index {index} is not readable: {error}"
        raise CorruptHistoryError(msg) from error
