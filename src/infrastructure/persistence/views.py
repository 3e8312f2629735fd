"""The read side on SQL: questions about the present, answered from the state rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Engine, Select, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from traderbot.application.errors import DatabaseUnavailableError
from traderbot.application.ports.venue import WorkingOrder
from traderbot.application.ports.views import Credentials, OrderFilter
from traderbot.application.views import (
    BotRunView,
    OrderView,
    Page,
    PortfolioView,
    PositionView,
    TradeView,
    UserView,
)
from traderbot.domain.shared.decimals import sum_of
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Symbol, symbol
from traderbot.infrastructure.persistence.mappers import (
    bot_run_view,
    order_view,
    portfolio_view,
    position_views,
    trade_view,
    user_view,
    working_order,
)
from traderbot.infrastructure.persistence.paging import (
    id_cursor,
    page_of,
    page_size,
    trade_after,
    trade_cursor,
)
from traderbot.infrastructure.persistence.questions import (
    FILLS,
    IS_OPEN,
    TRADE_KEY,
    USERS,
    asked,
    next_rows,
    owned_by,
    read_all,
    read_one,
    select_rows,
)
from traderbot.infrastructure.persistence.tables import (
    BalanceRow,
    BotRunRow,
    OrderRow,
    PortfolioRow,
    PositionRow,
    ProfileRow,
    TradeRow,
    UserRow,
)

V = TypeVar("V")


class SqlViews:
    """`Views` on SQLite and PostgreSQL; a question is one transaction of one read connection.

    Every question raises DatabaseUnavailableError if the database does not answer it.
    """

    def __init__(self, engine: Engine) -> None:
        """Read through `engine`; its connections need not be able to write."""
        if engine.dialect.name == "postgresql":
            # A portfolio is read with three statements, which must all see the same moment. SQLite
            # gives a transaction that anyway.
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._engine = engine

    def credentials(self, email: str) -> Credentials | None:
        """Return what is needed to check a password."""
        question = (
            select(UserRow.user_id, ProfileRow.password_hash, UserRow.role, UserRow.active)
            .join(ProfileRow, ProfileRow.user_id == UserRow.user_id)
            .where(ProfileRow.email == email)
        )
        if "\x00" in email:  # PostgreSQL's text has no NUL, so nobody has that address
            return None
        with self._reading() as connection:
            row = connection.execute(question).first()
        if row is None:
            return None
        user_id, password_hash, role, active = row
        return Credentials(
            user_id=UserId(user_id), password_hash=password_hash, role=role, active=active
        )

    def user(self, user_id: UserId) -> UserView | None:
        """Return a user."""
        return self._one_user(UserRow.user_id == user_id)

    def user_by_email(self, email: str) -> UserView | None:
        """Return the user with that address."""
        return None if "\x00" in email else self._one_user(ProfileRow.email == email)

    def users(
        self, *, active: bool | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[UserView]:
        """Return users, perhaps only (in)active ones. Raises BadCursorError."""
        question = USERS if active is None else USERS.where(UserRow.active == active)
        return self._page(question, UserRow.user_id, _user_with_email, limit, cursor)

    def portfolio(self, owner_id: UserId | None, id_: PortfolioId) -> PortfolioView | None:
        """Return a portfolio."""
        question = select_rows(PortfolioRow).where(
            PortfolioRow.portfolio_id == id_, owned_by(PortfolioRow.owner_id, owner_id)
        )
        with self._reading() as connection:
            row = read_one(connection, question, PortfolioRow)
            return None if row is None else _whole(connection, [row])(row)

    def portfolios(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[PortfolioView]:
        """Return portfolios. Raises BadCursorError."""
        size = page_size(limit)
        question = select_rows(PortfolioRow).where(owned_by(PortfolioRow.owner_id, owner_id))
        question = next_rows(question, PortfolioRow.portfolio_id, size, cursor)
        with self._reading() as connection:
            rows = read_all(connection, question, PortfolioRow)
            show = _whole(connection, rows[:size])
        return page_of(rows, size, show, lambda row: id_cursor(row.portfolio_id))

    def positions(
        self, owner_id: UserId | None, id_: PortfolioId, *, is_open: bool | None = None
    ) -> Sequence[PositionView]:
        """Return positions of a portfolio by symbol, perhaps only open or only closed ones."""
        owned = select_rows(PortfolioRow).where(
            PortfolioRow.portfolio_id == id_, owned_by(PortfolioRow.owner_id, owner_id)
        )
        held = select_rows(PositionRow).where(PositionRow.portfolio_id == id_)
        if is_open is not None:
            held = held.where(PositionRow.is_open == is_open)
        with self._reading() as connection:
            row = read_one(connection, owned, PortfolioRow)
            return (
                () if row is None else position_views(row, read_all(connection, held, PositionRow))
            )

    def order(self, owner_id: UserId | None, id_: OrderId) -> OrderView | None:
        """Return an order."""
        question = select_rows(OrderRow).where(
            OrderRow.order_id == id_, owned_by(OrderRow.owner_id, owner_id)
        )
        with self._reading() as connection:
            row = read_one(connection, question, OrderRow)
        return None if row is None else order_view(row)

    def orders(
        self, which: OrderFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[OrderView]:
        """Return orders. Raises BadCursorError."""
        question = select_rows(OrderRow).where(*asked(which))
        return self._page(question, OrderRow.order_id, order_view, limit, cursor)

    def trades(
        self,
        owner_id: UserId | None,
        portfolio_id: PortfolioId | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TradeView]:
        """Return booked fills. Raises BadCursorError."""
        size = page_size(limit)
        question = (
            select_rows(TradeRow)
            .join(PortfolioRow, PortfolioRow.portfolio_id == TradeRow.portfolio_id)
            .where(owned_by(PortfolioRow.owner_id, owner_id))
            .order_by(*(column.desc() for column in TRADE_KEY))
            .limit(size + 1)
        )
        if portfolio_id is not None:
            question = question.where(TradeRow.portfolio_id == portfolio_id)
        if cursor is not None:
            types = [column.type for column in TRADE_KEY]
            question = question.where(
                tuple_(*TRADE_KEY) < tuple_(*trade_after(cursor), types=types)
            )
        with self._reading() as connection:
            rows = read_all(connection, question, TradeRow)
        return page_of(
            rows, size, trade_view, lambda row: trade_cursor((row.at, row.order_id, row.fill_id))
        )

    def bot_run(self, owner_id: UserId | None, id_: BotRunId) -> BotRunView | None:
        """Return a bot run."""
        question = select_rows(BotRunRow).where(
            BotRunRow.bot_run_id == id_, owned_by(BotRunRow.owner_id, owner_id)
        )
        with self._reading() as connection:
            row = read_one(connection, question, BotRunRow)
        return None if row is None else bot_run_view(row)

    def active_bot_runs(self) -> Sequence[BotRunView]:
        """Return every run that is not stopped, oldest first."""
        question = (
            select_rows(BotRunRow)
            .where(BotRunRow.status != "stopped")
            .order_by(BotRunRow.bot_run_id)
        )
        with self._reading() as connection:
            return [bot_run_view(row) for row in read_all(connection, question, BotRunRow)]

    def bot_runs(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[BotRunView]:
        """Return bot runs. Raises BadCursorError."""
        question = select_rows(BotRunRow).where(owned_by(BotRunRow.owner_id, owner_id))
        return self._page(question, BotRunRow.bot_run_id, bot_run_view, limit, cursor)

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, if it is open."""
        found = self._working(IS_OPEN, OrderRow.order_id == order_id)
        return found[0] if found else None

    def held(self, symbol: Symbol) -> Decimal:
        """Return what all portfolios together hold of a symbol."""
        base = symbol.code.partition("/")[0] if symbol.is_pair else None
        held = select(PositionRow.quantity).where(PositionRow.symbol == symbol.code)
        cash = select(BalanceRow.free, BalanceRow.reserved, BalanceRow.collateral).where(
            BalanceRow.currency == base
        )
        with self._reading() as connection:
            amounts = list(connection.execute(held).scalars())
            if base is not None:
                amounts += [each for row in connection.execute(cash) for each in row]
        return sum_of(amounts)

    def symbols_traded(self) -> Sequence[Symbol]:
        """Return every symbol any portfolio has or had a position in, by name."""
        question = select(PositionRow.symbol).distinct()
        with self._reading() as connection:
            return [symbol(code) for code in sorted(connection.execute(question).scalars())]

    def sent_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, ended or not."""
        found = self._working(OrderRow.order_id == order_id)
        return found[0] if found else None

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return every open order, oldest first."""
        return self._working(IS_OPEN)

    def _working(self, *conditions: ColumnElement[bool]) -> list[WorkingOrder]:
        question = select_rows(OrderRow).add_columns(FILLS).where(*conditions)
        with self._reading() as connection:
            rows = connection.execute(question).all()
        # Sorted here: asked to sort, SQLite walks all orders by id instead of the open ones.
        oldest_first = sorted(rows, key=lambda row: str(row.order_id))
        return [working_order(cast("OrderRow", row), row.fills) for row in oldest_first]

    def _one_user(self, condition: ColumnElement[bool]) -> UserView | None:
        with self._reading() as connection:
            row = connection.execute(USERS.where(condition)).first()
        return None if row is None else _user_with_email(row)

    def _page(
        self,
        question: Select[Any],
        key: InstrumentedAttribute[str],
        show: Callable[[Any], V],
        limit: int,
        cursor: str | None,
    ) -> Page[V]:
        size = page_size(limit)
        with self._reading() as connection:
            rows = connection.execute(next_rows(question, key, size, cursor)).all()
        return page_of(rows, size, show, lambda row: id_cursor(getattr(row, key.key)))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            msg = "the database did not answer"
            raise DatabaseUnavailableError(msg) from error


def _whole(
    connection: Connection, rows: Sequence[PortfolioRow]
) -> Callable[[PortfolioRow], PortfolioView]:
    """Read cash and positions of these portfolios; return what shows one of them."""
    ids = [row.portfolio_id for row in rows]
    cash: defaultdict[str, list[BalanceRow]] = defaultdict(list)
    held: defaultdict[str, list[PositionRow]] = defaultdict(list)
    question = select_rows(BalanceRow).where(BalanceRow.portfolio_id.in_(ids))
    for balance in read_all(connection, question, BalanceRow):
        cash[balance.portfolio_id].append(balance)
    question = select_rows(PositionRow).where(PositionRow.portfolio_id.in_(ids))
    for position in read_all(connection, question, PositionRow):
        held[position.portfolio_id].append(position)
    return lambda row: portfolio_view(row, cash[row.portfolio_id], held[row.portfolio_id])


def _user_with_email(row: Any) -> UserView:  # noqa: ANN401 - a row of `USERS`
    return user_view(cast("UserRow", row), row.email)
