"""What users may not do."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import DomainError


class TooManyExchangeKeysError(DomainError):
    """A user has as many exchange keys as anybody may have. Remove one first."""

    code: ClassVar[str] = "TOO_MANY_EXCHANGE_KEYS"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} exchange keys are the most; remove one that is not needed")
        self.most = most


class SessionOverError(DomainError):
    """There is no such session any more. Log in again."""

    code: ClassVar[str] = "SESSION_OVER"

    def __init__(self, session_id: str) -> None:
        super().__init__("the session is over; log in again")
        self.session_id = session_id
