"""What the gate knows of markets on paper: the steps assumed of a symbol, and the newest bar.

No venue sets rules here, so those hold that are assumed of a symbol nobody described: cents and
whole shares; for coins, whose prices begin far below a cent, the eighth place, and something worth
paying for. Prices are those of bars, as far as a limit of the gate asks for one: the close of the
newest stored bar counts as a quote of the instant the bar was over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from traderbot.application.ports.markets import Markets
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.instrument import default_instrument
from traderbot.domain.risk.exposure import Quote, TradingRules
from traderbot.domain.shared.values import Price, Symbol

_COIN_TICK = Price("0.00000001")


class PaperMarkets(Markets):
    """`Markets` of the paper venue. `newest` reads the newest stored bar of a symbol."""

    def __init__(self, newest: Callable[[Symbol], Bar | None] = lambda _symbol: None) -> None:
        """Without `newest` no price is known, and the rules are."""
        self._newest = newest

    def quote(self, symbol: Symbol) -> Quote | None:
        """Return the close of the newest bar. Raises DatabaseUnavailableError."""
        bar = self._newest(symbol)
        return None if bar is None else Quote(bar.close, bar.closes_at)

    def rules(self, symbol: Symbol) -> TradingRules:
        """Return what is assumed of a symbol."""
        return assumed_rules(symbol)

    def lists(self, symbol: Symbol) -> bool:  # noqa: ARG002 - as the port has it
        """Return True: whatever there are bars of may be traded; RESTRICTED_SYMBOL is the list."""
        return True


@lru_cache(maxsize=4096)
def assumed_rules(symbol: Symbol) -> TradingRules:
    """Return the steps of a symbol that no venue described."""
    assumed = default_instrument(symbol)
    return TradingRules(
        tick_size=_COIN_TICK if symbol.is_pair else assumed.tick_size,
        lot_size=assumed.lot_size,
        notional_min=assumed.notional_min,
    )
