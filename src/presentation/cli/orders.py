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
    from traderbot.application.application import Application
    from traderbot.application.views import OrderView
    from traderbot.domain.shared.ids import UserId

verbs = Verbs()

SideName = Literal["buy", "sell"]
StatusName = Literal[
    "placed",
    "approved",
    "refused",
    "submitting",
    "unknown",
    "unconfirmed",
    "accepted",
    "partially_filled",
    "pending_cancel",
    "filled",
    "canceled",
    "expired",
    "rejected",
]
DurationName = Literal["gtc", "day", "ioc", "fok", "gtd"]
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
    stop_price: Annotated[
        str | None, Option("Wait until the market is there; a stop order.", "PRICE")
    ] = None,
    trail: Annotated[
        str | None,
        Option("A stop that follows the market so far behind: 2.50, or 75bps.", "DISTANCE"),
    ] = None,
    time_in_force: Annotated[
        DurationName, Option("How long the wish stands; gtc: until it is canceled.", "DURATION")
    ] = "gtc",
    expires: Annotated[
        str | None, Option("When a gtd order ends, such as 2026-12-24T18:00Z.", "INSTANT")
    ] = None,
    post_only: Annotated[bool, Option("Never take what others offer.")] = False,
    reduce_only: Annotated[bool, Option("Never open a position, or turn it.")] = False,
    take_profit: Annotated[
        str | None, Option("What is filled gets out at this limit price.", "PRICE")
    ] = None,
    stop_loss: Annotated[
        str | None, Option("What is filled gets out at this stop price.", "PRICE")
    ] = None,
    client_order_id: Annotated[
        str | None, Option("Your own name for it, once in a portfolio.", "NAME")
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
    from traderbot.domain.orders.ticket import Exits, Side, Ticket, TimeInForce
    from traderbot.domain.shared.values import Quantity
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import acting_portfolio, acting_user, origin
    from traderbot.presentation.cli.order_words import distance, end_of, kind_of, price_of

    units, traded = Quantity(quantity), symbol_of(symbol)
    limit, stop = price_of(limit_price), price_of(stop_price)
    behind, behind_bps = distance(trail)
    profit, loss = price_of(take_profit), price_of(stop_loss)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        ticket = Ticket(
            portfolio_id=acting_portfolio(application, owner, portfolio),
            symbol=traded,
            side=Side(side),
            quantity=units,
            kind=kind_of(limit=limit, stop=stop, trails=trail is not None),
            limit_price=limit,
            time_in_force=TimeInForce(time_in_force),
            stop_price=stop,
            trail=behind,
            trail_bps=behind_bps,
            expires_at=end_of(expires),
            post_only=post_only,
            reduce_only=reduce_only,
            exits=Exits(take_profit=profit, stop_loss=loss) if profit or loss else None,
            client_order_id=client_order_id,
        )
        order = application.executor.run(
            PlaceOrder(owner_id=owner, ticket=ticket), origin(owner, "PlaceOrder", key)
        )
    session.answer(order, *_parts(order))
    return ExitCode.NO if order.status == "refused" else ExitCode.DONE


@verbs.verb(
    "amend",
    example="traderbot order amend 0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c --limit-price 151",
)
def amend(
    session: Session,
    order: OrderArgument,
    *,
    quantity: Annotated[
        str | None, Option("The whole new quantity, what is filled included.", "QUANTITY")
    ] = None,
    limit_price: Annotated[str | None, Option("The new worst price.", "PRICE")] = None,
    stop_price: Annotated[str | None, Option("Where it wakes up from now on.", "PRICE")] = None,
    user: User = None,
    database: Database = None,
) -> int:
    """Change what is not filled of an order, unless that breaks a limit of the risk gate.

    What no venue has is changed at once, the rest when the venue says so. A change that is refused
    is recorded, and the order stays as it was; the exit code is then 1.
    """
    from traderbot.application.commands.amend_order import AmendOrder
    from traderbot.domain.shared.values import Quantity
    from traderbot.presentation.cli.acting import acting_user, order_id, origin
    from traderbot.presentation.cli.order_words import price_of

    id_ = order_id(order)
    units = None if quantity is None else Quantity(quantity)
    limit, stop = price_of(limit_price), price_of(stop_price)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        command = AmendOrder(
            owner_id=owner, order_id=id_, quantity=units, limit_price=limit, stop_price=stop
        )
        made = application.executor.run(command, origin(owner))
    reasons = [(each.code, each.limit, each.value) for each in made.reasons]
    told = [Table(("refused because of", "limit>", "value>"), reasons)] if reasons else []
    session.answer(made, Facts([("change", made.outcome)]), *_parts(made.order), *told)
    return ExitCode.NO if made.outcome == "refused" else ExitCode.DONE


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
    client_order_id: Annotated[
        str | None, Option("Only orders with this name of your own.", "NAME")
    ] = None,
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
            client_order_id=client_order_id,
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
    session: Session,
    order: Annotated[str | None, Argument("ORDER", "The order's id.")] = None,
    *,
    client_order_id: Annotated[
        str | None, Option("Instead of the id: your own name for it.", "NAME")
    ] = None,
    portfolio: Annotated[
        str | None, Option("Which portfolio's, where several know the name.", "ID")
    ] = None,
    user: About = None,
    database: Database = None,
) -> None:
    """Show one order. Why it is there is told by: traderbot audit explain."""
    from traderbot.application.errors import NotFoundError
    from traderbot.presentation.cli.acting import asked_user, order_id
    from traderbot.presentation.cli.errors import UsageError

    if (order is None) is (client_order_id is None):
        raise UsageError("name the order: by its id, or with --client-order-id NAME")
    with session.doors.application(database) as application:
        owner = asked_user(application, user)
        if order is not None:
            found = application.views.order(owner, order_id(order))
        else:
            found = _named(application, owner, client_order_id, portfolio)
    if found is None:
        raise NotFoundError("order", order or f"with the client order id {client_order_id}")
    session.answer(found, *_parts(found))


