"""Builds the adapters, gives them to the use cases, opens the doors. Knows every room."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from random import random
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine

from traderbot.application.application import Application
from traderbot.application.bots.at_work import Settle
from traderbot.application.bots.keeper import REPLAY, BotKeeper
from traderbot.application.bots.paper_market import PaperMarket
from traderbot.application.bots.parity import parity
from traderbot.application.bots.parity_report import ParityReport, Progress
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.halting import HaltTrading
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Gate
from traderbot.application.key_safe import KeySafe
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.paper_markets import PaperMarkets
from traderbot.application.password_policy import check_password_policy
from traderbot.application.ports.backtests import Backtests
from traderbot.application.ports.bot_holders import BotHolders
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, CommandExecutor, Origin, R
from traderbot.application.ports.event_bus import HandlerKind
from traderbot.application.ports.feeds import BarFeed
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.markets import Markets, UnknownMarkets
from traderbot.application.ports.paper_desk import PaperBooks
from traderbot.application.ports.rate_limiter import LimitGroup, RateLimiter
from traderbot.application.ports.recorded import Actor, DomainEvent
from traderbot.application.ports.risk import RiskReading
from traderbot.application.ports.token_codec import TokenCodec
from traderbot.application.ports.views import Views
from traderbot.application.reactions.stop_trading import Stopping, StopTrading
from traderbot.application.recalling import recall
from traderbot.application.trading.desk import TradingDesk
from traderbot.application.trading.pace import DeskPace
from traderbot.application.trading.stopping import StopOnAlarm
from traderbot.application.trading.venue_markets import VenueMarkets
from traderbot.application.use_cases import UseCases
from traderbot.application.views import BotRunView, OrderView, PortfolioView, UserView
from traderbot.domain.bots.events import BotParametersChanged, BotStarted
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.orders.events import AmendRequested, CancelRequested, OrderApproved
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.risk.control import MANUAL
from traderbot.domain.risk.events import TradingHalted
from traderbot.domain.risk.limits import CHANGEABLE, LIVE, PAPER, Limits
from traderbot.domain.risk.trading_state import SYSTEM
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, Symbol, symbol
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.users.email import email_address
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.run_story import run_story
from traderbot.infrastructure.audit.witnesses import Trust
from traderbot.infrastructure.bots.chosen_books import ChosenBooks
from traderbot.infrastructure.bots.here import process_name
from traderbot.infrastructure.bots.holders import SqlBotHolders
from traderbot.infrastructure.bots.paper_account import PaperAccount
from traderbot.infrastructure.brokers.configured import market_source_of, venue_name, venue_of
from traderbot.infrastructure.brokers.paper_books import SqlPaperBooks
from traderbot.infrastructure.brokers.paper_venue import Costs, PaperVenue
from traderbot.infrastructure.bundle.log_bundles import LogBundles
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_handlers import create_event_handlers
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.following.operators import SqlSubscriptions
from traderbot.infrastructure.following.runner import SubscriptionRunner
from traderbot.infrastructure.halt_latch import FILE_NAME, FileLatch, halted_by_signal
from traderbot.infrastructure.market_data.configured_store import bar_store
from traderbot.infrastructure.market_data.feeds.configured import open_feed
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.event_pages import SqlEventPages
from traderbot.infrastructure.persistence.health import database_check
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.risk_reading import SqlRiskReading
from traderbot.infrastructure.persistence.storages import open_storage
from traderbot.infrastructure.persistence.vault import SqlSealedKeys
from traderbot.infrastructure.persistence.views import SqlViews
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.rate_limiter.edge_limiters import edge_limiters
from traderbot.infrastructure.rate_limiter.shared_limiter import (
    get_rate_limiter,
    set_rate_limiter,
)
from traderbot.infrastructure.sealing.anchors import AnchorFile
from traderbot.infrastructure.sealing.health import sealing_check
from traderbot.infrastructure.sealing.log_sealing import LogSealing
from traderbot.infrastructure.sealing.loop import Pace
from traderbot.infrastructure.sealing.nudging import NudgingSink
from traderbot.infrastructure.sealing.sealer import Sealer
from traderbot.infrastructure.sealing.signed_note import Signer
from traderbot.infrastructure.sealing.stored_checkpoints import StoredCheckpoints
from traderbot.infrastructure.security.jwt_tokens import JoseTokenCodec, key_id
from traderbot.infrastructure.security.passwords import PasslibPasswordHasher
from traderbot.infrastructure.security.secret_box import AesGcmSecretBox
from traderbot.infrastructure.settings import ConfigurationError, Settings, load_settings
from traderbot.infrastructure.settings_check import Problem
from traderbot.infrastructure.strategies.known import SHIPPED
from traderbot.infrastructure.system import SystemClock, Uuid7Source

for _kind in SHIPPED:
    StrategyRegistry.register(_kind.name, _kind)


class Traderbot:
    """The program as a library: open it, use it, close it.

    `application` holds every port; the methods here are the short way to the commonest wishes.
    """

    def __init__(
        self,
        application: Application,
        bus: EventBus,
        close: Callable[[], None],
        background: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Use `Traderbot.open`."""
        self.application = application
        self.bus = bus
        self.close = close
        self._background = background

    @staticmethod
    def open(
        source: str | Settings | None = None,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        costs: Costs | FillModel | None = None,
    ) -> Traderbot:
        """Open a database, bring it to the newest schema, and start the writer.

        `source` is a database URL, the path of a SQLite file, or settings; by default the settings
        of the environment. `clock` and `ids` make a run repeatable to the last byte. `costs` is
        what the paper venue charges, or all that it assumes.

        Raises:
            ConfigurationError: the environment holds something that cannot be right.
            DatabaseUnavailableError: the database cannot be opened.
        """
        settings = source if isinstance(source, Settings) else load_settings()
        url = source if isinstance(source, str) else settings.database_url
        return _open(
            url,
            settings,
            limits=limits or limits_of(settings),
            clock=clock or SystemClock(),
            ids=ids or Uuid7Source(),
            costs=costs or costs_of(settings),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, command: Command[R], *, by: str = "library", origin: Origin | None = None) -> R:
        """Run a command and wait until it is durable. `by` names the actor in the log."""
        return self.application.executor.run(command, origin or _origin(by))

    async def execute(
        self, command: Command[R], *, by: str = "library", origin: Origin | None = None
    ) -> R:
        """Run a command without blocking the event loop."""
        return await self.application.executor.execute(command, origin or _origin(by))

    def register_user(self, email: str, password: str) -> UserView:
        """Register a trader. Raises EmailTakenError, WeakPasswordError, InvalidValueError."""
        email = email_address(email)
        check_password_policy(password)
        password_hash = self.application.passwords.hash(password)
        return self.run(RegisterUser(email=email, password_hash=password_hash))

    def open_portfolio(self, owner: UserView, name: str, cash: str | None = None) -> PortfolioView:
        """Open a portfolio, perhaps with cash such as `100000 USD` in it."""
        command = OpenPortfolio(
            owner_id=UserId(owner.user_id), name=name, cash=Money.parse(cash) if cash else None
        )
        return self.run(command, by=owner.user_id)

    def deposit(self, portfolio: PortfolioView, amount: str) -> PortfolioView:
        """Take money such as `100 USD` in."""
        command = Deposit(
            owner_id=UserId(portfolio.owner_id),
            portfolio_id=PortfolioId(portfolio.portfolio_id),
            amount=Money.parse(amount),
        )
        return self.run(command, by=portfolio.owner_id)

    def place_order(
        self,
        portfolio: PortfolioView,
        code: str,
        side: str,
        quantity: str,
        limit_price: str | None = None,
    ) -> OrderView:
        """Place an order; a market order when no limit price is given."""
        ticket = Ticket(
            portfolio_id=PortfolioId(portfolio.portfolio_id),
            symbol=symbol(code),
            side=Side(side),
            quantity=Quantity(quantity),
            kind=OrderKind.LIMIT if limit_price else OrderKind.MARKET,
            limit_price=Price(limit_price) if limit_price else None,
        )
        command = PlaceOrder(owner_id=UserId(portfolio.owner_id), ticket=ticket)
        return self.run(command, by=portfolio.owner_id)

    def cancel_order(self, order: OrderView) -> OrderView:
        """Give up what is not filled of an order."""
        command = CancelOrder(owner_id=UserId(order.owner_id), order_id=OrderId(order.order_id))
        return self.run(command, by=order.owner_id)

    def portfolio(self, portfolio_id: str) -> PortfolioView:
        """Return a portfolio as it is now. Raises NotFoundError."""
        view = self.application.views.portfolio(None, PortfolioId(portfolio_id))
        if view is None:
            raise NotFoundError("portfolio", portfolio_id)
        return view

    def background(self) -> AbstractContextManager[None]:
        """Seal the log, and run the handlers that follow it, until the block ends.

        The way out finishes what is left to seal.

        Raises:
            ConfigurationError: production has no key to sign with.
        """
        return self._background()

    @property
    def audit(self) -> Any:  # noqa: ANN401 - documented on the port
        """The audit: verify, replay, diff, explain, rebuild."""
        return self.application.audit


