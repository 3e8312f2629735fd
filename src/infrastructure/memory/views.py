"""The read side over a `Memory`: the same questions, rows and pages, filtered in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

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
from traderbot.domain.orders.lifecycle import OrderStatus
from traderbot.domain.shared.decimals import sum_of
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Symbol, symbol
from traderbot.infrastructure.memory.store import Memory
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
    TradeKey,
    id_after,
    id_cursor,
    page_of,
    page_size,
    trade_after,
    trade_cursor,
)
from traderbot.infrastructure.persistence.tables import (
    BalanceRow,
    BotRunRow,
    OrderRow,
    PortfolioRow,
    PositionRow,
    TradeRow,
    UserRow,
)

R = TypeVar("R")
V = TypeVar("V")


class MemoryViews:
    """`Views` on a `Memory`."""

    def __init__(self, memory: Memory) -> None:
        """Read from `memory`."""
        self._memory = memory

    def credentials(self, email: str) -> Credentials | None:
        """Return what is needed to check a password."""
        with self._memory.reading:
            profile = self._memory.profiles.get(email)
            if profile is None:
                return None
            row = self._memory.row(UserRow, profile.user_id)
        if row is None:
            return None
        return Credentials(
            user_id=profile.user_id,
            password_hash=profile.password_hash,
            role=row.role,
            active=row.active,
        )

    def user(self, user_id: UserId) -> UserView | None:
        """Return a user."""
        with self._memory.reading:
            row = self._memory.row(UserRow, user_id)
            return None if row is None else user_view(row, self._emails().get(user_id))

    def user_by_email(self, email: str) -> UserView | None:
        """Return the user with that address."""
        profile = self._memory.profiles.get(email)
        return None if profile is None else self.user(profile.user_id)

    def users(
        self, *, active: bool | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[UserView]:
        """Return users, perhaps only (in)active ones. Raises BadCursorError."""
        with self._memory.reading:
            emails = self._emails()
            rows = [
                row for row in self._memory.rows(UserRow) if active is None or row.active is active
            ]
        return _page(
            rows,
            lambda row: row.user_id,
            lambda row: user_view(row, emails.get(row.user_id)),
            limit,
            cursor,
        )

    def portfolio(self, owner_id: UserId | None, id_: PortfolioId) -> PortfolioView | None:
        """Return a portfolio."""
        with self._memory.reading:
            row = self._memory.row(PortfolioRow, id_)
            if row is None or not _owned(row.owner_id, owner_id):
                return None
            return self._whole([row])(row)

    def portfolios(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[PortfolioView]:
        """Return portfolios. Raises BadCursorError."""
        with self._memory.reading:
            rows = [
                row for row in self._memory.rows(PortfolioRow) if _owned(row.owner_id, owner_id)
            ]
            show = self._whole(rows)
        return _page(rows, lambda row: row.portfolio_id, show, limit, cursor)

    def positions(
        self, owner_id: UserId | None, id_: PortfolioId, *, is_open: bool | None = None
    ) -> Sequence[PositionView]:
        """Return positions of a portfolio by symbol, perhaps only open or only closed ones."""
        with self._memory.reading:
            row = self._memory.row(PortfolioRow, id_)
            if row is None or not _owned(row.owner_id, owner_id):
                return ()
            held = [it for it in self._memory.rows(PositionRow) if it.portfolio_id == id_]
        return position_views(row, [it for it in held if is_open is None or it.is_open is is_open])

    def order(self, owner_id: UserId | None, id_: OrderId) -> OrderView | None:
        """Return an order."""
        row = self._memory.row(OrderRow, id_)
        return None if row is None or not _owned(row.owner_id, owner_id) else order_view(row)

    def orders(
        self, which: OrderFilter, *, limit: int = 50, cursor: str | None = None
    ) -> Page[OrderView]:
        """Return orders. Raises BadCursorError."""
        rows = [row for row in self._memory.rows(OrderRow) if _asked_for(row, which)]
        return _page(rows, lambda row: row.order_id, order_view, limit, cursor)

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
        before = None if cursor is None else trade_after(cursor)
        with self._memory.reading:
            owners = {row.portfolio_id: row.owner_id for row in self._memory.rows(PortfolioRow)}
            rows = self._memory.rows(TradeRow)
        found = [
            row
            for row in rows
            if _owned(owners[row.portfolio_id], owner_id)
            and portfolio_id in (None, row.portfolio_id)
            and (before is None or _trade_key(row) < before)
        ]
        newest_first = sorted(found, key=_trade_key, reverse=True)
        return page_of(
            newest_first[: size + 1], size, trade_view, lambda row: trade_cursor(_trade_key(row))
        )

    def bot_run(self, owner_id: UserId | None, id_: BotRunId) -> BotRunView | None:
        """Return a bot run."""
        row = self._memory.row(BotRunRow, id_)
        return None if row is None or not _owned(row.owner_id, owner_id) else bot_run_view(row)

    def active_bot_runs(self) -> Sequence[BotRunView]:
        """Return every run that is not stopped, oldest first."""
        rows = [row for row in self._memory.rows(BotRunRow) if row.status != "stopped"]
        return [bot_run_view(row) for row in sorted(rows, key=lambda row: row.bot_run_id)]

    def bot_runs(
        self, owner_id: UserId | None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[BotRunView]:
        """Return bot runs. Raises BadCursorError."""
        rows = [row for row in self._memory.rows(BotRunRow) if _owned(row.owner_id, owner_id)]
        return _page(rows, lambda row: row.bot_run_id, bot_run_view, limit, cursor)

    def working_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, if it is open."""
        with self._memory.reading:
            row = self._memory.row(OrderRow, order_id)
            found = [] if row is None else self._working([row])
        return found[0] if found else None

    def held(self, symbol: Symbol) -> Decimal:
        """Return what all portfolios together hold of a symbol."""
        base = symbol.code.partition("/")[0] if symbol.is_pair else None
        with self._memory.reading:
            amounts = [
                it.quantity for it in self._memory.rows(PositionRow) if it.symbol == symbol.code
            ]
            for it in self._memory.rows(BalanceRow):
                if it.currency == base:
                    amounts += [it.free, it.reserved, it.collateral]
        return sum_of(amounts)

    def symbols_traded(self) -> Sequence[Symbol]:
        """Return every symbol any portfolio has or had a position in, by name."""
        with self._memory.reading:
            codes = {it.symbol for it in self._memory.rows(PositionRow)}
        return [symbol(code) for code in sorted(codes)]

    def sent_order(self, order_id: OrderId) -> WorkingOrder | None:
        """Return an order as the venue needs to know it, ended or not."""
        with self._memory.reading:
            row = self._memory.row(OrderRow, order_id)
            found = [] if row is None else self._as_sent([row])
        return found[0] if found else None

    def working_orders(self) -> Sequence[WorkingOrder]:
        """Return every open order, oldest first."""
        with self._memory.reading:
            return self._working(self._memory.rows(OrderRow))

    def _working(self, rows: Iterable[OrderRow]) -> list[WorkingOrder]:
        return self._as_sent(row for row in rows if OrderStatus(row.status).is_open)

    def _as_sent(self, rows: Iterable[OrderRow]) -> list[WorkingOrder]:
        fills: dict[str, int] = {}
        for trade in self._memory.rows(TradeRow):
            fills[trade.order_id] = fills.get(trade.order_id, 0) + 1
        oldest_first = sorted(rows, key=lambda row: row.order_id)
        return [working_order(row, fills.get(row.order_id, 0)) for row in oldest_first]

    def _whole(self, rows: Iterable[PortfolioRow]) -> Callable[[PortfolioRow], PortfolioView]:
        ids = {row.portfolio_id for row in rows}
        cash = [it for it in self._memory.rows(BalanceRow) if it.portfolio_id in ids]
        held = [it for it in self._memory.rows(PositionRow) if it.portfolio_id in ids]
        return lambda row: portfolio_view(
            row,
            [it for it in cash if it.portfolio_id == row.portfolio_id],
            [it for it in held if it.portfolio_id == row.portfolio_id],
        )

    def _emails(self) -> dict[str, str]:
        return {profile.user_id: profile.email for profile in self._memory.profiles.values()}


