"""`traderbot bot …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import instant_of, moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import About, Cursor, Database, Key, Limit, User, Verbs

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from traderbot.application.application import Application
    from traderbot.application.bots.replay import Replay
    from traderbot.application.views import BotRunView
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.ids import BotRunId, UserId
    from traderbot.domain.shared.values import Symbol

verbs = Verbs()

TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
FeedName = Literal["live", "replay"]
BotArgument = Annotated[str, Argument("BOT", "The bot run's id.")]
Folder = Annotated[
    Path | None,
    Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
]
_ID = "0192f0c1-7a3e-7b52-8c11-2f3d4e5a6b7c"


@verbs.verb("start", example="traderbot bot start RSI_CROSS IBM --timeframe 1d --feed replay")
def start(
    session: Session,
    strategy: Annotated[str, Argument("STRATEGY", "Which one; see: traderbot strategy list.")],
    symbol: Annotated[str, Argument("SYMBOL", "What to trade, such as IBM or BTC/USDT.")],
    *,
    timeframe: Annotated[
        TimeframeName,
        Option(f"The bars it decides on: {', '.join(get_args(TimeframeName))}.", "TF"),
    ] = "1h",
    allocation: Annotated[
        str, Option("The share of equity one order may use, above 0 and at most 1.", "SHARE")
    ] = "0.1",
    parameter: Annotated[
        list[str] | None,
        Option("A parameter of the strategy; say it once for each.", "NAME=VALUE", name="--set"),
    ] = None,
    feed: Annotated[
        FeedName,
        Option("live: bars that close from now on, in serve and worker; replay: stored ones, now."),
    ] = "live",
    since: Annotated[
        str | None, Option("Of a replay: the first instant, such as 2020-01-01T00:00Z.", "TIME")
    ] = None,
    speed: Annotated[str, Option("Of a replay: bars in a second, or max.", "max|NUMBER")] = "max",
    strategies: Folder = None,
    portfolio: Annotated[str | None, Option("By default the user's only portfolio.", "ID")] = None,
    key: Key = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Let a strategy trade one symbol for a portfolio.

    A live bot is run by `traderbot serve` and `traderbot worker`. A replay is run here, on paper,
    until the stored bars end; its portfolio is its own meanwhile.
    """
    from traderbot.application.bots.starting import live_bot, replayed_bot
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import acting_portfolio, acting_user, origin

    traded, bars, share = symbol_of(symbol), Timeframe(timeframe), _share(allocation)
    chosen, pause = _chosen(parameter or []), _pause(speed)
    session.doors.load_strategies(strategies)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        about = (owner, acting_portfolio(application, owner, portfolio), strategy, chosen)
        who = origin(owner, "StartBot", key)
        if feed == "live":
            wish = live_bot(*about, symbol=traded, timeframe=bars, allocation=share)
            run = application.executor.run(wish, who)
        else:
            replay = _replay(application)
            replay.ensure_free(about[1])
            first = _first(application, traded, bars, since)
            wish = replayed_bot(
                *about, symbol=traded, timeframe=bars, allocation=share, first_bar_at=first
            )
            run = _replayed(
                session, application, replay, application.executor.run(wish, who), pause
            )
    session.answer(run, *_parts(run))


