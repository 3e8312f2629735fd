"""Halting from outside: the latch's file, the signal, and what a halt by itself asks back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from traderbot.application.commands.halting import HaltTrading
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.ports.risk import RiskReading
from traderbot.application.recalling import recall
from traderbot.domain.risk.control import MANUAL
from traderbot.domain.risk.events import TradingHalted
from traderbot.domain.risk.trading_state import SYSTEM
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.halt_latch import FileLatch, halted_by_signal

_GUARD = Origin(actor=Actor("system", "risk", "gate"))


def halt_at_first(writer: CommandExecutor, risk: RiskReading) -> None:
    """Have live trading begin halted: the first to send an order is a person who let it."""
    if risk.control(SYSTEM.key) is None:
        first = HaltTrading(scope=SYSTEM, cause="FIRST_START", reason="live for the first time")
        writer.run(first, _GUARD)


@contextmanager
def halting(
    latch: FileLatch, writer: CommandExecutor, risk: RiskReading, bus: EventBus
) -> Iterator[None]:
    """Heed the signal and the file, and ask back what works where trading stopped by itself."""
    pulled = latch.engaged()
    if pulled is not None:  # it was pulled while nobody was there to record it
        writer.run(HaltTrading(scope=SYSTEM, cause="LATCH", reason=pulled), _GUARD)

    def on_halted(event: TradingHalted) -> None:
        if event.cause != MANUAL:  # whoever halts by hand is told what became of each order
            reason = f"{event.scope} was halted: {event.cause}"
            for _ in recall(risk.working(event.scope), writer, _GUARD, reason):
                pass

    bus.subscribe(TradingHalted, on_halted)
    try:
        with halted_by_signal(latch):
            yield
    finally:
        bus.unsubscribe(TradingHalted, on_halted)
