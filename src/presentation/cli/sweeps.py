"""`traderbot sweep …`: many sets of parameters over the same bars."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from traderbot.domain.shared.decimals import plain
from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

if TYPE_CHECKING:
    from traderbot.domain.market.bars import Bar

verbs = Verbs()

TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
By = Literal["final_equity", "max_drawdown", "sharpe", "profit_factor", "trades"]

Best = Annotated[int, Option("How many of the best sets to show.", "N", least=1, most=1_000)]
Order = Annotated[By, Option(f"What is best: {', '.join(get_args(By))}.", "ORDER")]


@verbs.verb("run", example="traderbot sweep run RSI_CROSS --set rsi_period=5..24 --quantity 10")
def run(
    session: Session,
    strategy: Annotated[str, Argument("STRATEGY", "The strategy's name.")],
    *,
    parameter: Annotated[
        list[str],
        Option(
            "The values of a parameter: 5,8,13 or 5..24 or 20..40:2.5; say it once for each.",
            "NAME=VALUES",
            name="--set",
        ),
    ],
    bars: Annotated[
        str, Option("What it trades on: a sample, or a .csv file of bars.", "SAMPLE|FILE")
    ] = "IBM",
    symbol: Annotated[str, Option("Whose bars the file has.", "SYMBOL")] = "TEST",
    timeframe: Annotated[
        TimeframeName,
        Option(f"How long a bar of the file lasts: {', '.join(get_args(TimeframeName))}.", "T"),
    ] = "1d",
    cash: Annotated[str, Option("What each set begins with.", "AMOUNT")] = "100000",
    quantity: Annotated[str | None, Option("How many units a buy takes.", "N")] = None,
    share: Annotated[
        str | None, Option("Instead: which share of the cash a buy takes.", "FRACTION")
    ] = None,
    fee_bps: Annotated[str, Option("The fee, in hundredths of a percent.", "BPS")] = "10",
    slippage_bps: Annotated[
        str, Option("How much worse an order trades, in hundredths of a percent.", "BPS")
    ] = "5",
    best: Best = 10,
    by: Order = "final_equity",
    resume: Annotated[bool, Option("Go on with a sweep that was stopped.")] = False,
    processes: Annotated[
        bool, Option("Work in processes: faster for strategies asked bar by bar.")
    ] = False,
    strategies: Annotated[
        Path | None,
        Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
    ] = None,
) -> int:
    """Run a strategy with every combination of the values, each as an exact backtest.

    Trials are kept as they are done, so a sweep that was stopped (Ctrl-C) goes on with --resume,
    and ends with the same bits. How many sets were tried is part of the answer: the best of many
    is lucky.
    """
    grid = _grid(parameter)
    sizes = {"quantity": quantity, "share": share}
    terms = {name: text for name, text in sizes.items() if text is not None}
    if len(terms) != 1:
        raise UsageError("say how much a buy takes: --quantity 10, or --share 0.5")
    terms |= {"cash": cash, "fee_bps": fee_bps, "slippage_bps": slippage_bps}
    session.doors.load_strategies(strategies)
    shown = _bars(session, bars, symbol, timeframe)
    try:
        with session.progress("trying sets") as on_progress:
            found = session.doors.sweeps().run(
                strategy,
                shown,
                grid=grid,
                terms=terms,
                resume=resume,
                processes=processes,
                best=best,
                by=by,
                progress=on_progress,
            )
    except KeyboardInterrupt:
        session.say("stopped; what was done is kept. Say it again with --resume to go on.")
        return ExitCode.INTERRUPTED
    session.answer(found, *_told(found))
    return ExitCode.DONE


@verbs.verb("list", example="traderbot sweep list")
def list_(session: Session) -> None:
    """List the sweeps that were begun, and how far each is."""
    items = session.doors.sweeps().list()
    rows = [
        (
            each["digest"][:12],
            each["started_at"],
            each["strategy"],
            f"{each['bars']:,} x {each['timeframe']}",
            f"{each['done']:,} of {each['sets']:,}",
        )
        for each in items
    ]
    headings = ("sweep", "begun", "strategy", "bars>", "sets>")
    empty = "no sweeps; run one with: traderbot sweep run"
    session.answer({"items": items}, Table(headings, rows, empty=empty))


@verbs.verb("show", example="traderbot sweep show 5a8cf3f3b2eb --by sharpe")
def show(
    session: Session,
    sweep: Annotated[str, Argument("SWEEP", "Its digest, or the beginning of it.")],
    *,
    best: Best = 10,
    by: Order = "final_equity",
) -> None:
    """Show the best sets of a sweep, whether it was finished or not."""
    found = session.doors.sweeps().show(sweep, best, by)
    session.answer(found, *_told(found))


def _grid(given: Sequence[str]) -> Mapping[str, str]:
    grid: dict[str, str] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not text:
            raise UsageError(f"--set takes NAME=VALUES, as in rsi_period=5..24; not {each!r:.60}")
        if name in grid:
            raise UsageError(f"--set names {name!r:.60} twice")
        grid[name] = text
    return grid


def _bars(session: Session, given: str, symbol: str, timeframe: TimeframeName) -> Sequence[Bar]:
    if not given.endswith((".csv", ".csv.gz")):
        return session.doors.sample_bars(given)
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of

    with session.progress(f"reading {given}") as on_progress:
        return session.doors.read_bars(
            Path(given), symbol_of(symbol), Timeframe(timeframe), on_progress
        )


def _told(found: Mapping[str, Any]) -> list[Part]:
    done = f"{found['done']:,} of {found['sets']:,} sets"
    facts = Facts(
        [
            ("sweep", found["digest"][:12]),
            ("strategy", found["strategy"]),
            ("tried", f"{done} on {found['bars']:,} bars"),
        ]
    )
    best = found["best"]
    names = list(best[0]["parameters"]) if best else []
    headings = (*names, "equity>", "trades>", "won>", "drawdown>", "sharpe>", "fees>")
    rows = [
        (
            *(str(each["parameters"][name]) for name in names),
            plain(each["final_equity"]) + (" (overdrawn)" if each["overdrawn"] else ""),
            f"{each['trades']:,}",
            f"{each['wins']:,}",
            _figure(each["max_drawdown"], "{:.2%}"),
            _figure(each["sharpe"], "{:.4f}"),
            plain(each["fees"]),
        )
        for each in best
    ]
    luck = f"the best by {found['by']} of {done}: the more are tried, the luckier the best one is"
    return [facts, "", Table(headings, rows, empty="no set was run"), "", luck]


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
