"""The eager path: a bot's runner on the real program, over the bars of a backtest."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from heapq import merge
from pathlib import Path

from traderbot.application.backtesting.engine import LAST_BAR, OPERATOR
from traderbot.application.backtesting.log import SOURCE
from traderbot.application.backtesting.spec import BacktestSpec
from traderbot.application.bar_import import import_bars
from traderbot.application.bot_runner import BotRunner
from traderbot.application.commands.bots import StartBot, StopBot
from traderbot.application.commands.portfolios import Deposit, OpenPortfolio
from traderbot.application.commands.users import RegisterUser
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import BotRunId, PortfolioId, UserId
from traderbot.infrastructure.repeatable import ReplayClock, SeededIds


def run_live(spec: BacktestSpec, path: Path) -> None:
    """Let one bot for each trader decide on every bar, one commit a command."""
    clock = ReplayClock(min(tape.at[0] for tape in spec.tapes))
    ids = SeededIds(spec.run_id, clock)
    url = f"sqlite:///{path}"
    with Traderbot.open(url, limits=spec.limits, clock=clock, ids=ids, costs=spec.model) as bot:
        application = bot.application
        run = application.executor.run
        for tape in spec.tapes:
            import_bars(
                tape.bars(),
                SOURCE,
                store=application.bars,
                executor=application.executor,
                origin=OPERATOR,
            )
        user = run(RegisterUser(email="backtest@example.com", password_hash="-"), OPERATOR)
        owner = UserId(user.user_id)
        opened = OpenPortfolio(owner_id=owner, name="backtest", cash=spec.cash[0])
        portfolio_id = PortfolioId(run(opened, OPERATOR).portfolio_id)
        for money in spec.cash[1:]:
            run(Deposit(owner_id=owner, portfolio_id=portfolio_id, amount=money), OPERATOR)
        runs = [
            run(
                StartBot(
                    owner_id=owner,
                    portfolio_id=portfolio_id,
                    strategy=it.name,
                    parameters=it.strategy.parameters(),
                    symbol=it.tape.symbol,
                    timeframe=it.tape.timeframe,
                    allocation=it.allocation,
                    sizing=it.sizing,
                ),
                OPERATOR,
            )
            for it in spec.traders
        ]
        runners = [
            BotRunner(
                started, it.strategy, application.executor, application.venue, application.views
            )
            for started, it in zip(runs, spec.traders, strict=True)
        ]
        lanes = (
            [(bar.closes_at, lane, i) for i, bar in enumerate(it.tape.bars())]
            for lane, it in enumerate(spec.traders)
        )
        for closes_at, lane, i in merge(*lanes):
            clock.move_to(closes_at)
            runners[lane].on_bar(spec.traders[lane].tape.bar(i))
        for started in runs:
            stop = StopBot(owner_id=owner, bot_run_id=BotRunId(started.bot_run_id), reason=LAST_BAR)
            run(stop, OPERATOR)


def bodies(path: Path) -> Sequence[str]:
    """Return every event as it is stored, in the order of the log."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT body FROM events ORDER BY position").fetchall()
    return [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in rows]
