"""`PaperDesk` on the program's own writer: every change of a book is a command."""

from __future__ import annotations

from datetime import datetime, timedelta

from traderbot.application.commands.paper_venue import (
    AmendAtPaper,
    CancelAtPaper,
    MeetMarket,
    PassPaperTime,
    SubmitToPaper,
)
from traderbot.application.ports.commands import CommandExecutor, Origin
from traderbot.application.ports.paper_desk import BookAfter, PaperDesk
from traderbot.application.ports.recorded import Actor
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.simulation.book import Submission, Wanted
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.simulation.market import Depth

_ITSELF = Origin(actor=Actor("system", "paper", "venue"))


class WritingPaperDesk(PaperDesk):
    """Runs each change as a command, and waits until it is durable."""

    def __init__(self, executor: CommandExecutor) -> None:
        """Write through that executor."""
        self._executor = executor

    def submit(self, order: Submission, latency: timedelta) -> BookAfter:
        """Take an order in."""
        return self._executor.run(SubmitToPaper(order=order, latency=latency), _ITSELF)

    def cancel(self, book_id: str, order_id: OrderId, reason: str) -> BookAfter:
        """Take an order out, if it works."""
        command = CancelAtPaper(book_id=book_id, order_id=order_id, reason=reason)
        return self._executor.run(command, _ITSELF)

    def amend(
        self, book_id: str, order_id: OrderId, wanted: Wanted, latency: timedelta
    ) -> BookAfter:
        """Change an order. Raises NotWorkingError, NotAmendableError."""
        command = AmendAtPaper(book_id=book_id, order_id=order_id, wanted=wanted, latency=latency)
        return self._executor.run(command, _ITSELF)

    def meet(
        self, book_id: str, seen: Bar | Depth, model: FillModel, origin: Origin | None = None
    ) -> BookAfter:
        """Trade a book against what the market shows."""
        command = MeetMarket(book_id=book_id, seen=seen, model=model)
        return self._executor.run(command, origin or _ITSELF)

    def pass_time(self, book_id: str, at: datetime) -> BookAfter:
        """Let end what was good until then at most."""
        return self._executor.run(PassPaperTime(book_id=book_id, at=at), _ITSELF)
