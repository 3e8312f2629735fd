"""Why a portfolio's owner may hear no."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import DomainError


class InvalidTransferError(DomainError):
    """A deposit or withdrawal of nothing, or of less than nothing."""

    code: ClassVar[str] = "INVALID_TRANSFER"


class InsufficientFundsError(DomainError):
    """More would leave than is free."""

    code: ClassVar[str] = "INSUFFICIENT_FUNDS"
