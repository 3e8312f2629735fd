"""The questions of the read side as statements; `views.py` asks them."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, true
from sqlalchemy.orm import InstrumentedAttribute

from traderbot.application.ports.views import OrderFilter
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.ids import UserId
from traderbot.infrastructure.persistence.paging import id_after
from traderbot.infrastructure.persistence.tables import (
    Base,
    OrderRow,
    ProfileRow,
    TradeRow,
    UserRow,
)

M = TypeVar("M", bound=Base)

# Written into the statement as text: with parameters SQLite would not use the partial index.
IS_OPEN = OrderRow.status.in_(
    bindparam(
        "open",
        [status.value for status in OrderStatus if status.is_open],
        expanding=True,
        literal_execute=True,
    )
)
FILLS = (
    select(func.count())
    .where(TradeRow.order_id == OrderRow.order_id)
    .correlate(OrderRow)
    .scalar_subquery()
    .label("fills")
)
TRADE_KEY = (TradeRow.at, TradeRow.order_id, TradeRow.fill_id)
USERS = select(*UserRow.__table__.columns, ProfileRow.email).outerjoin(
    ProfileRow, ProfileRow.user_id == UserRow.user_id
)


def select_rows(model: type[Base]) -> Select[Any]:
    """Ask for whole rows of a table."""
    # Columns, not the model itself: a session's bookkeeping costs more than the question.
    return select(*model.__table__.columns)


def read_all(connection: Connection, question: Select[Any], model: type[M]) -> list[M]:
    """Return rows that have the model's columns, typed as the model they look like."""
    del model
    return cast("list[M]", connection.execute(question).all())


def read_one(connection: Connection, question: Select[Any], model: type[M]) -> M | None:
    """Return the first row, if there is one."""
    found = read_all(connection, question, model)
    return found[0] if found else None


def owned_by(column: InstrumentedAttribute[str], owner_id: UserId | None) -> ColumnElement[bool]:
    """Keep what that user owns; None keeps all."""
    return true() if owner_id is None else column == owner_id


def next_rows(
    question: Select[Any], key: InstrumentedAttribute[str], size: int, cursor: str | None
) -> Select[Any]:
    """Continue after the cursor, newest first, with one row more to see whether there is more."""
    if cursor is not None:
        question = question.where(key < id_after(cursor))
    return question.order_by(key.desc()).limit(size + 1)


def asked(which: OrderFilter) -> list[ColumnElement[bool]]:
    """Keep the orders a filter asks for."""
    conditions = [owned_by(OrderRow.owner_id, which.owner_id)]
    if which.portfolio_id is not None:
        conditions.append(OrderRow.portfolio_id == which.portfolio_id)
    if which.bot_run_id is not None:
        conditions.append(OrderRow.bot_run_id == which.bot_run_id)
    if which.status is not None:
        conditions.append(OrderRow.status == which.status.value)
    if which.symbol is not None:
        conditions.append(OrderRow.symbol == which.symbol.code)
    if which.side is not None:
        conditions.append(OrderRow.side == which.side.value)
    if which.placed_from is not None:
        conditions.append(OrderRow.placed_at >= which.placed_from)
    if which.placed_until is not None:
        conditions.append(OrderRow.placed_at < which.placed_until)
    if which.client_order_id is not None:
        conditions.append(OrderRow.client_order_id == which.client_order_id)
    return conditions
