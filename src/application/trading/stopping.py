"""Which alarm of the desk stops what: from then on only what reduces passes, or nothing at all."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from traderbot.application.commands.halting import HaltTrading
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.views import Views
from traderbot.application.trading.alarms import Alarm, AlarmKind
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.domain.shared.errors import TraderbotError

_log = logging.getLogger(__name__)
# What is traded may still be made smaller: the venue is not to be trusted with more for now.
_REDUCES: Final = frozenset(
    {
        AlarmKind.UNCONFIRMED,
        AlarmKind.ORDER_ALIVE,
        AlarmKind.ORDER_MISSING,
        AlarmKind.FOREIGN_ORDER,
        AlarmKind.UNCANCELED,
        AlarmKind.DEAD_MAN_SILENT,
        AlarmKind.STREAM_SILENT,
        AlarmKind.VENUE_AWAY,
    }
)


@dataclass(frozen=True, slots=True)
class StopOnAlarm:
    """Records the stop that an alarm calls for. A person lets trading go on, and says why."""

    executor: CommandExecutor
    views: Views

    def __call__(self, alarm: Alarm) -> None:
        """Stop; what could not be recorded is told to the operator, and the desk stays as it is."""
        _log.error("%s: %s: %s", alarm.venue, alarm.kind.value, alarm.sentence)
        command = HaltTrading(
            scope=self._scope(alarm),
            reason=alarm.sentence[:500],
            cause=f"DESK_{alarm.kind.name}",
            only_reduce=alarm.kind in _REDUCES,
        )
        try:
            self.executor.run(command, Origin(actor=Actor("system", f"desk:{alarm.venue}", "desk")))
        except TraderbotError:
            _log.exception("%s: trading was not stopped", alarm.venue)

    def _scope(self, alarm: Alarm) -> Scope:
        if alarm.kind is AlarmKind.DIFFERENT_ORDER:  # the program itself is not to be trusted
            return Scope(ScopeKind.SYSTEM)
        if alarm.kind is AlarmKind.OVERFILLED and alarm.order_id is not None:
            order = self.views.order(None, alarm.order_id)
            if order is not None:
                return Scope(ScopeKind.PORTFOLIO, order.portfolio_id)
        return Scope(ScopeKind.VENUE, alarm.venue)
