"""The root of every error this program raises on purpose, and the domain's own."""

from __future__ import annotations

from typing import ClassVar


class TraderbotError(Exception):
    """Something this program knows how to name. `code` is stable and public."""

    code: ClassVar[str] = "TRADERBOT_ERROR"


class DomainError(TraderbotError):
    """A rule of trading said no. Nothing was written."""

    code: ClassVar[str] = "DOMAIN_ERROR"


class InvalidValueError(DomainError):
    """A text or number is not the value it was meant to be."""

    code: ClassVar[str] = "INVALID_VALUE"


class CurrencyMismatchError(DomainError):
    """Two currencies met in one sum; amounts are never converted silently."""

    code: ClassVar[str] = "CURRENCY_MISMATCH"


class CorruptHistoryError(TraderbotError):
    """Recorded history contradicts itself: stop, and call a person."""

    code: ClassVar[str] = "CORRUPT_HISTORY"
