"""What was asked for, told from what was recorded. Commands themselves are not in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from traderbot.application.bots.at_work import STALE
from traderbot.application.commands.bots import (
    ChangeBotParameters,
    DecideOnBar,
    LeaseBot,
    PauseBot,
    ResumeBot,
    StartBot,
    StopBot,
)
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.corrections import CorrectCash
from traderbot.application.commands.paper_venue import (
    AmendAtPaper,
    CancelAtPaper,
    PassPaperTime,
    SubmitToPaper,
)
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio, Withdraw
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.commands.venue_answers import Heard, RecordVenueAnswer
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.ports.what_if import UnanswerableError
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.bots.events import (
    BotDecided,
    BotLeased,
    BotParametersChanged,
    BotPaused,
    BotResumed,
    BotStarted,
    BotStopped,
)
from traderbot.domain.orders.events import (
    CancelRequested,
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
    OrderRejected,
    OrderTriggered,
    VenueAnswered,
)
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import OrderKind
from traderbot.domain.portfolio.events import (
    CashCorrected,
    CashDeposited,
    CashWithdrawn,
    PortfolioOpened,
)
from traderbot.domain.portfolio.portfolio import Portfolio
from traderbot.domain.risk.limits import Limits
from traderbot.domain.risk.review import measure
from traderbot.domain.shared.decimals import EXACT, PLACES
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.shared.values import Money, Price
from traderbot.domain.simulation.book import Submission, Wanted
from traderbot.domain.simulation.events import (
    PaperAccepted,
    PaperAmended,
    PaperCanceled,
    PaperExpired,
    PaperRejected,
    PaperRested,
    PaperTraded,
    PaperTrailMoved,
    PaperTriggered,
)
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.what_if.history import Deed, Fact, History, advance

Answered = OrderCanceled | OrderExpired | OrderRejected | OrderTriggered
_ANSWERS = (OrderCanceled, OrderExpired, OrderRejected, OrderTriggered)
_HEARD: Mapping[type, Heard] = {
    OrderCanceled: Heard.CANCELED,
    OrderExpired: Heard.EXPIRED,
    OrderRejected: Heard.REJECTED,
    OrderTriggered: Heard.TRIGGERED,
}
MarketEffect = (
    PaperRejected
    | PaperRested
    | PaperTriggered
    | PaperTrailMoved
    | PaperTraded
    | PaperCanceled
    | PaperExpired
)
# Categories no limit or fee touches.
_UNTOUCHED = frozenset({"user", "operations", "market", "risk", "venue"})
_ONE = Price(1)


@dataclass(frozen=True, slots=True)
class TakeAsRecorded(Command[bool]):
    """Facts that rest on nothing that changes: people, markets, the log's machinery."""

    facts: tuple[Fact, ...]


def take_as_recorded(command: TakeAsRecorded, unit: UnitOfWork) -> bool:
    """Record the same events again."""
    for fact in command.facts:
        category, _, id_ = fact.recorded.stream.partition("-")
        repositories: dict[str, Any] = {
            "user": unit.users,
            "operations": unit.operations,
            "market": unit.bar_series,
            "paper": unit.paper_books,
            "risk": unit.risk,
            "venue": unit.venue_accounts,
        }
        repository = repositories[category]
        repository.find(id_)  # a stream nobody looked for counts as new
        repository.record(id_, [fact.event])
    return True


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for, and the ids that its answer gave away."""

    deed: Deed
    command: Command[Any]
    ids: tuple[str, ...] = ()

    @property
    def index(self) -> int:
        """Where in the log its answer begins."""
        return self.deed.index

    @property
    def facts(self) -> Sequence[Fact]:
        """What was recorded."""
        return self.deed.facts


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A bot took in a bar, so the paper venue traded against it; what was recorded of that."""

    before: Deed  # the first thing that was recorded because of the bar
    run_id: BotRunId
    bar_at: datetime
    deeds: list[Deed]

    @property
    def index(self) -> int:
        """Where in the log it happened."""
        return self.before.index

    @property
    def facts(self) -> Sequence[Fact]:
        """What was recorded."""
        return [fact for deed in self.deeds for fact in deed.facts]


Step = Wish | BarClosed


def steps_of(history: History, start: int, limits: Limits) -> list[Step]:
    """Return what was asked for from an index on, in the order of the log.

    `limits` are those in force; the price of a refused market order is worked out with them.

    Raises:
        UnanswerableError: nobody can tell what somebody wanted.
    """
    return list(_Reading(history, start, limits).steps())


def is_papers_own(filled: OrderFilled) -> bool:
    """Whether the paper venue made the fill: it names fills by their orders."""
    venue, _, order_id, _ = f"{filled.fill.id}:::".split(":", 3)
    return venue == PaperVenue.name and order_id == filled.order_id


