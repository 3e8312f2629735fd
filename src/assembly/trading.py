"""Trading in the background: the desk, the paper venue's market, and the bots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from random import random

from traderbot.application.bots.at_work import Settle
from traderbot.application.bots.keeper import REPLAY, BotKeeper
from traderbot.application.bots.paper_market import PaperMarket
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.ports.bot_holders import BotHolders
from traderbot.application.ports.clock import Clock
from traderbot.application.ports.commands import CommandExecutor
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.paper_desk import PaperBooks
from traderbot.application.ports.recorded import DomainEvent
from traderbot.application.ports.views import Views
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.trading.pace import DeskPace
from traderbot.application.trading.stopping import StopOnAlarm
from traderbot.application.trading.venue_markets import VenueMarkets
from traderbot.application.views import BotRunView
from traderbot.domain.bots.events import BotParametersChanged, BotStarted
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.events import AmendRequested, CancelRequested, OrderApproved
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.shared.values import Symbol, symbol
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.bots.chosen_books import ChosenBooks
from traderbot.infrastructure.bots.here import process_name
from traderbot.infrastructure.bots.paper_account import PaperAccount
from traderbot.infrastructure.brokers.configured import venue_of
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.market_data.feeds.configured import open_feed
from traderbot.infrastructure.settings import Settings
from traderbot.infrastructure.strategies.known import know_strategies


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What trading in the background is made of."""

    settings: Settings
    writer: CommandExecutor
    views: Views
    clock: Clock
    bus: EventBus
    bars: BarStore
    books: PaperBooks
    model: FillModel
    holders: BotHolders
    heard: VenueMarkets | None = None  # what the venue elsewhere trades and pays

    def feed(self) -> AbstractContextManager[BarFeed]:
        """Open where bots and the paper venue take their bars from."""
        return open_feed(self.settings, self.bars, self.clock, process_name())

    def replays(self) -> list[BotRunView]:
        """Return the runs that trade in the past now; nothing of the present is shown to them."""
        return [it for it in self.views.active_bot_runs() if it.feed == REPLAY]

    def replayed_portfolios(self) -> set[PortfolioId]:
        """Return whose paper books live in the past now."""
        return {PortfolioId(it.portfolio_id) for it in self.replays()}

    def of_the_present(self) -> Callable[[PortfolioId], bool]:
        """Return what tells a portfolio that lives now from one that is replayed."""
        past = self.replayed_portfolios()
        return lambda it: it not in past

    def paper(self, books: PaperBooks) -> PaperAccount:
        """Return the paper venue over these books."""
        return PaperAccount(
            WritingPaperDesk(self.writer),
            books,
            self.clock,
            self.model,
            self.views.held,
            lambda: {symbol(it.symbol) for it in self.replays()},
        )

    def timeframes(self, wanted: Symbol) -> list[Timeframe]:
        """Return which series of a symbol there are, shortest first; a live feed has minutes."""
        if self.settings.feed.source != "stored":
            return [Timeframe.M1]
        return [it for it in Timeframe if self.bars.following(wanted, it, None, 1)]


# Its books are in our own database: it shows an order at once, and knows one that is sent twice.
_AT_PAPER = DeskPace(
    ask_after=(0.0, 0.25, 0.25, 1.0, 5.0),
    between_proofs=0.1,
    horizon=0.0,
    send_again=86_400.0,
    give_up=600.0,  # whoever was away for minutes asks first, and calls a person then
)


@contextmanager
def trading(floor: Floor) -> Iterator[None]:
    """Send what is approved to the venue of the settings, and keep the bots.

    Raises:
        StrategyFileError, StrategyPluginError: a strategy of the user's own cannot be used.
    """
    own = floor.settings.data.strategies
    know_strategies([] if own is None else [own])
    venue = venue_of(floor.settings, floor.clock)
    with ExitStack() as open_:
        feed = open_.enter_context(floor.feed())
        alarms = StopOnAlarm(floor.writer, floor.views)
        settle: Settle = _at_once
        traded = floor.paper(floor.books) if venue is None else venue
        pace = _AT_PAPER if venue is None else DeskPace()
        if floor.heard is not None:
            open_.enter_context(floor.heard.running())
        made = TradingDesk(
            floor.writer,
            floor.views,
            traded,
            floor.clock,
            alarms=alarms,
            pace=pace,
            markets=floor.heard,
        )
        desk = open_.enter_context(made.running())
        for wish in (OrderApproved, CancelRequested, AmendRequested):
            open_.enter_context(_nudging(floor.bus, wish, desk.nudge))
        if venue is None:
            shown = floor.paper(ChosenBooks(floor.books, floor.of_the_present))
            open_.enter_context(shown.follow(desk.hear))
            market = PaperMarket(
                shown,
                floor.writer,
                floor.views,
                feed,
                floor.clock,
                timeframes=floor.timeframes,
                elsewhere=floor.replayed_portfolios,
            )
            open_.enter_context(market.running())
            settle = market.settle
        keeper = BotKeeper(
            floor.writer,
            floor.views,
            feed,
            StrategyRegistry.create,
            floor.holders,
            floor.clock,
            name=process_name(),
            chance=random,
            settle=settle,
        )
        open_.enter_context(keeper.running())
        for begun in (BotStarted, BotParametersChanged):
            open_.enter_context(_nudging(floor.bus, begun, keeper.nudge))
        yield


def _at_once(_portfolio_id: PortfolioId, _bar: Bar) -> None:
    """Settle nothing: a venue elsewhere fills when it fills."""


@contextmanager
def _nudging(bus: EventBus, kind: type[DomainEvent], nudge: Callable[[], None]) -> Iterator[None]:
    """Nudge somebody whenever an event of a kind was recorded here."""

    def heard(_event: DomainEvent) -> None:
        nudge()

    bus.subscribe(kind, heard)
    try:
        yield
    finally:
        bus.unsubscribe(kind, heard)
