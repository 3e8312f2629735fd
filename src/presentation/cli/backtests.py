"""`traderbot backtest …`: a strategy on bars of the past, with exact money."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import instant_of
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

if TYPE_CHECKING:
    from datetime import datetime

    from traderbot.domain.market.bars import Bar

verbs = Verbs()

TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
AtEndName = Literal["mark", "close"]
OnGapName = Literal["flag", "refuse"]
LimitsName = Literal["none", "paper"]
_SHOWN = 12
_FIGURES = ("total_return", "annual_return", "max_drawdown", "sharpe", "sortino", "profit_factor")


@verbs.verb("run", example="traderbot backtest run RSI_CROSS --bars IBM --quantity 10 --out report")
def run(
    session: Session,
    strategy: Annotated[str, Argument("NAME|FILE", "A strategy, or the .py file of one.")],
    *,
    parameter: Annotated[
        list[str] | None,
        Option("A parameter of the strategy; say it once for each.", "NAME=VALUE", name="--set"),
    ] = None,
    bars: Annotated[
        list[str] | None,
        Option(
            "What it trades on: a sample, IBM by default, or a .csv file; several share the cash.",
            "SAMPLE|FILE",
        ),
    ] = None,
    stored: Annotated[
        list[str] | None,
        Option("Instead: bars of the database, such as BTC/USDT; may be repeated.", "SYMBOL"),
    ] = None,
    symbol: Annotated[str, Option("Whose bars the file has.", "SYMBOL")] = "TEST",
    timeframe: Annotated[
        TimeframeName,
        Option(f"How long a bar lasts: {', '.join(get_args(TimeframeName))}.", "T"),
    ] = "1d",
    since: Annotated[str | None, Option("Only bars from that day or instant on.", "TIME")] = None,
    until: Annotated[str | None, Option("Only bars before it.", "TIME")] = None,
    cash: Annotated[
        str, Option("What it begins with; several currencies with commas.", "AMOUNT")
    ] = "100000 USD",
    quantity: Annotated[str | None, Option("How many units an entry takes.", "N")] = None,
    share: Annotated[
        str | None, Option("Instead: which share of the equity it takes; 0.1.", "FRACTION")
    ] = None,
    risk: Annotated[
        str | None,
        Option("Instead: which share of the equity its stop may cost; needs --stop-loss.", "F"),
    ] = None,
    stop_loss: Annotated[
        str | None, Option("A stop so far from each entry, as a share of its price.", "FRACTION")
    ] = None,
    take_profit: Annotated[
        str | None, Option("A limit order so far from each entry.", "FRACTION")
    ] = None,
    short: Annotated[bool, Option("Sell signals may open short positions.")] = False,
    borrow_bps: Annotated[
        str, Option("What a short position costs a year, in hundredths of a percent.", "BPS")
    ] = "0",
    fee_bps: Annotated[str, Option("The fee, in hundredths of a percent.", "BPS")] = "10",
    slippage_bps: Annotated[
        str, Option("How much worse an order trades, in hundredths of a percent.", "BPS")
    ] = "5",
    spread_bps: Annotated[str, Option("The whole spread around a bar's prices.", "BPS")] = "0",
    participation: Annotated[
        str | None, Option("The most of a bar's volume that orders get.", "FRACTION")
    ] = None,
    limits: Annotated[
        LimitsName, Option("The limits of the gate: none but the cash, or paper.", "none|paper")
    ] = "none",
    at_end: Annotated[
        AtEndName, Option("What is open at the end is marked, or closed before.", "mark|close")
    ] = "mark",
    on_gap: Annotated[
        OnGapName, Option("Holes in the bars are told, or refused.", "flag|refuse")
    ] = "flag",
    out: Annotated[Path | None, Option("A folder for the report.", "DIR")] = None,
    log: Annotated[
        Path | None, Option("A new database for the log; traderbot audit reads it.", "FILE")
    ] = None,
    strategies: Annotated[
        Path | None,
        Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
    ] = None,
    database: Database = None,
) -> int:
    """Run a strategy on bars of the past, by the same commands as a bot: exact to the last digit.

    What is decided on a bar trades at the open of the next. The same strategy, parameters, bars and
    terms have the same run id, and give the same bytes. The exit code is 1 if a strategy was
    stopped, or the run ended before its last bar.
    """
    named = {
        "quantity": quantity,
        "share": share,
        "risk": risk,
        "stop_loss": stop_loss,
        "take_profit": take_profit,
        "participation": participation,
    }
    terms = {name: text for name, text in named.items() if text is not None}
    terms |= {
        "cash": cash,
        "fee_bps": fee_bps,
        "slippage_bps": slippage_bps,
        "spread_bps": spread_bps,
        "borrow_bps": borrow_bps,
        "limits": limits,
        "at_end": at_end,
        "on_gap": on_gap,
        "short": "yes" if short else "no",
    }
    session.doors.load_strategies(strategies)
    if strategy.endswith(".py"):
        strategy = _only_one_in(session, strategy)
    if stored or database is not None:
        if bars:
            raise UsageError("--bars brings its own bars: leave out --stored and --database")
        series = _stored(session, database, stored or ["IBM"], timeframe)
    else:
        series = [_bars(session, each, symbol, timeframe) for each in bars or ["IBM"]]
    series = [_between(each, since, until) for each in series]
    with session.progress("playing bars") as on_progress:
        found = session.doors.backtests().run(
            strategy,
            series,
            parameters=_parameters(parameter or []),
            terms=terms,
            out=out,
            log=log,
            progress=on_progress,
        )
    session.answer(found, *_told(found))
    return ExitCode.NO if found["ended"] or found["stopped"] else ExitCode.DONE


@verbs.verb("list", example="traderbot backtest list")
def list_(session: Session) -> None:
    """List the backtests that were run here."""
    items = session.doors.backtests().list()
    rows = [
        (
            each["run_id"][:12],
            ", ".join(_traders(each)),
            f"{each['bars']:,}",
            f"{each['trade_count']:,}",
            each["equity"],
            each["profit"],
        )
        for each in items
    ]
    headings = ("run", "what", "bars>", "trades>", "equity>", "profit>")
    empty = "no backtests; run one with: traderbot backtest run"
    session.answer({"items": items}, Table(headings, rows, empty=empty))


@verbs.verb("show", example="traderbot backtest show 647785b37004")
def show(
    session: Session,
    run_id: Annotated[str, Argument("RUN", "Its run id, or the beginning of it.")],
) -> None:
    """Show a backtest that was run here: its figures and its trades."""
    found = session.doors.backtests().show(run_id)
    session.answer(found, *_told(found))


def _only_one_in(session: Session, file: str) -> str:
    """Return the name of the strategy that a file brings."""
    from traderbot.domain.strategies.registry import StrategyRegistry

    if not Path(file).exists():
        raise UsageError(f"there is no {file}; write one with: traderbot strategy new NAME")
    before = set(StrategyRegistry.list_all())
    session.doors.load_strategies(Path(file))
    brought = sorted(set(StrategyRegistry.list_all()) - before)
    if len(brought) != 1:
        named = ", ".join(brought) or "none that is new"
        raise UsageError(f"{file} brings {named}: name one, and its folder with --strategies")
    return brought[0]


def _parameters(given: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise UsageError(f"--set takes NAME=VALUE, not {each!r:.60}")
        if name in found:
            raise UsageError(f"--set names {name!r:.60} twice")
        found[name] = text
    return found


def _bars(session: Session, given: str, symbol: str, timeframe: TimeframeName) -> Sequence[Bar]:
    if not given.endswith((".csv", ".csv.gz", ".parquet")):
        return session.doors.sample_bars(given)
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of

    path = Path(given)
    if not path.exists():
        raise UsageError(f"there is no file {given}")
    with session.progress(f"reading {path.name}") as on_progress:
        return session.doors.read_bars(path, symbol_of(symbol), Timeframe(timeframe), on_progress)


def _stored(
    session: Session, database: str | None, codes: Sequence[str], timeframe: TimeframeName
) -> list[Sequence[Bar]]:
    from traderbot.application.errors import NotFoundError
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of

    found: list[Sequence[Bar]] = []
    with session.doors.application(database) as application:
        for code in codes:
            bars = application.bars.bars(symbol_of(code), Timeframe(timeframe))
            if not bars:
                raise NotFoundError("series of bars", f"{code} {timeframe}")
            found.append(bars)
    return found


def _between(bars: Sequence[Bar], since: str | None, until: str | None) -> Sequence[Bar]:
    first = None if since is None else _instant("--since", since)
    end = None if until is None else _instant("--until", until)
    return [
        bar for bar in bars if (first is None or bar.at >= first) and (end is None or bar.at < end)
    ]


def _instant(option: str, text: str) -> datetime:
    """Return the instant of a day, or of a time in any zone."""
    at = instant_of(text if "T" in text else f"{text}T00:00:00Z")
    if at is None:
        raise UsageError(f"{option} takes a day or an instant with a zone, not {text!r:.60}")
    return at


def _traders(found: Mapping[str, Any]) -> list[str]:
    return [f"{it['strategy']} on {it['symbol']} {it['timeframe']}" for it in found["traders"]]


def _told(found: Mapping[str, Any]) -> list[Part]:
    facts = [
        ("run", found["run_id"]),
        ("what", ", ".join(_traders(found))),
        ("bars", f"{found['bars']:,}, from {found['first'][:10]} to {found['last'][:10]}"),
        ("fills", found["model"]),
        ("equity", f"{found['equity']}, profit {found['profit']}"),
        ("trades", f"{found['trade_count']:,} closed, {found['won']:,} won; fees {found['fees']}"),
    ]
    if found["open"]:
        held = ", ".join(f"{units} {code}" for code, units in found["open"].items())
        facts.append(("still open", held))
    statistics = found["statistics"]
    known = [
        f"{name.replace('_', ' ')} {statistics[name]:.4g}"
        for name in _FIGURES
        if statistics.get(name) is not None
    ]
    if known:
        facts.append(("figures", ", ".join(known)))
    if found["blocked"]:
        blocked = ", ".join(f"{count} {code}" for code, count in found["blocked"].items())
        facts.append(("signals without an order", blocked))
    if found["holes"]:
        facts.append(("holes in the bars", str(found["holes"])))
    parts: list[Part] = [Facts(facts)]
    rows = [
        (
            it["entry_at"][:16].replace("T", " "),
            it["exit_at"][:16].replace("T", " "),
            "long" if it["side"] == "buy" else "short",
            it["quantity"],
            it["symbol"],
            it["entry_price"],
            it["exit_price"],
            it["profit"],
        )
        for it in found["trades"][:_SHOWN]
    ]
    if rows:
        headings = ("in", "out", "side", "quantity>", "symbol", "at>", "at>", "profit>")
        parts += ["", Table(headings, rows)]
        more = found["trade_count"] - len(rows)
        if more > 0:
            parts.append(f"and {more:,} more")
    parts += [
        f"stopped: {it['strategy']} on {it['symbol']}: {it['reason']}" for it in found["stopped"]
    ]
    if found["ended"]:
        parts.append(f"the run ended before its last bar: {found['ended']}")
    parts += [f"wrote {each}" for each in found.get("files", [])]
    return parts