def fill_of(deed: Deed) -> OrderFilled | None:
    """Return the fill that a deed recorded."""
    return next((it for it in deed.events if isinstance(it, OrderFilled)), None)


def meeting_of(deed: Deed) -> MarketEffect | None:
    """Return the first thing that a look at the market did to a book of the paper venue."""
    first = deed.events[0]
    return first if isinstance(first, MarketEffect) and first.seen_at is not None else None


class _Reading:
    """Goes along the log once, with the portfolios and owners as they were then."""

    def __init__(self, history: History, start: int, limits: Limits) -> None:
        self._history = history
        self._start = start
        self._limits = limits
        self._states: dict[str, Any] = {}
        self._open: dict[BotRunId, BarClosed] = {}  # bars that are not decided on yet
        self._decided: set[tuple[BotRunId, datetime]] = set()

    def steps(self) -> Iterator[Step]:
        for deed in self._history.deeds:
            if deed.index >= self._start:
                yield from self._step(deed)
            for fact in deed.facts:
                advance(self._states, fact.recorded.stream, fact.event)

    def _step(self, deed: Deed) -> Iterator[Step]:
        """Yield the bar a deed is the first sign of, and what was asked for."""
        found = self._bar(deed)
        if found is not None:
            run_id, bar_at = found
            bar = self._open.get(run_id)
            if bar is None or bar.bar_at != bar_at:
                bar = self._open[run_id] = BarClosed(deed, run_id, bar_at, [])
                yield bar
            if not isinstance(deed.events[-1], BotDecided):
                bar.deeds.append(deed)
                return
            del self._open[run_id]
            self._decided.add(found)
        yield self._wish(deed)

    def _bar(self, deed: Deed) -> tuple[BotRunId, datetime] | None:
        """Return which run took in which bar, if the deed is part of that."""
        last, actor = deed.events[-1], deed.first.actor
        if isinstance(last, BotDecided):
            return last.bot_run_id, last.bar_at
        run_id = BotRunId(actor.id)
        run = self._history.runs.get(run_id)
        if actor.type != "bot" or run is None:
            return None
        meeting, filled, bar = meeting_of(deed), fill_of(deed), self._open.get(run_id)
        if meeting is not None and meeting.seen_at is not None:
            return run_id, meeting.seen_at - run.timeframe.duration
        if filled is not None and is_papers_own(filled):
            found = run_id, filled.fill.at
            return None if found in self._decided else found
        if bar is not None and isinstance(deed.events[0], _ANSWERS):
            return run_id, bar.bar_at
        return None

    def _wish(self, deed: Deed) -> Wish:
        """Return what was asked for. Raises UnanswerableError."""
        command: Command[Any]
        match deed.events:
            case (*_, BotDecided() as decided):
                command = DecideOnBar(
                    bot_run_id=decided.bot_run_id,
                    seen=observation(decided),
                    withheld=STALE if decided.blocking_code == STALE else None,
                )
                return Wish(deed, command, (decided.order_id,) if decided.order_id else ())
            case (OrderPlaced() as placed, OrderApproved() | OrderRefused() as verdict, *_):
                command = PlaceOrder(
                    owner_id=placed.owner_id,
                    ticket=placed.ticket,
                    reference=self._reference(deed, placed, verdict),
                )
                return Wish(deed, command, (placed.order_id,))
            case (PortfolioOpened() as opened, *rest):
                cash = next((it.amount for it in rest if isinstance(it, CashDeposited)), None)
                command = OpenPortfolio(owner_id=opened.owner_id, name=opened.name, cash=cash)
                return Wish(deed, command, (opened.portfolio_id,))
            case (BotStarted() as started,):
                command = StartBot(
                    owner_id=started.owner_id,
                    portfolio_id=started.portfolio_id,
                    strategy=started.strategy,
                    parameters=started.parameters,
                    symbol=started.symbol,
                    timeframe=started.timeframe,
                    allocation=started.allocation,
                    sizing=started.sizing,
                    feed=started.feed,
                    first_bar_at=started.first_bar_at,
                )
                return Wish(deed, command, (started.bot_run_id,))
            case _:
                pass
        found = (
            self._of_bot(deed)
            or self._simple(deed)
            or self._of_venue(deed)
            or _of_paper(deed, self._states)
        )
        if found is None:
            raise _unknown(deed)
        return Wish(deed, found)

    def _simple(self, deed: Deed) -> Command[Any] | None:
        """Return a wish whose answer gave no id away, None if there is no telling."""
        command: Command[Any] | None = None
        match deed.events:
            case (CashDeposited(portfolio_id=id_, amount=amount),):
                owner = self._states[f"portfolio-{id_}"].owner_id
                command = Deposit(owner_id=owner, portfolio_id=id_, amount=amount)
            case (CashWithdrawn(portfolio_id=id_, amount=amount),):
                owner = self._states[f"portfolio-{id_}"].owner_id
                command = Withdraw(owner_id=owner, portfolio_id=id_, amount=amount)
            case (CashCorrected() as it,):
                command = CorrectCash(
                    portfolio_id=it.portfolio_id,
                    amount=it.amount,
                    reason=it.reason,
                    corrects=it.corrects,
                )
            case (CancelRequested() as it,):
                owner = self._states[f"order-{it.order_id}"].owner_id
                command = CancelOrder(owner_id=owner, order_id=it.order_id, reason=it.reason)
            case (OrderCanceled() as it, *_) if not self._states[
                f"order-{it.order_id}"
            ].status.is_with_venue:
                owner = self._states[f"order-{it.order_id}"].owner_id
                command = CancelOrder(owner_id=owner, order_id=it.order_id, reason=it.reason)
            case _ if {fact.recorded.stream.partition("-")[0] for fact in deed.facts} <= _UNTOUCHED:
                command = TakeAsRecorded(tuple(deed.facts))
            case _:
                pass
        return command

    def _of_bot(self, deed: Deed) -> Command[Any] | None:
        """Return what was wanted of a bot, None if nothing was."""
        command: Command[Any] | None = None
        match deed.events:
            case (BotStopped(bot_run_id=run_id) as it,):
                owner = self._states[f"bot-{run_id}"].owner_id
                command = StopBot(
                    owner_id=owner, bot_run_id=run_id, reason=it.reason, at=it.at, code=it.code
                )
            case (BotLeased(bot_run_id=run_id) as it,):
                command = LeaseBot(bot_run_id=run_id, holder=it.holder, known_fence=it.fence - 1)
            case (BotPaused(bot_run_id=run_id) as it,):
                owner = self._states[f"bot-{run_id}"].owner_id
                command = PauseBot(owner_id=owner, bot_run_id=run_id, reason=it.reason)
            case (BotResumed(bot_run_id=run_id) as it,):
                owner = self._states[f"bot-{run_id}"].owner_id
                command = ResumeBot(owner_id=owner, bot_run_id=run_id, reason=it.reason)
            case (BotParametersChanged(bot_run_id=run_id) as it,):
                command = ChangeBotParameters(
                    owner_id=self._states[f"bot-{run_id}"].owner_id,
                    bot_run_id=run_id,
                    parameters=it.parameters,
                    reason=it.reason,
                )
            case _:
                pass
        return command

    def _of_venue(self, deed: Deed) -> Command[Any] | None:
        """Return what a venue was heard to say, None if none was."""
        filled = fill_of(deed)
        if filled is not None:
            return record_fill(deed, filled)
        match deed.events:
            case (OrderAccepted() as it,):
                return RecordAcceptance(
                    order_id=it.order_id, venue=it.venue, venue_order_id=it.venue_order_id, at=it.at
                )
            case (OrderCanceled() | OrderExpired() | OrderRejected() | OrderTriggered() as it, *_):
                order = self._states[f"order-{it.order_id}"]
                return record_answer(it, order.venue or PaperVenue.name)
            case _:
                return None

    def _reference(
        self, deed: Deed, placed: OrderPlaced, verdict: OrderApproved | OrderRefused
    ) -> Price | None:
        ticket = placed.ticket
        if ticket.kind is OrderKind.LIMIT:
            return None  # it is measured with its own limit price
        if isinstance(verdict, OrderApproved):
            return verdict.reference
        portfolio = self._states[f"portfolio-{ticket.portfolio_id}"]
        found = _refused_reference(placed, verdict, portfolio, self._limits)
        if found is None:
            msg = (
                f"index {deed.index}: the price that the refused order {placed.order_id} was "
                f"measured with cannot be worked out; fork at {deed.index + len(deed.facts)} or "
                "later, or drop the order"
            )
            raise UnanswerableError(msg)
        return found


