"""Why a bot may hear no."""

from __future__ import annotations

from typing import ClassVar

from traderbot.domain.shared.errors import DomainError


class BotStoppedError(DomainError):
    """A stopped bot decides nothing."""

    code: ClassVar[str] = "BOT_STOPPED"


class BarAlreadyDecidedError(DomainError):
    """A bot decides once on each bar, and never on an earlier one."""

    code: ClassVar[str] = "BAR_ALREADY_DECIDED"


class BotLeasedElsewhereError(DomainError):
    """Another process runs the bot now; whoever ran it before decides nothing any more."""

    code: ClassVar[str] = "BOT_LEASED_ELSEWHERE"
