"""`traderbot data …`."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from traderbot.presentation.cli.errors import ExitCode, UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Table
from traderbot.presentation.cli.plain import instant_of, moment
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Database, Verbs

if TYPE_CHECKING:
    from traderbot.domain.market.bars import Bar
    from traderbot.presentation.cli.doors import Oddity

verbs = Verbs()

_NAME_LENGTH = 150

TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]


@verbs.verb("import", example="traderbot data import ibm.csv --symbol IBM --timeframe 1d")
def import_(
    session: Session,
    file: Annotated[
        Path | None, Argument("FILE", "A .csv, .csv.gz or .parquet file of bars.")
    ] = None,
    *,
    symbol: Annotated[str | None, Option("Whose bars they are, such as IBM.", "SYMBOL")] = None,
    timeframe: Annotated[
        TimeframeName | None,
        Option(f"How long each bar lasts: {', '.join(get_args(TimeframeName))}.", "TIMEFRAME"),
    ] = None,
    sample: Annotated[
        str | None,
        Option("Instead of a file, bars that come along, such as IBM.", "NAME"),
    ] = None,
    check: Annotated[bool, Option("Only say what is wrong or odd; import nothing.")] = False,
    database: Database = None,
) -> int:
    """Import bars from a file, all of them or, if one line is bad, none.

    The first line names the columns: timestamp (or date), open, high, low, close, volume; files as
    TradingView, Yahoo, Binance and Alpaca write them are known by it. Bars that are there already
    with the same values are no error. The log records where the bars come from, and a SHA-256
    digest of what is stored then.
    """
    from traderbot.application.bar_import import import_bars
    from traderbot.presentation.cli.acting import origin

    bars = _read(session, file, symbol, timeframe, sample)
    series = {"symbol": bars[0].symbol.code, "timeframe": bars[0].timeframe.value}
    if check:
        return _tell_odd(session, bars)
    with (
        session.doors.application(database) as application,
        session.progress(f"storing {len(bars)} bars"),
    ):
        done = import_bars(
            bars,
            f"sample:{sample}" if file is None else f"file:{_printable(file.name)}",
            store=application.bars,
            executor=application.executor,
            origin=origin(),
        )
    new = done.new
    document = {
        **series,
        "bars": len(bars),
        "new": new,
        "first": bars[0].at,
        "last": bars[-1].at,
        "digest": done.series[0].digest,
        "recorded": done.series[0].recorded,
    }
    known = f", {len(bars) - new} were there already" if new < len(bars) else ""
    session.answer(
        document,
        f"{series['symbol']} {series['timeframe']}: {new} new bars{known}, "
        f"{moment(bars[0].at)} to {moment(bars[-1].at)}",
    )
    return ExitCode.DONE


@verbs.verb(
    "download",
    example="traderbot data download BTC/USDT --from ccxt:binance --timeframe 1h "
    "--since 2024-01-01",
)
def download(
    session: Session,
    symbol: Annotated[str, Argument("SYMBOL", "Whose bars, such as BTC/USDT or AAPL.")],
    *,
    source: Annotated[
        Literal["ccxt:binance", "alpaca"],
        Option("Where from: ccxt:binance, which needs no key, or alpaca.", "SOURCE", name="--from"),
    ],
    timeframe: Annotated[
        TimeframeName,
        Option(f"How long each bar lasts: {', '.join(get_args(TimeframeName))}.", "TIMEFRAME"),
    ],
    since: Annotated[str, Option("The first day or instant, such as 2024-01-01.", "TIME")],
    until: Annotated[str | None, Option("The end, excluded; by default, now.", "TIME")] = None,
    again: Annotated[
        bool, Option("Also ask for what is stored, and compare it; never overwrite it.")
    ] = False,
    database: Database = None,
) -> None:
    """Download bars, and store and record them like an import.

    What is stored already is gone over: a download that was stopped goes on where it was. Requests
    are counted against a budget that all processes of this machine share.
    """
    from time import sleep

    from traderbot.application.bar_download import Download, Wanted
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import origin

    of, step = symbol_of(symbol), Timeframe(timeframe)
    with session.doors.application(database) as application:
        now = application.clock.now()
        end = now if until is None else min(_instant("--until", until), now)
        wanted = Wanted(symbol=of, timeframe=step, since=_instant("--since", since), until=end)
        with (
            session.doors.bar_source(source) as feed,
            session.progress(f"{symbol} {timeframe} from {source}") as on_progress,
        ):
            done = Download(
                feed=feed,
                store=application.bars,
                executor=application.executor,
                origin=origin(),
                sleep=sleep,
                on_progress=on_progress,
            ).run(wanted, again=again)
    document = {
        "symbol": symbol,
        "timeframe": timeframe,
        "source": source,
        "since": wanted.since,
        "until": wanted.until,
        "bars": done.bars,
        "new": done.new,
        "pages": done.pages,
        "first": done.first_at,
        "last": done.last_at,
    }
    span = (
        ""
        if done.first_at is None or done.last_at is None
        else (f", {moment(done.first_at)} to {moment(done.last_at)}")
    )
    session.answer(document, f"{symbol} {timeframe}: {done.new} new bars from {source}{span}")


@verbs.verb("resample", example="traderbot data resample BTC/USDT 1m 1h")
def resample(
    session: Session,
    symbol: Annotated[str, Argument("SYMBOL", "Whose bars, such as BTC/USDT.")],
    timeframe: Annotated[TimeframeName, Argument("FROM", "Which of its bars, such as 1m.")],
    longer: Annotated[TimeframeName, Argument("TO", "What to make of them, such as 1h.")],
    *,
    database: Database = None,
) -> None:
    """Make longer bars of stored ones, exactly, and store and record them like an import.

    Only whole periods become bars. Those of a pair lie on the grid of UTC; those of a share are
    counted from the opening in New York, and what lies outside of its hours is left out.
    """
    from traderbot.application.bar_import import import_bars
    from traderbot.application.errors import NotFoundError
    from traderbot.domain.market.resampling import resample as resampled
    from traderbot.domain.market.sessions import NEW_YORK
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of
    from traderbot.presentation.cli.acting import origin

    of = symbol_of(symbol)
    with session.doors.application(database) as application:
        bars = application.bars.bars(of, Timeframe(timeframe))
        if not bars:
            raise NotFoundError("series of bars", f"{symbol} {timeframe}")
        made = resampled(bars, Timeframe(longer), None if of.is_pair else NEW_YORK)
        new = 0
        if made.bars:
            new = import_bars(
                made.bars,
                f"resampled:{timeframe}",
                store=application.bars,
                executor=application.executor,
                origin=origin(),
            ).new
    document = {
        "symbol": symbol,
        "timeframe": longer,
        "from": timeframe,
        "bars": len(made.bars),
        "new": new,
        "left_out": made.left_out,
    }
    rest = f", {len(made.left_out)} periods are not whole" if made.left_out else ""
    session.answer(
        document, f"{symbol} {longer}: {len(made.bars)} bars of {timeframe}, {new} new{rest}"
    )


@verbs.verb("list", example="traderbot data list --json")
def list_(session: Session, *, database: Database = None) -> None:
    """List which bars are stored."""
    with session.doors.application(database) as application:
        series = application.bars.series()
    rows = [
        (
            each.symbol.code,
            each.timeframe.value,
            str(each.count),
            moment(each.first),
            moment(each.last),
        )
        for each in series
    ]
    headings = ("symbol", "timeframe", "bars>", "first", "last")
    empty = "no bars; import some with: traderbot data import --sample IBM"
    session.answer({"items": series}, Table(headings, rows, empty=empty))


@verbs.verb("check", example="traderbot data check IBM 1d")
def check(
    session: Session,
    symbol: Annotated[str, Argument("SYMBOL", "Whose bars, such as IBM.")],
    timeframe: Annotated[TimeframeName, Argument("TIMEFRAME", "Which of its bars, such as 1d.")],
    *,
    database: Database = None,
) -> int:
    """Say what is odd about stored bars: gaps, jumps, silence. Odd is not wrong: you decide.

    The exit code is 1 if anything is odd.
    """
    from traderbot.application.errors import NotFoundError
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of

    with session.doors.application(database) as application:
        bars = application.bars.bars(symbol_of(symbol), Timeframe(timeframe))
    if not bars:
        raise NotFoundError("series of bars", f"{symbol} {timeframe}")
    return _tell_odd(session, bars)


def _read(
    session: Session,
    file: Path | None,
    symbol: str | None,
    timeframe: str | None,
    sample: str | None,
) -> Sequence[Bar]:
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of

    if sample is not None:
        if file is not None or symbol is not None or timeframe is not None:
            raise UsageError(
                "--sample brings its own bars: leave out FILE, --symbol and --timeframe"
            )
        return session.doors.sample_bars(sample)
    if file is None or symbol is None or timeframe is None:
        raise UsageError("give FILE, --symbol and --timeframe, or --sample NAME")
    of, step = symbol_of(symbol), Timeframe(timeframe)
    with session.progress(f"reading {file.name}") as on_progress:
        return session.doors.read_bars(file, of, step, on_progress)


def _instant(option: str, text: str) -> datetime:
    """Return the instant of a day, or of a time in any zone."""
    day = f"{text}T00:00:00Z" if "T" not in text else text
    at = instant_of(day)
    if at is None:
        raise UsageError(f"{option} is a day such as 2024-01-01, or an instant with a zone: {text}")
    return at.astimezone(UTC)


def _printable(name: str) -> str:
    """Return a file's name as the log can hold it; a file may be called anything."""
    return "".join(each if each.isprintable() else "?" for each in name)[:_NAME_LENGTH]


def _tell_odd(session: Session, bars: Sequence[Bar]) -> int:
    found: Sequence[Oddity] = session.doors.odd_bars(bars)
    document = {
        "symbol": bars[0].symbol.code,
        "timeframe": bars[0].timeframe.value,
        "bars": len(bars),
        "findings": found,
    }
    rows = [
        (str(each.row), moment(each.at), each.column, str(each.kind), each.message)
        for each in found
    ]
    summary = f"{bars[0].symbol} {bars[0].timeframe}: {len(bars)} bars, {len(found)} findings"
    table = [Table(("row>", "at", "column", "kind", "finding"), rows)] if found else []
    todo = [f"{kind}: {advice}" for kind, advice in {it.kind: it.advice for it in found}.items()]
    session.answer(document, *table, summary, *todo)
    return ExitCode.NO if found else ExitCode.DONE
