"""Who trades which order after the fork: the paper venue's own books, or nobody we can ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from traderbot.domain.orders.events import OrderFilled
from traderbot.domain.orders.order import Order
from traderbot.domain.shared.ids import BotRunId
from traderbot.domain.shared.values import Symbol
from traderbot.domain.simulation.book import Book, book_id
from traderbot.what_if.history import History
from traderbot.what_if.wishes import is_papers_own

_BOOKS = "paper-"


def runs_elsewhere(history: History) -> frozenset[BotRunId]:
    """Return the bot runs of which another venue has filled an order."""
    return frozenset(
        run_id
        for fact in history.facts
        if isinstance(fact.event, OrderFilled) and not is_papers_own(fact.event)
        if (run_id := history.states[f"order-{fact.event.order_id}"].bot_run_id) is not None
    )


def books_of(states: Mapping[str, Any], symbol: Symbol) -> Iterator[tuple[str, Book]]:
    """Yield the books in which orders of a symbol work, in the order the venue takes them."""
    for stream in sorted(it for it in states if it.startswith(_BOOKS)):
        book: Book = states[stream]
        if book.symbol == symbol and book.working:
            yield stream.removeprefix(_BOOKS), book


def knows(states: Mapping[str, Any], order: Order) -> bool:
    """Whether the paper venue ever took the order in."""
    ticket = order.ticket
    book: Book | None = states.get(f"{_BOOKS}{book_id(ticket.portfolio_id, ticket.symbol)}")
    return book is not None and book.knows(order.id)
