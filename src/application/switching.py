"""Pulling the switch and putting it back: the latch first, then the log.

The latch is for the system alone: it works without a database, and it is quicker than one. Once
the halt is in the log the latch is not needed any more, for the log never releases it by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from traderbot.application.commands.halting import HaltTrading, ResumeTrading
from traderbot.application.errors import ClosedError, ExternalError, OverloadedError
from traderbot.application.gate import Gate
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.risk_views import ScopeView
from traderbot.domain.risk.trading_state import SYSTEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """What came of a halt. `recorded` is False when only the latch holds: the log did not take it.

    Nothing is sent either way.
    """

    scope: ScopeView
    recorded: bool
    message: str = ""


def halt(executor: CommandExecutor, gate: Gate, command: HaltTrading, origin: Origin) -> Halted:
    """Halt a scope; the system also when the database does not answer.

    Raises:
        TraderbotError: whatever the command raises, except for the system, which is halted anyway.
    """
    is_system = command.scope == SYSTEM and command.owner_id is None and not command.only_reduce
    if not is_system:
        return Halted(scope=executor.run(command, origin), recorded=True)
    gate.latch.engage(command.reason)
    try:
        view = executor.run(command, origin)
    except (ExternalError, ClosedError, OverloadedError) as error:
        view = replace(ScopeView.untouched(SYSTEM.key), state="halted", reason=command.reason)
        said = f"the latch holds, and the log does not have it: {error}"
        return Halted(scope=view, recorded=False, message=said)
    gate.latch.release()
    return Halted(scope=view, recorded=True)


def resume(
    executor: CommandExecutor, gate: Gate, command: ResumeTrading, origin: Origin
) -> ScopeView:
    """Let a scope go on; the system's latch is put back last.

    Raises:
        LatchError: the latch cannot be put back; nothing is sent.
        TraderbotError: whatever the command raises.
    """
    if command.scope != SYSTEM:
        return executor.run(command, origin)
    pulled = gate.latch.engaged()
    if pulled is not None:  # what was pulled outside the log has to be in it before it is undone
        late = HaltTrading(scope=SYSTEM, cause="LATCH", reason=pulled, owner_id=command.owner_id)
        executor.run(late, replace(origin, key=None))
    view = executor.run(command, origin)
    gate.latch.release()
    return view
