"""`traderbot order …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, get_args

from traderbot.presentation.cli.errors import ExitCode
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Cursor, Database, Key, Limit, User, Verbs

if TYPE_CHECKING:
    from traderbot.application.views import OrderView

verbs = Verbs()

SideName = Literal["buy", "sell"]
StatusName = Literal[
    "placed", "approved", "refused", "accepted", "partially_filled", "filled", "canceled"
]
OrderArgument = Annotated[str, Argument("ORDER", "The order's id.")]


@verbs.verb("place", example="traderbot order place buy 10 IBM --limit-price 150.25 --key monday-1")
def place(
    session: Session,
    side: Annotated[SideName, Argument("buy|sell", "Which way.")],
    quantity: Annotated[str, Argument("QUANTITY", "How many units, such as 10 or 0.25.")],
    symbol: Annotated[str, Argument("SYMBOL", "What to trade, such as IBM or BTC/USDT.")],
    *,
    limit_price: Annotated[
        str | None,
        Option("The worst price; without it, a market order.", "PRICE"),
    ] = None,
    portfolio: Annotated[str | None, Option("By default the user's only portfolio.", "ID")] = None,
    key: Key = None,
    user: User = None,
    database: Database = None,
) -> int:
    """Place an order, unless it breaks a limit of the risk gate.

    A refused order is recorded and shown with its reasons; the exit code is then 1.
    """
    from traderbot.application.commands.place_order import PlaceOrder
    from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
    from traderbot.domain.shared.values import Price, Quantity
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import acting_portfolio, acting_user, origin

    units, traded, price = (
        Quantity(quantity),
        symbol_of(symbol),
        Price(limit_price) if limit_price else None,
    )
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        ticket = Ticket(
            portfolio_id=acting_portfolio(application, owner, portfolio),
            symbol=traded,
            side=Side(side),
            quantity=units,
            kind=OrderKind.LIMIT if price else OrderKind.MARKET,
            limit_price=price,
        )
        order = application.executor.run(
            PlaceOrder(owner_id=owner, ticket=ticket), origin(owner, "PlaceOrder", key)
        )
    session.answer(order, *_parts(order))
    return ExitCode.NO if order.status == "refused" else ExitCode.DONE


@verbs.verb("cancel", example="traderbot order cancel 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c")
def cancel(
    session: Session,
    order: OrderArgument,
    *,
    reason: Annotated[str, Option("Kept in the log.", "TEXT")] = "asked by the owner",
    user: User = None,
    database: Database = None,
) -> None:
    """Give up what is not filled of an order. Asking twice is harmless."""
    from traderbot.application.commands.cancel_order import CancelOrder
    from traderbot.presentation.cli.acting import acting_user, order_id, origin

    id_ = order_id(order)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        command = CancelOrder(owner_id=owner, order_id=id_, reason=reason)
        canceled = application.executor.run(command, origin(owner))
    session.answer(canceled, *_parts(canceled))


@verbs.verb("list", example="traderbot order list --status filled --symbol IBM")
def list_(
    session: Session,
    *,
    status: Annotated[
        StatusName | None,
        Option(f"Only orders that are {', '.join(get_args(StatusName))}.", "STATUS"),
    ] = None,
    symbol: Annotated[str | None, Option("Only orders of this symbol.", "SYMBOL")] = None,
    side: Annotated[SideName | None, Option("Only orders of this side.", "buy|sell")] = None,
    portfolio: Annotated[str | None, Option("Only orders of this portfolio.", "ID")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    user: About = None,
    database: Database = None,
) -> None:
    """List orders, newest first. Those of all users, unless one is named."""
    from traderbot.application.ports.views import OrderFilter
    from traderbot.domain.orders.lifecycle import OrderStatus
    from traderbot.domain.orders.ticket import Side
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import asked_user, portfolio_id

    with session.doors.application(database) as application:
        which = OrderFilter(
            owner_id=asked_user(application, user),
            portfolio_id=portfolio_id(portfolio) if portfolio else None,
            status=OrderStatus(status) if status else None,
            symbol=symbol_of(symbol) if symbol else None,
            side=Side(side) if side else None,
        )
        page = application.views.orders(which, limit=limit, cursor=cursor)
    headings = ("order", "placed", "side", "quantity>", "symbol", "limit>", "status", "filled>")
    rows = [
        (
            each.order_id,
            moment(each.placed_at),
            each.side,
            each.quantity,
            each.symbol,
            each.limit_price or "market",
            each.status,
            each.filled,
        )
        for each in page.items
    ]
    session.answer(page, Table(headings, rows, empty="no orders"), *session.more(page.next_cursor))


@verbs.verb("show", example="traderbot order show 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c")
def show(
    session: Session, order: OrderArgument, *, user: About = None, database: Database = None
) -> None:
    """Show one order. Why it is there is told by: traderbot audit explain."""
    from traderbot.application.errors import NotFoundError
    from traderbot.presentation.cli.acting import asked_user, order_id

    id_ = order_id(order)
    with session.doors.application(database) as application:
        found = application.views.order(asked_user(application, user), id_)
    if found is None:
        raise NotFoundError("order", id_)
    session.answer(found, *_parts(found))


def _parts(order: OrderView) -> list[Part]:
    price = f"at {order.limit_price} {order.currency}" if order.limit_price else "at the market"
    facts = [
        ("order", order.order_id),
        ("wish", f"{order.side} {order.quantity} {order.symbol} {price}"),
        ("status", order.status),
        ("filled", f"{order.filled} of {order.quantity}"),
        ("reserved", f"{order.reserved} {order.currency}"),
        ("fees", f"{order.fees} {order.currency}"),
        ("portfolio", order.portfolio_id),
        ("placed", moment(order.placed_at)),
        ("updated", moment(order.updated_at)),
    ]
    if order.average_price is not None:
        facts.insert(4, ("average", f"{order.average_price} {order.currency}"))
    if order.bot_run_id is not None:
        facts.append(("bot run", order.bot_run_id))
    reasons = [(each.code, each.limit, each.value) for each in order.reasons]
    if not reasons:
        return [Facts(facts)]
    return [Facts(facts), Table(("refused because of", "limit>", "value>"), reasons)]
