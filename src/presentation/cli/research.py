"""`traderbot research …`: whether a strategy knows anything, or was only lucky."""
# ruff: noqa: PLC0415 - `--help` must not pay for what the verbs import

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from traderbot.presentation.cli.errors import UsageError
from traderbot.presentation.cli.parameters import Argument, Option
from traderbot.presentation.cli.parts import Facts, Part, Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

if TYPE_CHECKING:
    from traderbot.domain.market.bars import Bar

verbs = Verbs()

TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
_BELOW = "so often is the best of one half of the bars below the middle in the other"

Figure = Literal["sharpe", "sortino", "calmar", "total_return", "profit_factor", "omega"]

Strategy = Annotated[str, Argument("STRATEGY", "The strategy's name.")]
Sets = Annotated[
    list[str],
    Option(
        "The values of a parameter: 5,8,13 or 5..24 or 20..40:2.5; say it once for each.",
        "NAME=VALUES",
        name="--set",
    ),
]
One = Annotated[
    list[str] | None,
    Option("A parameter of the strategy; say it once for each.", "NAME=VALUE", name="--set"),
]
Bars = Annotated[str, Option("What it trades on: a sample, or a .csv file.", "SAMPLE|FILE")]
SymbolName = Annotated[str, Option("Whose bars the file has.", "SYMBOL")]
Lasts = Annotated[
    TimeframeName,
    Option(f"How long a bar of the file lasts: {', '.join(get_args(TimeframeName))}.", "T"),
]
Cash = Annotated[str, Option("What a run begins with.", "AMOUNT")]
Quantity = Annotated[str | None, Option("How many units a buy takes.", "N")]
Share = Annotated[str | None, Option("Instead: which share of the cash a buy takes.", "FRACTION")]
Fee = Annotated[str, Option("The fee, in hundredths of a percent.", "BPS")]
Slippage = Annotated[
    str, Option("How much worse an order trades, in hundredths of a percent.", "BPS")
]
Folder = Annotated[
    Path | None,
    Option("A folder of .py files with strategies of your own.", "DIR", name="--strategies"),
]
Runs = Annotated[int, Option("How many runs of chance.", "N", least=1, most=1_000_000)]
Seed = Annotated[
    int, Option("Of the random numbers; the same seed, the same answer.", "N", least=0)
]


@verbs.verb(
    "walk-forward",
    example="traderbot research walk-forward RSI_CROSS --set rsi_period=5..20 --share 0.5",
)
def walk_forward(
    session: Session,
    strategy: Strategy,
    *,
    parameter: Sets,
    train: Annotated[int, Option("Bars to choose on.", "N", least=1)] = 1000,
    test: Annotated[int, Option("Bars to be judged on, right after.", "N", least=1)] = 250,
    gap: Annotated[int, Option("Bars left out between the two.", "N", least=0)] = 0,
    anchored: Annotated[bool, Option("Choose on all bars before, not the newest.")] = False,
    figure: Annotated[Figure, Option("What is best.", "FIGURE")] = "sharpe",
    bars: Bars = "IBM",
    symbol: SymbolName = "TEST",
    timeframe: Lasts = "1d",
    cash: Cash = "10000",
    quantity: Quantity = None,
    share: Share = None,
    fee_bps: Fee = "10",
    slippage_bps: Slippage = "5",
    strategies: Folder = None,
) -> None:
    """Choose the best set on some bars, judge it on the bars after, and walk on.

    What is shown as out of sample was never chosen by the bars it is judged on.
    """
    grid = _named(parameter)
    terms = _terms(cash, quantity, share, fee_bps, slippage_bps)
    shown = _bars(session, bars, symbol, timeframe, strategies)
    with session.progress("walking forward") as on_progress:
        found = session.doors.research().walk_forward(
            strategy,
            shown,
            grid=grid,
            terms=terms,
            train=train,
            test=test,
            gap=gap,
            anchored=anchored,
            figure=figure,
            progress=on_progress,
        )
    session.answer(found, *_walked(found))