def limits_of(settings: Settings) -> Limits:
    """Return the gate's limits as configured; what is not set is as the trading mode says.

    Raises:
        ConfigurationError: live trading without one number for all portfolios together.
    """
    risk, live = settings.risk, settings.trading.mode == "live"
    mode = LIVE if live else PAPER
    chosen = {
        name: value for name in CHANGEABLE if (value := getattr(risk, name, None)) is not None
    }
    if live and risk.total_exposure_max is None:
        missing = Problem(
            name="TRADERBOT_RISK__TOTAL_EXPOSURE_MAX",
            message="is not set, and live trading has no default for it",
            remedy="set what all portfolios together may have at risk",
        )
        raise ConfigurationError([missing])
    return replace(
        mode,
        **chosen,
        market_order_cushion=Decimal(risk.market_order_cushion),
        order_notional_absolute=risk.order_notional_absolute or mode.order_notional_absolute,
        self_trade_max=Decimal(0) if risk.self_trade == "refuse" else None,
        fee_bps=Decimal(settings.trading.fee_bps),
    )


def costs_of(settings: Settings) -> Costs:
    """Return what the paper venue charges, as configured."""
    return Costs(
        fee_bps=Decimal(settings.trading.fee_bps),
        slippage_bps=Decimal(settings.trading.slippage_bps),
    )