def observation(decided: BotDecided) -> Observation:
    """Return what the strategy saw and said, as it was recorded."""
    return Observation(
        bar_at=decided.bar_at,
        closes_at=decided.at,
        close=decided.close,
        input_digest=decided.input_digest,
        signal=decided.signal,
        confidence=decided.confidence,
        reason=decided.reason,
        indicators=decided.indicators,
        rules=decided.rules,
    )


def submission(order: Order) -> Submission:
    """Return an order as it is sent to the paper venue."""
    return Submission(
        order_id=order.id,
        client_order_id=order.venue_client_id,
        ticket=order.ticket,
        placed_at=order.placed_at,
    )


def record_fill(deed: Deed, filled: OrderFilled) -> RecordFill:
    """Return the command that recorded a fill, with what the venue said beside it."""
    said = next((it for it in deed.events if isinstance(it, VenueAnswered)), None)
    accepted = next((it for it in deed.events if isinstance(it, OrderAccepted)), None)
    return RecordFill(
        order_id=filled.order_id,
        fill=filled.fill,
        venue=said.venue if said else accepted.venue if accepted else "",
        call=said.call if said else "stream",
        raw=said.raw if said else "",
        venue_order_id=accepted.venue_order_id if accepted else None,
    )


def record_answer(it: Answered, venue: str) -> RecordVenueAnswer:
    """Return the command that recorded how an order went on, or ended, at a venue."""
    return RecordVenueAnswer(
        order_id=it.order_id,
        venue=venue,
        call="stream",
        heard=_HEARD[type(it)],
        at=it.at,
        reason="" if isinstance(it, OrderTriggered) else it.reason,
        code=it.code if isinstance(it, OrderRejected) else "",
        price=it.price if isinstance(it, OrderTriggered) else None,
    )