@verbs.verb("monte-carlo", example="traderbot research monte-carlo RSI_CROSS --share 0.5")
def monte_carlo(
    session: Session,
    strategy: Strategy,
    *,
    parameter: One = None,
    runs: Runs = 1000,
    seed: Seed = 0,
    block: Annotated[
        int | None, Option("Average bars of a block; else as long as a trade.", "N", least=1)
    ] = None,
    bars: Bars = "IBM",
    symbol: SymbolName = "TEST",
    timeframe: Lasts = "1d",
    cash: Cash = "10000",
    quantity: Quantity = None,
    share: Share = None,
    fee_bps: Fee = "10",
    slippage_bps: Slippage = "5",
    strategies: Folder = None,
) -> None:
    """Put trades into other orders, bars and market into other blocks: what might have come."""
    given = _named(parameter or [])
    terms = _terms(cash, quantity, share, fee_bps, slippage_bps)
    shown = _bars(session, bars, symbol, timeframe, strategies)
    with session.progress("dealing anew") as on_progress:
        found = session.doors.research().monte_carlo(
            strategy,
            shown,
            parameters=given,
            terms=terms,
            runs=runs,
            seed=seed,
            block=None if block is None else float(block),
            progress=on_progress,
        )
    session.answer(found, *_dealt(found))


@verbs.verb("significance", example="traderbot research significance RSI_CROSS --share 0.5")
def significance(
    session: Session,
    strategy: Strategy,
    *,
    parameter: One = None,
    runs: Runs = 1000,
    seed: Seed = 0,
    bars: Bars = "IBM",
    symbol: SymbolName = "TEST",
    timeframe: Lasts = "1d",
    cash: Cash = "10000",
    quantity: Quantity = None,
    share: Share = None,
    fee_bps: Fee = "10",
    slippage_bps: Slippage = "5",
    strategies: Folder = None,
) -> None:
    """Compare the entries with random ones that are held as long."""
    given = _named(parameter or [])
    terms = _terms(cash, quantity, share, fee_bps, slippage_bps)
    found = session.doors.research().significance(
        strategy,
        _bars(session, bars, symbol, timeframe, strategies),
        parameters=given,
        terms=terms,
        runs=runs,
        seed=seed,
    )
    session.answer(found, *_compared(found))


@verbs.verb(
    "overfitting",
    example="traderbot research overfitting RSI_CROSS --set rsi_period=5..20 --share 0.5",
)
def overfitting(
    session: Session,
    strategy: Strategy,
    *,
    parameter: Sets,
    slices: Annotated[
        int, Option("Parts of time, an even number; half of them choose.", "N", least=2, most=20)
    ] = 16,
    bars: Bars = "IBM",
    symbol: SymbolName = "TEST",
    timeframe: Lasts = "1d",
    cash: Cash = "10000",
    quantity: Quantity = None,
    share: Share = None,
    fee_bps: Fee = "10",
    slippage_bps: Slippage = "5",
    strategies: Folder = None,
) -> None:
    """Try every set, and say how likely the best of them is best by chance."""
    grid = _named(parameter)
    terms = _terms(cash, quantity, share, fee_bps, slippage_bps)
    shown = _bars(session, bars, symbol, timeframe, strategies)
    with session.progress("trying sets") as on_progress:
        found = session.doors.research().overfitting(
            strategy, shown, grid=grid, terms=terms, slices=slices, progress=on_progress
        )
    session.answer(found, *_judged(found))