def _open(
    url: str,
    settings: Settings,
    *,
    limits: Limits,
    clock: Clock,
    ids: IdSource,
    costs: Costs | FillModel,
) -> Traderbot:
    with ExitStack() as opened:  # closes in the reverse order; all of it if the rest fails
        writing, reading = writer_engine(url), reader_engine(url)
        opened.callback(writing.dispose)
        opened.callback(reading.dispose)
        upgrade(writing)
        codec, bus = EventCodec(), EventBus()
        opened.callback(bus.close)
        sink = NudgingSink(bus)
        latch = FileLatch(settings.data.dir / FILE_NAME)
        bars = bar_store(settings, writing, reading)
        source = market_source_of(settings, clock)
        heard = None if source is None else VenueMarkets(source)
        gate = Gate(
            limits=limits,
            venue=venue_name(settings),
            latch=latch,
            markets=_markets(venue_name(settings), bars, heard),
        )
        bus.subscribe(Stopping, StopTrading(gate=gate), HandlerKind.INLINE)
        writer = Writer(
            lambda: open_storage(writing),
            UseCases.build(limits, clock, ids, gate).handlers(),
            codec=codec,
            clock=clock,
            ids=ids,
            sink=sink,
            max_batch=settings.writer.max_batch,
        )
        opened.callback(writer.close)
        books = SqlPaperBooks(reading, codec)
        model = costs if isinstance(costs, FillModel) else costs.model
        venue = PaperVenue(WritingPaperDesk(writer), books, clock, model)
        views = SqlViews(reading)
        floor = _Floor(
            settings=settings,
            writer=writer,
            views=views,
            clock=clock,
            bus=bus,
            bars=bars,
            books=books,
            model=model,
            holders=SqlBotHolders(writing, reading),
            heard=heard,
        )
        risk = SqlRiskReading(reading, codec)
        if settings.trading.mode == "live":
            _halt_at_first(writer, risk)
        sealing = cache(lambda: _sealing(settings.of_database(url), writing, reading, clock))
        handlers = create_event_handlers(settings.of_database(url), clock=clock, codec=codec)
        enabled = [it for it in handlers if it.enabled]

        @contextmanager
        def background() -> Iterator[None]:
            runner = SubscriptionRunner(url, enabled, codec)
            with (
                _halting(latch, writer, risk, bus),
                runner,
                sealing().running(runner.nudge) as loop,
                sink.nudging(loop.nudge),
                _trading(floor),
            ):
                yield

        application = Application(
            executor=writer,
            views=views,
            bars=bars,
            audit=LogAudit(
                reading,
                writing,
                codec,
                trust=lambda: _trust(settings.of_database(url)),
                snapshot_key=lambda: _snapshot_key(settings.of_database(url)),
            ),
            event_pages=SqlEventPages(reading),
            checkpoints=StoredCheckpoints(reading, lambda: _signer(settings.of_database(url)).vkey),
            venue=venue,
            clock=clock,
            ids=ids,
            passwords=PasslibPasswordHasher(),
            tokens=lambda: _tokens(settings),
            key_safe=cache(lambda: _key_safe(settings, reading, writing)),
            sealing=sealing,
            bundles=lambda: _bundles(settings.of_database(url), reading, codec),
            subscriptions=SqlSubscriptions(reading, writing, enabled),
            health=(
                database_check(reading),
                sealing_check(lambda: sealing() if sealing.cache_info().currsize else None),
            ),
            limiters=cache(lambda: _limiters(settings, closing)),
            gate=gate,
            risk=risk,
            replay_venue=lambda id_: floor.paper(ChosenBooks(books, lambda: lambda it: it == id_)),
            parity=partial(_parity, reading, codec, bars, model),
            backtests=partial(_backtests, settings.data.dir / "backtests"),
        )
        closing = opened.pop_all()
        return Traderbot(application, bus, closing.close, background)