def order_of(deed: Deed) -> OrderId:
    """Return the order that a deed recorded news of."""
    return next(it.order_id for it in deed.events if isinstance(it, OrderFilled | Answered))


def heard_of(deed: Deed, venue: str) -> RecordFill | RecordVenueAnswer:
    """Return the command that recorded news of an order."""
    filled = fill_of(deed)
    if filled is not None:
        return record_fill(deed, filled)
    return record_answer(next(it for it in deed.events if isinstance(it, Answered)), venue)


def _of_paper(deed: Deed, states: Mapping[str, Any]) -> Command[Any] | None:  # noqa: PLR0911 - one each
    """Return what the paper venue was asked for, None if it was not.

    What a quote or an order book did to a book is taken as it was: neither is in the log.
    """
    book_id = deed.first.stream.partition("-")[2]
    match deed.events:
        case (*_, PaperAccepted() as it):
            order = Submission(
                order_id=it.order_id,
                client_order_id=it.client_order_id,
                ticket=it.ticket,
                placed_at=it.at,
            )
            return SubmitToPaper(order=order, latency=it.active_at - it.at)
        case (*_, PaperRejected(seen_at=None) as it):
            return SubmitToPaper(order=submission(states[f"order-{it.order_id}"]))
        case (PaperCanceled(seen_at=None) as it,):
            return CancelAtPaper(book_id=book_id, order_id=it.order_id, reason=it.reason)
        case (PaperExpired(seen_at=None), *_):
            return PassPaperTime(book_id=book_id, at=max(it.at for it in deed.events))
        case (PaperAmended() as it,):
            wanted = Wanted(
                quantity=it.quantity, limit_price=it.limit_price, stop_price=it.stop_price
            )
            latency = timedelta(0) if it.keeps_place else it.active_at - it.at
            return AmendAtPaper(
                book_id=book_id, order_id=it.order_id, wanted=wanted, latency=latency
            )
        case _ if meeting_of(deed) is not None:
            return TakeAsRecorded(tuple(deed.facts))
        case _:
            return None


def _refused_reference(
    placed: OrderPlaced, refused: OrderRefused, portfolio: Portfolio, limits: Limits
) -> Price | None:
    """Work out the price from what was held against a limit; whoever asks again sees if it fits."""
    opening = measure(placed.ticket, portfolio, _ONE, limits).opening_notional.amount
    if not opening:
        return None
    worst: Decimal = EXACT.multiply(
        EXACT.add(1, limits.market_order_cushion), EXACT.add(1, limits.fee_fraction)
    )
    shares: Mapping[str, Decimal] = {
        "ORDER_NOTIONAL_MAX": opening,
        "INSUFFICIENT_FUNDS": EXACT.multiply(opening, worst),
    }
    for reason in refused.reasons:
        if reason.code in shares:
            value = Money.parse(reason.value).amount
            price = EXACT.divide(value, shares[reason.code])
            try:
                return Price(price.quantize(Decimal(1).scaleb(-PLACES), context=EXACT))
            except InvalidValueError:
                continue
    return None


def _unknown(deed: Deed) -> UnanswerableError:
    types = ", ".join(fact.recorded.type for fact in deed.facts)
    msg = (
        f"index {deed.index}: nobody can tell what was asked for when {types} was recorded; "
        f"fork at {max(fact.index for fact in deed.facts) + 1} or later"
    )
    return UnanswerableError(msg)
