"""The program's main job on real bars, end to end: what `traderbot demo` runs and prints.

Two RSI_CROSS bots trade twelve years of daily IBM and GOOG bars on the paper venue. Time and ids
are repeatable, so the log of every run, on every machine and database, has the same root.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from heapq import merge
from pathlib import Path
from typing import Any

from traderbot.application.application import Application
from traderbot.application.bar_import import import_bars
from traderbot.application.bot_runner import BotRunner
from traderbot.application.commands.bots import StartBot, StopBot
from traderbot.application.commands.portfolios import OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.application.ports.audit import OrderExplanation, VerifyReport
from traderbot.application.ports.bundle import ExportReport
from traderbot.application.ports.commands import Origin
from traderbot.application.ports.recorded import Actor
from traderbot.application.views import BotRunView, DecisionView, PortfolioView, TradeView
from traderbot.bootstrap import Traderbot
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.risk.limits import Limits
from traderbot.domain.shared.decimals import EXACT, ZERO, add, multiply, plain, subtract
from traderbot.domain.shared.ids import BotRunId, OrderId, PortfolioId, UserId
from traderbot.domain.shared.values import Money, symbol
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.brokers.paper_venue import Costs
from traderbot.infrastructure.market_data.sample_bars import sample_bars
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds
from traderbot.infrastructure.settings import Settings, load_settings

SYMBOLS = ("GOOG", "IBM")
CASH = Money("100000", "USD")
STRATEGY = "RSI_CROSS"
_SHOWN = 12
_ORIGIN = Origin(actor=Actor("operator", "demo", "cli"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What the demo did, in figures that the log can be asked for again."""

    bars: int
    decisions: int
    signals: Mapping[str, int]
    blocked: Mapping[str, int]
    trades: Sequence[TradeView]
    portfolio: PortfolioView
    realised: str
    fees: str
    unrealised: str
    equity: str
    explained: OrderExplanation
    verified: VerifyReport
    differences: int
    bundle: ExportReport | None  # the log as others can check it, if a folder was named for it

    @property
    def ok(self) -> bool:
        """Whether the log is intact and the tables agree with it."""
        return not self.verified.findings and not self.differences

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {**asdict(self), "ok": self.ok}


def run_demo(
    database: str,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    bundle: Path | None = None,
) -> DemoReport:
    """Run the demo in an empty database and return what happened.

    With a folder named for the `bundle`, the log is sealed at the end and written there.

    Raises:
        DatabaseUnavailableError: the database cannot be opened.
        ConfigurationError: the settings of the environment cannot be right.
        InvalidValueError: there is something in the folder already.
    """
    series = {code: sample_bars(code) for code in SYMBOLS}
    clock = ReplayClock(min(bars[0].at for bars in series.values()))
    with Traderbot.open(
        _settings(database),
        limits=Limits(),
        costs=Costs(),
        clock=clock,
        ids=SeededIds("traderbot demo", clock),
    ) as bot:
        application = bot.application
        for code, bars in series.items():
            import_bars(
                bars,
                f"sample:{code}",
                store=application.bars,
                executor=application.executor,
                origin=_ORIGIN,
            )
        portfolio_id, runs = _begin(application)
        decisions = _trade(application, runs, series, clock, on_progress or _silent)
        exported = None
        if bundle is not None:
            application.sealing().seal()
            exported = application.bundles().export(bundle)
        return _report(application, portfolio_id, series, decisions, exported)


def report_lines(report: DemoReport) -> Iterator[str]:
    """Yield the report as a person reads it."""
    trades = report.trades
    yield (
        f"{STRATEGY} on {report.bars:,} daily bars of {' and '.join(SYMBOLS)}: "
        f"{report.decisions:,} decisions, {len(trades)} trades"
    )
    yield ""
    yield "  date        side  quantity  symbol      price      realised"
    for trade in trades[:_SHOWN]:
        yield (
            f"  {trade.at:%Y-%m-%d}  {trade.side:<4}  {trade.quantity:>8}  {trade.symbol:<6}"
            f"  {_money(trade.price):>9}  {_profit(trade):>12}"
        )
    if len(trades) > _SHOWN:
        yield f"  ... and {len(trades) - _SHOWN} more"
    yield ""
    yield (
        f"profit    {_money(report.realised)} USD realised, {_money(report.fees)} in fees, "
        f"{_money(report.unrealised)} open; equity {_money(report.equity)} from {CASH}"
    )
    blocked = ", ".join(f"{count} {code}" for code, count in sorted(report.blocked.items()))
    yield f"silence   every bar without an order says why: {blocked}"
    yield from _explained(report.explained)
    verified = report.verified
    state = "audit verified" if report.ok else "AUDIT FOUND SOMETHING"
    yield (
        f"audit     {state}: {verified.events:,} events in {verified.streams} streams, "
        f"{verified.state_rows:,} rows agree with them"
    )
    yield f"root      {verified.root}"
    if report.bundle is not None:
        # Nothing here may name the key: everybody has one of their own.
        folder = Path(report.bundle.folder).as_posix()
        yield f"bundle    {folder}: the signed log, for anybody to check without this program"
        yield f"  python {folder}/verify.py {folder}"