def _backtests(folder: Path, owner: UserId) -> Backtests:
    from traderbot.backtesting.desk import BacktestDesk  # noqa: PLC0415 - it brings numpy

    return BacktestDesk(folder / owner)


def _parity(  # noqa: PLR0917 - what `partial` gives first, and what is asked
    reading: Engine,
    codec: EventCodec,
    store: BarStore,
    model: FillModel,
    run_id: BotRunId,
    owner_id: UserId | None,
    progress: Progress,
) -> ParityReport:
    """Compare a run with a backtest over its stored bars, and as many more as fill its orders."""
    with reading.connect() as connection:
        story = run_story(LogReader(connection), codec, run_id, owner_id)
    started, decisions = story.started, story.decisions
    if not decisions:
        return parity(story, (), model, StrategyRegistry.create, progress)
    last = decisions[-1].at + 2 * started.timeframe.duration
    filled = [fill.at for order in story.orders.values() for fill in order.fills]
    seen = store.bars(
        started.symbol,
        started.timeframe,
        started.first_bar_at or decisions[0].bar_at,
        max([last, *(at + started.timeframe.duration for at in filled)]),
    )
    return parity(story, seen, model, StrategyRegistry.create, progress)


def _markets(venue: str, bars: BarStore, heard: Markets | None = None) -> Markets:
    """Return what the gate knows of markets: bars on paper, else what the venue was heard say."""
    if venue == PaperVenue.name:
        return PaperMarkets(bars.latest)
    return heard or UnknownMarkets()


