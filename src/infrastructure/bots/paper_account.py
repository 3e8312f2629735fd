"""The paper venue as the trading desk sees it: one account, compared with our books."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from traderbot.application.ports.clock import Clock
from traderbot.application.ports.paper_desk import PaperBooks, PaperDesk
from traderbot.domain.shared.values import Symbol
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.infrastructure.brokers.paper_venue import PaperVenue


class PaperAccount(PaperVenue):
    """`PaperVenue` whose positions are only those that can be compared with our books.

    Of a pair our books count what was paid in of its base currency as well, which no paper book
    knows. What is being replayed moves faster than two looks at it can be compared: of such a
    symbol it says what our books say.
    """

    def __init__(  # noqa: PLR0917 - what a paper venue needs, and whom to ask
        self,
        desk: PaperDesk,
        books: PaperBooks,
        clock: Clock,
        model: FillModel,
        held: Callable[[Symbol], Decimal],
        replayed: Callable[[], Collection[Symbol]],
    ) -> None:
        """Ask `held` what our books say, and `replayed` which symbols a replay trades now."""
        super().__init__(desk, books, clock, model)
        self._held = held
        self._replayed = replayed

    def positions(self) -> Mapping[Symbol, Decimal]:
        """Return what is held of each symbol. Raises VenueUnavailableError."""
        found = {symbol: it for symbol, it in super().positions().items() if not symbol.is_pair}
        return found | {symbol: self._held(symbol) for symbol in self._replayed()}