def _named(
    application: Application, owner: UserId | None, name: str | None, portfolio: str | None
) -> OrderView | None:
    """Return the order with that name, if there is just one. Raises UsageError for several."""
    from traderbot.application.ports.views import OrderFilter
    from traderbot.presentation.cli.acting import portfolio_id
    from traderbot.presentation.cli.errors import UsageError

    which = OrderFilter(
        owner_id=owner,
        client_order_id=name,
        portfolio_id=portfolio_id(portfolio) if portfolio else None,
    )
    found = application.views.orders(which, limit=2).items
    if len(found) > 1:
        raise UsageError("several portfolios have such an order; name one with --portfolio ID")
    return found[0] if found else None


def _parts(order: OrderView) -> list[Part]:
    facts = [
        ("order", order.order_id),
        ("wish", f"{order.side} {order.quantity} {order.symbol} {_terms(order)}"),
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
    if order.venue is not None:
        facts.append(("venue", f"{order.venue} {order.venue_order_id or ''}".strip()))
    if order.client_order_id is not None:
        facts.append(("your name", order.client_order_id))
    if order.parent_id is not None:
        facts.append(("exit of", order.parent_id))
    if order.oco_group is not None:
        facts.append(("one of", order.oco_group))
    reasons = [(each.code, each.limit, each.value) for each in order.reasons]
    if not reasons:
        return [Facts(facts)]
    return [Facts(facts), Table(("refused because of", "limit>", "value>"), reasons)]


def _terms(order: OrderView) -> str:
    """Say at what price and for how long."""
    said = [f"at {order.limit_price} {order.currency}" if order.limit_price else "at the market"]
    if order.stop_price:
        said.append(f"once it is at {order.stop_price}")
    if order.trail or order.trail_bps:
        said.append(f"trailing by {order.trail or f'{order.trail_bps} bps'}")
    if order.time_in_force != "gtc":
        said.append(order.time_in_force)
    if order.expires_at is not None:
        said.append(f"until {moment(order.expires_at)}")
    said += [name for name in ("post_only", "reduce_only") if getattr(order, name)]
    if order.take_profit:
        said.append(f"take profit {order.take_profit}")
    if order.stop_loss:
        said.append(f"stop loss {order.stop_loss}")
    return ", ".join(said)
