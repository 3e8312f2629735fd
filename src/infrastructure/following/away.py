"""What a reactor raises when the other side is away: no event is to blame, so none is parked."""

from __future__ import annotations

from traderbot.application.errors import NotDeliveredError


class TargetAwayError(NotDeliveredError):
    """Nobody is there to take any event. The subscription waits, and counts no attempt.

    To be raised only for what no event is at fault for, such as a connection that is refused; an
    event that is refused itself would be offered for ever, and hold up all that follow.
    """
