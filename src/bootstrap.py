"""Builds the adapters, gives them to the use cases, opens the doors. Knows every room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine

from traderbot.application.application import Application
from traderbot.application.bots.parity import parity
from traderbot.application.bots.parity_report import ParityReport, Progress
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.place_order import PlaceOrder
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.application.errors import NotFoundError
from traderbot.application.gate import Gate
from traderbot.application.paper_desk import WritingPaperDesk
from traderbot.application.paper_markets import PaperMarkets
from traderbot.application.password_policy import check_password_policy
from traderbot.application.ports.backtests import Backtests
from traderbot.application.ports.clock import Clock, IdSource
from traderbot.application.ports.commands import Command, Origin, R
from traderbot.application.ports.event_bus import HandlerKind
from traderbot.application.ports.market_data import BarStore
from traderbot.application.ports.markets import Markets, UnknownMarkets
from traderbot.application.ports.rate_limiter import LimitGroup, RateLimiter
from traderbot.application.ports.recorded import Actor
from traderbot.application.reactions.stop_trading import Stopping, StopTrading
from traderbot.application.trading.venue_markets import VenueMarkets
from traderbot.application.use_cases import UseCases
from traderbot.application.views import OrderView, PortfolioView, UserView
from traderbot.assembly.halting import halt_at_first, halting
from traderbot.assembly.keys import (
    key_safe,
    log_bundles,
    log_sealing,
    log_signer,
    log_trust,
    snapshot_key,
    token_codec,
)
from traderbot.assembly.limits import costs_of, limits_of
from traderbot.assembly.trading import Floor, trading
from traderbot.domain.orders.ticket import OrderKind, Side, Ticket
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, Price, Quantity, symbol
from traderbot.domain.simulation.fill_model import FillModel
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.domain.users.email import email_address
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.run_story import run_story
from traderbot.infrastructure.bots.chosen_books import ChosenBooks
from traderbot.infrastructure.bots.holders import SqlBotHolders
from traderbot.infrastructure.brokers.configured import market_source_of, venue_name
from traderbot.infrastructure.brokers.paper_books import SqlPaperBooks
from traderbot.infrastructure.brokers.paper_venue import Costs, PaperVenue
from traderbot.infrastructure.event_bus import EventBus
from traderbot.infrastructure.event_handlers import create_event_handlers
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader
from traderbot.infrastructure.following.operators import SqlSubscriptions
from traderbot.infrastructure.following.runner import SubscriptionRunner
from traderbot.infrastructure.halt_latch import FILE_NAME, FileLatch
from traderbot.infrastructure.market_data.configured_store import bar_store
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.event_pages import SqlEventPages
from traderbot.infrastructure.persistence.health import database_check
from traderbot.infrastructure.persistence.migrate import upgrade
from traderbot.infrastructure.persistence.risk_reading import SqlRiskReading
from traderbot.infrastructure.persistence.storages import open_storage
from traderbot.infrastructure.persistence.views import SqlViews
from traderbot.infrastructure.persistence.writer import Writer
from traderbot.infrastructure.rate_limiter.edge_limiters import edge_limiters
from traderbot.infrastructure.rate_limiter.shared_limiter import (
    get_rate_limiter,
    set_rate_limiter,
)
from traderbot.infrastructure.sealing.health import sealing_check
from traderbot.infrastructure.sealing.nudging import NudgingSink
from traderbot.infrastructure.sealing.stored_checkpoints import StoredCheckpoints
from traderbot.infrastructure.security.passwords import PasslibPasswordHasher
from traderbot.infrastructure.settings import Settings, load_settings
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
        floor = Floor(
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
            halt_at_first(writer, risk)
        sealing = cache(lambda: log_sealing(settings.of_database(url), writing, reading, clock))
        handlers = create_event_handlers(settings.of_database(url), clock=clock, codec=codec)
        enabled = [it for it in handlers if it.enabled]

        @contextmanager
        def background() -> Iterator[None]:
            runner = SubscriptionRunner(url, enabled, codec)
            with (
                halting(latch, writer, risk, bus),
                runner,
                sealing().running(runner.nudge) as loop,
                sink.nudging(loop.nudge),
                trading(floor),
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
                trust=lambda: log_trust(settings.of_database(url)),
                snapshot_key=lambda: snapshot_key(settings.of_database(url)),
            ),
            event_pages=SqlEventPages(reading),
            checkpoints=StoredCheckpoints(
                reading, lambda: log_signer(settings.of_database(url)).vkey
            ),
            venue=venue,
            clock=clock,
            ids=ids,
            passwords=PasslibPasswordHasher(),
            tokens=lambda: token_codec(settings),
            key_safe=cache(lambda: key_safe(settings, reading, writing)),
            sealing=sealing,
            bundles=lambda: log_bundles(settings.of_database(url), reading, codec),
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


def _origin(by: str) -> Origin:
    kind = "operator" if by == "library" else "user"
    return Origin(actor=Actor(kind, by, "library"))
