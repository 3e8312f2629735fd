"""`traderbot strategy new` and `check`: writing one's own."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.plain import moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

if TYPE_CHECKING:
    from traderbot.domain.market.bars import Bar

verbs = Verbs()

Kind = Literal["signals", "execute"]
TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]


@verbs.verb("new", example="traderbot strategy new my_cross --kind signals")
def new(
    session: Session,
    name: Annotated[str, Argument("NAME", "What it is to be called.")],
    *,
    kind: Annotated[
        Kind, Option("signals: over columns; execute: bar by bar.", "signals|execute")
    ] = "signals",
    strategies: Annotated[
        Path | None, Option("Where to; by default my-strategies.", "DIR", name="--strategies")
    ] = None,
) -> None:
    """Write one file with a strategy that works, and one that tests it. Nothing is overwritten."""
    folder = strategies or Path("my-strategies")
    strategy, test = session.doors.new_strategy(name, kind, folder)
    document = {"strategy": str(strategy), "test": str(test)}
    check = f"traderbot strategy check {strategy}"
    session.answer(document, f"{strategy}\n{test}\nnext: edit it, then: {check}")


@verbs.verb("check", example="traderbot strategy check my-strategies/my_cross.py")
def check(
    session: Session,
    name: Annotated[str, Argument("NAME|FILE", "A strategy, or the .py file of one.")],
    *,
    param: Annotated[
        list[str] | None, Option("One of its parameters; may be repeated.", "NAME=VALUE")
    ] = None,
    bars: Annotated[
        str, Option("What it is shown: a sample, or a .csv file of bars.", "SAMPLE|FILE")
    ] = "IBM",
    timeframe: Annotated[
        TimeframeName,
        Option(f"How long a bar of the file lasts: {', '.join(get_args(TimeframeName))}.", "T"),
    ] = "1d",
    last: Annotated[
        int, Option("How many of the last bars, at most.", "N", least=50, most=100_000)
    ] = 1_000,
    seconds: Annotated[
        int, Option("How long one call of it may take.", "N", least=1, most=3_600)
    ] = 10,
    strategies: Annotated[
        Path | None,
        Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
    ] = None,
) -> int:
    """Find out whether a backtest of a strategy can be trusted; the exit code is 1 if not.

    It is asked about every bar with the future cut off, all at once, bar by bar as a bot does, a
    second time, for somebody else, and in another process: it has to say the same. It runs in
    processes of its own. Beginning later may change an answer; that is told, and no fault.
    """
    is_file = name.endswith(".py")
    sources = [Path(name)] if is_file else []
    if strategies is not None:
        sources.append(strategies)
    for source in sources:
        if not source.exists():
            raise UsageError(f"there is no {source}; write one with: traderbot strategy new NAME")
    shown = _bars(session, bars, timeframe)[-last:]
    with session.progress("asking again and again") as on_progress:
        found = session.doors.check_strategy(
            "" if is_file else name,
            sources=sources,
            parameters=_parameters(param or []),
            bars=shown,
            seconds=seconds,
            progress=on_progress,
        )
    session.answer(found, *_told(found, shown))
    return ExitCode.DONE if found["ok"] else ExitCode.NO


def _parameters(given: Sequence[str]) -> Mapping[str, str]:
    parameters = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise UsageError(f"--param takes NAME=VALUE, not {each!r:.60}")
        parameters[name] = text
    return parameters


def _bars(session: Session, given: str, timeframe: TimeframeName) -> Sequence[Bar]:
    if not given.endswith((".csv", ".csv.gz")):
        return session.doors.sample_bars(given)
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import Symbol

    # What its name is changes nothing, but the strategy may be told.
    symbol = Symbol("TEST")
    with session.progress(f"reading {given}") as on_progress:
        return session.doors.read_bars(Path(given), symbol, Timeframe(timeframe), on_progress)


def _told(found: Mapping[str, Any], bars: Sequence[Bar]) -> list[Part]:
    unknown = ", ".join(found["unknown"])
    facts = Facts(
        [
            ("strategy", found["strategy"]),
            ("bars", f"{found['bars']:,}, from {moment(bars[0].at)} to {moment(bars[-1].at)}"),
            ("signals", f"{found['buys']:,} to buy, {found['sells']:,} to sell"),
            ("future cut off at", f"{found['cut']:,} decisions"),
            *([("never known here", unknown)] if unknown else []),
        ]
    )
    parts: list[Part] = [facts, ""]
    rows = [
        (
            each["kind"],
            "" if each["bar"] is None else str(each["bar"]),
            str(each["bars"]),
            each["message"] + (f" ({each['line']})" if each["line"] else ""),
        )
        for each in found["findings"]
    ]
    if rows:
        parts += [Table(("finding", "first bar>", "bars>", "what"), rows), ""]
    later = [
        (
            str(each["bars"]),
            f"{each['differing']:,} of {each['compared']:,}",
            "" if each["first"] is None else str(each["first"]),
            "" if each["last"] is None else str(each["last"]),
        )
        for each in found["later"]
        if each["differing"]
    ]
    if later:
        words = ("begun later by>", "other signals>", "first after>", "last after>")
        parts += [Table(words, later), ""]
    elif found["later"]:
        parts.append("begun later, it says the same")
    parts.append("nothing was found" if found["ok"] else "do not trade on it, nor on its backtests")
    return parts
