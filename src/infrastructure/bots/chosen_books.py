"""The paper books of some portfolios: a venue that reads these knows of no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from traderbot.application.ports.paper_desk import PaperBooks, RecordedTrade
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.simulation.events import PaperEvent

_PORTFOLIO: Final = 36  # a book's id begins with that of its portfolio

Chosen = Callable[[PortfolioId], bool]


class ChosenBooks(PaperBooks):
    """`PaperBooks`, but only those of portfolios that are chosen."""

    def __init__(self, books: PaperBooks, choose: Callable[[], Chosen]) -> None:
        """Read these books; what is chosen now is asked once for each look at all of them."""
        self._books = books
        self._choose = choose

    def heads(self) -> Mapping[str, int]:
        """Return every chosen book's id, and how many events it has."""
        heads, chosen = self._books.heads(), self._choose()
        return {
            id_: version for id_, version in heads.items() if chosen(PortfolioId(id_[:_PORTFOLIO]))
        }

    def events(self, book_id: str, after: int = 0) -> Sequence[tuple[datetime, PaperEvent]]:
        """Return a book's events after so many, oldest first."""
        return self._books.events(book_id, after)

    def trades(self, book_id: str, since: datetime | None = None) -> Sequence[RecordedTrade]:
        """Return a book's trades that were recorded at or after an instant, oldest first."""
        return self._books.trades(book_id, since)