def _named(given: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name or not text:
            raise UsageError(f"--set takes NAME=VALUE, not {each!r:.60}")
        if name in found:
            raise UsageError(f"--set names {name!r:.60} twice")
        found[name] = text
    return found


def _terms(
    cash: str, quantity: str | None, share: str | None, fee_bps: str, slippage_bps: str
) -> Mapping[str, str]:
    sizes = {"quantity": quantity, "share": share}
    terms = {name: text for name, text in sizes.items() if text is not None}
    if len(terms) != 1:
        raise UsageError("say how much a buy takes: --quantity 10, or --share 0.5")
    return terms | {"cash": cash, "fee_bps": fee_bps, "slippage_bps": slippage_bps}


def _bars(
    session: Session,
    given: str,
    symbol: str,
    timeframe: TimeframeName,
    strategies: Path | None,
) -> Sequence[Bar]:
    session.doors.load_strategies(strategies)
    if not given.endswith((".csv", ".csv.gz")):
        return session.doors.sample_bars(given)
    from traderbot.domain.market.timeframe import Timeframe
    from traderbot.domain.shared.values import symbol as symbol_of

    path = Path(given)
    if not path.exists():
        raise UsageError(f"there is no file {given}")
    with session.progress(f"reading {path.name}") as on_progress:
        return session.doors.read_bars(path, symbol_of(symbol), Timeframe(timeframe), on_progress)


def _about(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    span = f"{found['bars']:,} bars, {found['first'][:10]} to {found['last'][:10]}"
    tried, refused = found["trials"], found["refused"]
    facts = [
        ("what", f"{found['strategy']} on {found['symbol']} {found['timeframe']}, {span}"),
        ("trials", "not counted: one set was given" if tried is None else f"{tried:,}"),
    ]
    if refused:
        facts.append(("refused", f"{refused:,} buys: the cash did not cover them; buy less"))
    return facts


def _walked(found: Mapping[str, Any]) -> list[Part]:
    name, judged = found["figure"], found["out_of_sample"]
    rows = [
        (
            f"{each['test'][0][:10]} to {each['test'][1][:10]}",
            ", ".join(f"{key}={value}" for key, value in each["parameters"].items()),
            _number(each["chosen"][name]),
            _number(each["judged"][name]),
            _percent(each["judged"]["total_return"]),
            f"{each['judged']['trade_count']:,.0f}",
        )
        for each in found["windows"]
    ]
    kept = found["kept"]
    fall, sharpe = _percent(judged["max_drawdown"]), _number(judged["sharpe"])
    came = f"return {_percent(judged['total_return'])}, drawdown {fall}, Sharpe {sharpe}"
    again = f"not defined: the chosen sets had no {name} above 0"
    if kept is not None:
        again = f"{_percent(kept)} of the {name} that the choice had"
    facts = [*_about(found), ("out of sample", came), ("kept", again)]
    headings = ("judged on", "chosen set", f"{name} before>", "after>", "return>", "trades>")
    return [Facts(facts), "", Table(headings, rows)]


def _dealt(found: Mapping[str, Any]) -> list[Part]:
    rows = []
    for key, what in (
        ("trade_order", "the trades in another order"),
        ("trades_drawn", "as many trades, drawn from them"),
        ("bars_in_blocks", "the bars in blocks"),
        ("other_histories", "the market in blocks, played anew"),
    ):
        each = found[key]
        fall, final = each["drawdown"], each["final"]
        rows.append(
            (
                what,
                _percent(fall["observed"]),
                _percent(fall["middle"]),
                _percent(fall["high"]),
                f"{final['low']:,.2f}",
                f"{final['middle']:,.2f}",
                _percent(each["ruined"]),
            )
        )
    runs = found["trade_order"]
    facts = [
        *_about(found),
        ("trades", f"{found['trades']:,}"),
        ("chance", f"{runs['runs']:,} runs of seed {runs['seed']}"),
    ]
    headings = (
        "runs of", "drawdown was>", "in the middle>", "1 of 20 above>", "final, 1 of 20 below>",
        "in the middle>", "ruined>",
    )  # fmt: skip
    return [Facts(facts), "", Table(headings, rows)]


def _compared(found: Mapping[str, Any]) -> list[Part]:
    gained, p_value = found["mean_return"], found["p_value"]
    chance = f"{_percent(gained['low'])} to {_percent(gained['high'])} nine times in ten"
    facts = [
        *_about(found),
        ("trades", f"{found['trades']:,}"),
        ("a trade gained", f"{_percent(gained['observed'])} on average, before fees"),
        ("random entries", f"{chance} ({found['runs']:,} runs of seed {found['seed']})"),
        ("p-value", f"{p_value:.4f}"),
    ]
    if p_value < 0.05:  # noqa: PLR2004 - by custom
        verdict = "chance seldom enters so well: significant, if this is the only rule ever tried"
    else:
        verdict = "random entries do as well: nothing says that the rule knows anything"
    return [Facts(facts), "", verdict]


def _judged(found: Mapping[str, Any]) -> list[Part]:
    best = ", ".join(f"{name}={value}" for name, value in found["best"].items())
    chance = found["deflated_sharpe"]
    facts = [
        *_about(found),
        ("the best set", f"{best}: Sharpe {_number(found['best_sharpe'])} a year"),
        ("more than luck", "not defined" if chance is None else _percent(chance)),
        ("overfitting", f"{_percent(found['probability'])}: {_BELOW}"),
        ("loss", f"{_percent(found['loss'])}: so often it loses there"),
        ("ways", f"{found['combinations']:,}, of {found['slices']} slices"),
    ]
    return [Facts(facts)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