def _page(
    rows: Iterable[R],
    id_of: Callable[[R], str],
    show: Callable[[R], V],
    limit: int,
    cursor: str | None,
) -> Page[V]:
    size = page_size(limit)
    before = None if cursor is None else id_after(cursor)
    later = [row for row in rows if before is None or id_of(row) < before]
    newest_first = sorted(later, key=id_of, reverse=True)
    return page_of(newest_first[: size + 1], size, show, lambda row: id_cursor(id_of(row)))


def _owned(owner: str, owner_id: UserId | None) -> bool:
    return owner_id is None or owner == owner_id


def _asked_for(row: OrderRow, which: OrderFilter) -> bool:
    return (
        _owned(row.owner_id, which.owner_id)
        and which.portfolio_id in (None, row.portfolio_id)
        and which.bot_run_id in (None, row.bot_run_id)
        and (which.status is None or which.status.value == row.status)
        and (which.symbol is None or which.symbol.code == row.symbol)
        and (which.side is None or which.side.value == row.side)
        and (which.placed_from is None or row.placed_at >= which.placed_from)
        and (which.placed_until is None or row.placed_at < which.placed_until)
        and which.client_order_id in (None, row.client_order_id)
    )


def _trade_key(row: TradeRow) -> TradeKey:
    return row.at, row.order_id, row.fill_id