def _settings(database: str) -> Settings:
    """Return the settings, but for the name and anchors of the log that they are about.

    The demo's log is another one: published under that name it would look like a forgery of it.
    """
    settings = load_settings().of_database(database)
    own = settings.audit.model_copy(update={"origin": None, "anchor_path": None})
    return settings.model_copy(update={"audit": own})


def _begin(application: Application) -> tuple[PortfolioId, dict[str, BotRunView]]:
    run = application.executor.run
    # Nobody will log in with it; the demo acts as the operator of this machine.
    password_hash = application.passwords.hash(secrets.token_urlsafe(24))
    user = run(RegisterUser(email="demo@example.com", password_hash=password_hash), _ORIGIN)
    owner = UserId(user.user_id)
    portfolio = run(OpenPortfolio(owner_id=owner, name="demo", cash=CASH), _ORIGIN)
    portfolio_id = PortfolioId(portfolio.portfolio_id)
    strategy = StrategyRegistry.create(STRATEGY)
    runs = {
        code: run(
            StartBot(
                owner_id=owner,
                portfolio_id=portfolio_id,
                strategy=STRATEGY,
                parameters=strategy.parameters(),
                symbol=symbol(code),
                timeframe=Timeframe.D1,
                allocation=Decimal("0.1"),
            ),
            _ORIGIN,
        )
        for code in SYMBOLS
    }
    return portfolio_id, runs


def _trade(
    application: Application,
    runs: Mapping[str, BotRunView],
    series: Mapping[str, Sequence[Bar]],
    clock: ReplayClock,
    on_progress: Callable[[int, int], None],
) -> list[DecisionView]:
    """Feed the bars of all symbols in the order of time, each to its own bot."""
    runners = {
        code: BotRunner(
            run,
            StrategyRegistry.create(run.strategy, run.parameters),
            application.executor,
            application.venue,
            application.views,
        )
        for code, run in runs.items()
    }
    total = sum(len(bars) for bars in series.values())
    decisions = []
    for bar in merge(*series.values(), key=lambda it: (it.at, it.symbol.code)):
        clock.move_to(bar.closes_at)
        decisions.append(runners[bar.symbol.code].on_bar(bar))
        on_progress(len(decisions), total)
    for run in runs.values():
        stop = StopBot(
            owner_id=UserId(run.owner_id),
            bot_run_id=BotRunId(run.bot_run_id),
            reason="the last bar was reached",
        )
        application.executor.run(stop, _ORIGIN)
    return decisions


def _report(
    application: Application,
    portfolio_id: PortfolioId,
    series: Mapping[str, Sequence[Bar]],
    decisions: Sequence[DecisionView],
    bundle: ExportReport | None,
) -> DemoReport:
    portfolio = application.views.portfolio(None, portfolio_id)
    assert portfolio is not None  # noqa: S101 - the demo has just opened it
    trades = sorted(_all_trades(application, portfolio_id), key=lambda it: (it.at, it.symbol))
    realised = fees = unrealised = held = cash = ZERO
    for position in portfolio.positions:
        close = series[position.symbol][-1].close.value
        worth = multiply(Decimal(position.quantity), close)
        held = add(held, worth)
        unrealised = add(unrealised, subtract(worth, Decimal(position.cost)))
        realised = add(realised, Decimal(position.realised))
        fees = add(fees, Decimal(position.fees))
    for balance in portfolio.balances:
        cash = add(cash, Decimal(balance.total))
    sold = next(trade for trade in trades if trade.side == "sell")
    return DemoReport(
        bars=len(decisions),
        decisions=len(decisions),
        signals=Counter(decision.signal for decision in decisions),
        blocked=Counter(it.blocking_code for it in decisions if it.blocking_code),
        trades=trades,
        portfolio=portfolio,
        realised=plain(realised),
        fees=plain(fees),
        unrealised=plain(unrealised),
        equity=plain(add(cash, held)),
        explained=application.audit.explain(OrderId(sold.order_id)),
        verified=application.audit.verify(),
        differences=len(application.audit.diff().differences),
        bundle=bundle,
    )


def _all_trades(application: Application, portfolio_id: PortfolioId) -> Iterator[TradeView]:
    cursor: str | None = None
    while True:
        page = application.views.trades(None, portfolio_id, limit=200, cursor=cursor)
        yield from page.items
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def _explained(explained: OrderExplanation) -> Iterator[str]:
    order, decision = explained.order, explained.decision or {}
    yield f"why       order {order.order_id}"
    yield f"  {decision.get('bar_at', '')!s:.10}  {decision.get('reason', '')}"
    rules = ", ".join(f"{name}: {held}" for name, held in decision.get("rules", {}).items())
    yield f"              rules {rules}"
    for event in explained.events:
        changes = ", ".join(f"{name} {value}" for name, value in event.changes.items())
        yield f"  {event.occurred_at:%Y-%m-%d}  {event.type:<28} {changes}".rstrip()


def _money(text: str) -> str:
    return f"{Decimal(text).quantize(Decimal('0.01'), context=EXACT):,}"


def _profit(trade: TradeView) -> str:
    return _money(trade.realised) if trade.side == "sell" else ""


def _silent(_done: int, _total: int) -> None:
    """Show nothing."""