def _limiters(settings: Settings, closing: ExitStack) -> Mapping[LimitGroup, RateLimiter]:
    """Return the limiters of the API; that of most requests becomes the one of the process."""
    made = edge_limiters(settings.limits, settings.redis)
    for each in made.values():
        closing.callback(each.close)
    api = made[LimitGroup.API]
    set_rate_limiter(api)
    closing.callback(_unset_rate_limiter, api)
    return made


def _unset_rate_limiter(limiter: RateLimiter) -> None:
    if get_rate_limiter() is limiter:
        set_rate_limiter(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Floor:
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
def _trading(floor: _Floor) -> Iterator[None]:
    """Send what is approved to the venue of the settings, and keep the bots."""
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


_GUARD = Origin(actor=Actor("system", "risk", "gate"))


def _halt_at_first(writer: CommandExecutor, risk: RiskReading) -> None:
    """Have live trading begin halted: the first to send an order is a person who let it."""
    if risk.control(SYSTEM.key) is None:
        first = HaltTrading(scope=SYSTEM, cause="FIRST_START", reason="live for the first time")
        writer.run(first, _GUARD)


@contextmanager
def _halting(
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


def _sealing(settings: Settings, writing: Engine, reading: Engine, clock: Clock) -> LogSealing:
    audit = settings.audit
    origin = settings.log_origin
    sealer = Sealer(
        writing,
        _signer(settings),
        origin,
        AnchorFile(settings.anchor_path),
        clock,
    )
    pace = Pace(
        seal_seconds=audit.seal_milliseconds / 1000,
        checkpoint_seconds=audit.checkpoint_milliseconds / 1000,
        anchor_seconds=audit.anchor_seconds,
    )
    return LogSealing(sealer, reading, clock, pace)


def _bundles(settings: Settings, reading: Engine, codec: EventCodec) -> LogBundles:
    anchors = AnchorFile(settings.anchor_path)
    return LogBundles(reading, codec, _signer(settings).vkey, anchors)


def _trust(settings: Settings) -> Trust:
    """Return what vouches for the log here. Without a key, `verify` warns and compares roots."""
    try:
        key = _signer(settings).vkey
    except ConfigurationError:
        key = None
    return Trust(
        origin=settings.log_origin,
        key=key,
        former_keys=settings.audit.former_keys,
        anchors=settings.anchor_path,
    )


def _snapshot_key(settings: Settings) -> bytes | None:
    try:
        return hmac.digest(settings.sealing_seed(), b"traderbot snapshots", "sha256")
    except ConfigurationError:
        return None


def _signer(settings: Settings) -> Signer:
    return Signer(settings.log_origin, settings.sealing_seed())


def _tokens(settings: Settings) -> TokenCodec:
    key = settings.signing_key()
    kid = key_id(key)
    return JoseTokenCodec(
        keys={kid: key},
        signing_kid=kid,
        issuer=settings.auth.issuer,
        audience=settings.auth.audience,
        lifetime=timedelta(seconds=settings.auth.access_token_seconds),
    )


def _key_safe(settings: Settings, reading: Engine, writing: Engine) -> KeySafe:
    return KeySafe(AesGcmSecretBox(settings.encryption_keys()), SqlSealedKeys(reading, writing))


def _origin(by: str) -> Origin:
    kind = "operator" if by == "library" else "user"
    return Origin(actor=Actor(kind, by, "library"))
