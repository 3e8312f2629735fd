"""Why the gate may say no to somebody who sends orders, or who runs it."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import DomainError


class TradingHaltedError(DomainError):
    """Nothing may be sent here now."""

    code: ClassVar[str] = "TRADING_HALTED"

    def __init__(self, where: str) -> None:
        super().__init__(f"trading is halted at {where}; a person has to let it go on")
        self.where = where


class TradingReducingError(DomainError):
    """Nothing may be sent here now that does more than make a position smaller."""

    code: ClassVar[str] = "TRADING_REDUCING"

    def __init__(self, where: str) -> None:
        super().__init__(f"at {where} only orders that make a position smaller are sent now")
        self.where = where


class InvalidLimitError(DomainError):
    """There is no such limit, it cannot be set here, or not to this."""

    code: ClassVar[str] = "INVALID_LIMIT"
