"""What the gate may know of markets without asking anybody: answers come from memory, at once."""

from __future__ import annotations

from typing import Protocol

from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.values import Symbol


class Markets(Protocol):
    """The newest quotes, and the rules of the venue. Never asks the network."""

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return what the market paid last, None if nobody has said."""
        ...

    def rules(self, symbol: Symbol) -> TradingRules | None:
        """Return the venue's rules of a symbol, None if they are not known."""
        ...

    def lists(self, symbol: Symbol) -> bool:
        """Return False only if the venue's whole list is known and has no such symbol."""
        ...


class UnknownMarkets:
    """`Markets` of an installation that hears no quotes: bars only, and no list of symbols."""

    def quote(self, symbol: Symbol) -> Quote | None:  # noqa: ARG002 - it knows none
        """Return None."""
        return None

    def rules(self, symbol: Symbol) -> TradingRules | None:  # noqa: ARG002 - as above
        """Return None."""
        return None

    def lists(self, symbol: Symbol) -> bool:  # noqa: ARG002 - as above
        """Return True: nobody can say that it does not."""
        return True
