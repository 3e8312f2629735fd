"""What was asked for, told from what was recorded. Commands themselves are not in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from traderbot.application.commands.bots import DecideOnBar, StartBot, StopBot
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.corrections import CorrectCash
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio, Withdraw
from traderbot.application.commands.record_fill import RecordAcceptance, RecordFill
from traderbot.application.ports.commands import Command
from traderbot.application.ports.unit_of_work import UnitOfWork
from traderbot.application.ports.what_if import UnanswerableError
from traderbot.domain.bots.bot_run import Observation
from traderbot.domain.bots.events import BotDecided, BotStarted, BotStopped
from traderbot.domain.orders.events import (
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderFilled,
    OrderPlaced,
    OrderRefused,
)
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
from traderbot.infrastructure.brokers.paper_venue import PaperVenue
from traderbot.what_if.history import Deed, Fact, History, advance

_UNTOUCHED = frozenset({"user", "operations", "market"})  # categories no limit or fee touches
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
    """A bot took in a bar, so the paper venue traded against it; what it filled then."""

    before: Deed  # the first thing that was recorded because of the bar
    run_id: BotRunId
    bar_at: datetime
    fills: list[Deed]

    @property
    def index(self) -> int:
        """Where in the log it happened."""
        return self.before.index

    @property
    def facts(self) -> Sequence[Fact]:
        """What was recorded."""
        return [fact for deed in self.fills for fact in deed.facts]


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
    return filled.fill.id.startswith(f"{PaperVenue.name}:{filled.order_id}:")


def is_with_paper(order_id: OrderId, venue: str, venue_order_id: str) -> bool:
    """Whether the paper venue took the order in."""
    return venue == PaperVenue.name and venue_order_id == f"{PaperVenue.name}-{order_id}"


class _Reading:
    """Goes along the log once, with the portfolios and owners as they were then."""

    def __init__(self, history: History, start: int, limits: Limits) -> None:
        self._history = history
        self._start = start
        self._limits = limits
        self._states: dict[str, Any] = {}
        self._bars: dict[tuple[BotRunId, datetime], BarClosed] = {}

    def steps(self) -> Iterator[Step]:
        for deed in self._history.deeds:
            if deed.index >= self._start:
                yield from self._bar(deed)
                wish = self._wish(deed)
                if wish is not None:
                    yield wish
            for fact in deed.facts:
                advance(self._states, fact.recorded.stream, fact.event)

    def _bar(self, deed: Deed) -> Iterator[BarClosed]:
        """Yield the bar a deed is the first sign of."""
        sign = _sign_of_bar(deed)
        if sign is None or sign[0] not in self._history.runs:
            return
        known = self._bars.get(sign)
        if known is None:
            known = self._bars[sign] = BarClosed(deed, *sign, [])
            yield known
        if isinstance(deed.events[0], OrderFilled):
            known.fills.append(deed)

    def _wish(self, deed: Deed) -> Wish | None:
        """Return what was asked for, None if it was the paper venue's own doing."""
        command: Command[Any]
        match deed.events:
            case (*_, BotDecided() as decided):
                command = DecideOnBar(bot_run_id=decided.bot_run_id, seen=observation(decided))
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
                )
                return Wish(deed, command, (started.bot_run_id,))
            case (OrderFilled() as filled, *_) if is_papers_own(filled):
                if _sign_of_bar(deed) in self._bars:
                    return None
        found = self._simple(deed)
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
            case (OrderCanceled() as it, *_):
                owner = self._states[f"order-{it.order_id}"].owner_id
                command = CancelOrder(owner_id=owner, order_id=it.order_id, reason=it.reason)
            case (OrderAccepted() as it,):
                command = RecordAcceptance(
                    order_id=it.order_id, venue=it.venue, venue_order_id=it.venue_order_id, at=it.at
                )
            case (OrderFilled() as it, *_):
                command = RecordFill(order_id=it.order_id, fill=it.fill)
            case (BotStopped(bot_run_id=run_id) as it,):
                owner = self._states[f"bot-{run_id}"].owner_id
                command = StopBot(owner_id=owner, bot_run_id=run_id, reason=it.reason, at=it.at)
            case _ if {fact.recorded.stream.partition("-")[0] for fact in deed.facts} <= _UNTOUCHED:
                command = TakeAsRecorded(tuple(deed.facts))
            case _:
                pass
        return command

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


def _sign_of_bar(deed: Deed) -> tuple[BotRunId, datetime] | None:
    """Return which run took in which bar, if the deed shows that one did."""
    first, last = deed.events[0], deed.events[-1]
    if isinstance(last, BotDecided):
        return last.bot_run_id, last.bar_at
    actor = deed.first.actor
    if isinstance(first, OrderFilled) and is_papers_own(first) and actor.type == "bot":
        return BotRunId(actor.id), first.fill.at
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