@verbs.verb("replay", example=f"traderbot bot replay {_ID}")
def replay_(
    session: Session,
    bot: BotArgument,
    *,
    speed: Annotated[str, Option("Bars in a second, or max.", "max|NUMBER")] = "max",
    strategies: Folder = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Go on with a replay that was interrupted; what it decided it does not decide again."""
    from traderbot.application.bots.keeper import REPLAY
    from traderbot.domain.bots.errors import BotStoppedError
    from traderbot.presentation.cli.acting import acting_user

    pause = _pause(speed)
    session.doors.load_strategies(strategies)
    with session.doors.application(database) as application:
        run = _owned(application, acting_user(application, user), bot)
        if run.feed != REPLAY:
            raise UsageError(f"bot run {run.bot_run_id} is no replay; serve and worker run it")
        if run.status == "stopped":
            raise BotStoppedError(f"bot run {run.bot_run_id} is stopped: {run.reason}")
        run = _replayed(session, application, _replay(application), run, pause)
    session.answer(run, *_parts(run))


@verbs.verb("stop", example=f"traderbot bot stop {_ID} --reason 'end of the quarter'")
def stop(
    session: Session,
    bot: BotArgument,
    *,
    reason: Annotated[str, Option("Kept in the log.", "TEXT")] = "asked by the owner",
    user: User = None,
    database: Database = None,
) -> None:
    """End a run for good. What it holds stays; its open orders stay. Asking twice is harmless."""
    from traderbot.application.commands.bots import StopBot
    from traderbot.presentation.cli.acting import acting_user, origin

    id_ = _id(bot)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        command = StopBot(owner_id=owner, bot_run_id=id_, reason=_reason(reason))
        run = application.executor.run(command, origin(owner))
    session.answer(run, *_parts(run))


@verbs.verb("pause", example=f"traderbot bot pause {_ID} --reason 'news at noon'")
def pause_(
    session: Session,
    bot: BotArgument,
    *,
    reason: Annotated[str, Option("Kept in the log.", "TEXT")] = "asked by the owner",
    user: User = None,
    database: Database = None,
) -> None:
    """Let a bot go on looking, and place no order until it is resumed."""
    from traderbot.application.commands.bots import PauseBot
    from traderbot.presentation.cli.acting import acting_user, origin

    id_ = _id(bot)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        command = PauseBot(owner_id=owner, bot_run_id=id_, reason=_reason(reason))
        run = application.executor.run(command, origin(owner))
    session.answer(run, *_parts(run))


@verbs.verb("resume", example=f"traderbot bot resume {_ID} --reason 'the news is out'")
def resume(
    session: Session,
    bot: BotArgument,
    *,
    reason: Annotated[str, Option("Kept in the log.", "TEXT")] = "asked by the owner",
    user: User = None,
    database: Database = None,
) -> None:
    """Let a paused bot place orders again, from the next bar on."""
    from traderbot.application.commands.bots import ResumeBot
    from traderbot.presentation.cli.acting import acting_user, origin

    id_ = _id(bot)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        command = ResumeBot(owner_id=owner, bot_run_id=id_, reason=_reason(reason))
        run = application.executor.run(command, origin(owner))
    session.answer(run, *_parts(run))


@verbs.verb("change", example=f"traderbot bot change {_ID} --set rsi_period=21")
def change(
    session: Session,
    bot: BotArgument,
    *,
    parameter: Annotated[
        list[str],
        Option("A parameter of the strategy; say it once for each.", "NAME=VALUE", name="--set"),
    ],
    reason: Annotated[str, Option("Kept in the log.", "TEXT")] = "asked by the owner",
    strategies: Folder = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Give a bot's strategy other parameters from the next bar on; the others stay as they are."""
    from traderbot.application.commands.bots import ChangeBotParameters
    from traderbot.domain.shared.ids import BotRunId
    from traderbot.domain.strategies.registry import StrategyRegistry
    from traderbot.presentation.cli.acting import acting_user, origin

    chosen = _chosen(parameter)
    session.doors.load_strategies(strategies)
    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        run = _owned(application, owner, bot)
        made = StrategyRegistry.create(run.strategy, {**run.parameters, **chosen})
        command = ChangeBotParameters(
            owner_id=owner,
            bot_run_id=BotRunId(run.bot_run_id),
            parameters=made.parameters(),
            reason=_reason(reason),
        )
        run = application.executor.run(command, origin(owner))
    session.answer(run, *_parts(run))


@verbs.verb("status", example=f"traderbot bot status {_ID}")
def status(
    session: Session, bot: BotArgument, *, user: About = None, database: Database = None
) -> None:
    """Show one run: whether it goes on, who runs it, and what it decided last."""
    from traderbot.presentation.cli.acting import asked_user

    with session.doors.application(database) as application:
        run = _owned(application, asked_user(application, user), bot)
    session.answer(run, *_parts(run))


@verbs.verb("list", example="traderbot bot list --user ada@example.com")
def list_(
    session: Session,
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
    user: About = None,
    database: Database = None,
) -> None:
    """List runs, newest first. Those of all users, unless one is named."""
    from traderbot.presentation.cli.acting import asked_user

    with session.doors.application(database) as application:
        owner = asked_user(application, user)
        page = application.views.bot_runs(owner, limit=limit, cursor=cursor)
    headings = ("bot", "strategy", "symbol", "bars", "status", "decided>", "last bar")
    rows = [
        (
            each.bot_run_id,
            each.strategy,
            each.symbol,
            each.timeframe,
            each.status,
            str(each.decisions),
            moment(each.last_bar_at),
        )
        for each in page.items
    ]
    session.answer(page, Table(headings, rows, empty="no bots"), *session.more(page.next_cursor))


@verbs.verb("ledger", example="traderbot bot ledger --user ada@example.com")
def ledger(
    session: Session,
    *,
    portfolio: Annotated[str | None, Option("By default the user's only portfolio.", "ID")] = None,
    user: User = None,
    database: Database = None,
) -> None:
    """Show what each bot's trades have made of a portfolio; the parts add up to the whole."""
    from traderbot.application.bots.sub_ledgers import all_trades, sub_ledgers
    from traderbot.presentation.cli.acting import acting_portfolio, acting_user

    with session.doors.application(database) as application:
        owner = acting_user(application, user)
        id_ = acting_portfolio(application, owner, portfolio)
        items = sub_ledgers(all_trades(application.views, owner, id_))
    headings = ("symbol", "bot", "trades>", "quantity>", "cash>", "realised>", "fees>")
    rows = [
        (
            each.symbol,
            each.bot_run_id or "nobody",
            str(each.trades),
            each.quantity,
            f"{each.cash} {each.currency}",
            each.realised,
            each.fees,
        )
        for each in items
    ]
    session.answer({"portfolio_id": id_, "items": items}, Table(headings, rows, empty="no trades"))


def _parts(run: BotRunView) -> list[Part]:
    facts = [
        ("bot", run.bot_run_id),
        ("trades", f"{run.symbol} {run.timeframe} with {run.strategy}"),
        ("status", run.status + (f": {run.reason}" if run.reason else "")),
        ("bars from", {"live": "the live feed", "replay": "a replay"}.get(run.feed, "its starter")),
        ("decisions", str(run.decisions)),
        ("last bar", moment(run.last_bar_at) or "none yet"),
        ("newest order", run.order_id or "none yet"),
        ("allocation", run.allocation),
        ("portfolio", run.portfolio_id),
        ("started", moment(run.started_at)),
    ]
    if run.holder:
        facts.append(("run by", f"{run.holder} under fence {run.fence}"))
    table = Table(("parameter", "value"), list(run.parameters.items()), empty="no parameters")
    return [Facts(facts), "", table]


def _replayed(
    session: Session,
    application: Application,
    replay: Replay,
    run: BotRunView,
    pause: Callable[[], None],
) -> BotRunView:
    total = next(
        (
            it.count
            for it in application.bars.series()
            if (it.symbol.code, it.timeframe.value) == (run.symbol, run.timeframe)
        ),
        0,
    )
    with session.progress("replaying bars") as on_progress:

        def after_each(count: int) -> None:
            on_progress(count, max(total, count))
            pause()

        return replay.run(run, after_each)


def _replay(application: Application) -> Replay:
    from traderbot.application.bots.replay import Replay

    venue = application.replay_venue
    assert venue is not None  # noqa: S101 - the real program has one
    return Replay(
        executor=application.executor,
        views=application.views,
        bars=application.bars,
        venue=venue,
    )


def _first(
    application: Application, symbol: Symbol, timeframe: Timeframe, since: str | None
) -> datetime:
    """Return when a replay begins. Raises UsageError if nothing is stored to be replayed."""
    asked = None if since is None else instant_of(since)
    if since is not None and asked is None:
        raise UsageError(f"--since is an instant such as 2020-01-01T00:00Z, not {since!r:.60}")
    for each in application.bars.series():
        if (each.symbol, each.timeframe) == (symbol, timeframe):
            return each.first if asked is None else max(each.first, asked)
    raise UsageError(
        f"no bars of {symbol} {timeframe.value} are stored; bring some with: traderbot data import"
    )


def _owned(application: Application, owner: UserId | None, bot: str) -> BotRunView:
    from traderbot.application.errors import NotFoundError

    id_ = _id(bot)
    run = application.views.bot_run(owner, id_)
    if run is None:
        raise NotFoundError("bot run", id_)
    return run


def _id(bot: str) -> BotRunId:
    from traderbot.domain.shared.ids import BotRunId, uuid_text

    return BotRunId(uuid_text(bot.lower()))


def _share(text: str) -> Decimal:
    from decimal import Decimal, InvalidOperation

    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal(0)
    if not (share.is_finite() and 0 < share <= 1):
        raise UsageError(f"--allocation is a share above 0 and at most 1, not {text!r:.60}")
    return share


def _reason(text: str) -> str:
    if not text.isprintable() or not 0 < len(text) <= 500:  # noqa: PLR2004 - as everywhere
        raise UsageError("--reason is 1 to 500 printable characters")
    return text


def _chosen(words: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--set takes NAME=VALUE, not {word!r:.60}")
        if name in found:
            raise UsageError(f"--set names {name!r:.60} twice")
        found[name] = value
    return found


def _pause(speed: str) -> Callable[[], None]:
    """Return what waits between two bars."""
    if speed == "max":
        return lambda: None
    try:
        seconds = 1 / float(speed)
    except (ValueError, ZeroDivisionError):
        seconds = -1.0
    if not 0 < seconds <= 3600:  # noqa: PLR2004 - an hour; NaN is no answer either
        raise UsageError(f"--speed is max or bars in a second, such as 10, not {speed!r:.60}")
    from time import sleep

    return lambda: sleep(seconds)
