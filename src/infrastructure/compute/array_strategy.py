"""The base of strategies that people write over numpy arrays; live it gets arrays as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from traderbot.domain.strategies.features import AnyColumn, Features
from traderbot.domain.strategies.signal_strategy import SignalStrategy


class ArrayStrategy(SignalStrategy):
    """A `SignalStrategy` whose `signals` may use all of numpy, in a backtest and in a bot.

    A division by zero gives an infinity or NaN, which compare as false; nothing is written about
    it.
    """

    def column(self, values: Iterable[Any]) -> AnyColumn:
        """Return the last values as an array."""
        return np.array(list(values))

    def asked(self, features: Features) -> AnyColumn:
        """Ask `signals`, and let a division by zero pass."""
        with np.errstate(all="ignore"):
            return self.signals(features)
