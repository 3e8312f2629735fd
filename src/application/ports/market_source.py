"""Where a venue's rules and prices are asked for. Calls block; nobody asks while an order waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.values import Symbol


class MarketSource(Protocol):
    """A venue, as far as it tells everybody the same."""

    @property
    def name(self) -> str:
        """The venue's name."""
        ...

    def listing(self) -> Mapping[Symbol, TradingRules]:
        """Return every symbol it trades now, with its rules; what has no name here is left out.

        Raises:
            VenueUnavailableError: the venue did not say, or not all of it could be read.
        """
        ...

    def quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Quote]:
        """Return the newest prices of those it has one for. Raises VenueUnavailableError."""
        ...
