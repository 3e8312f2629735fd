"""`traderbot bench …`."""

from __future__ import annotations

from typing import Annotated

from traderbot.presentation.cli.parameters import Option
from traderbot.presentation.cli.parts import Table
from traderbot.presentation.cli.session import Session
from traderbot.presentation.cli.verb import Verbs

verbs = Verbs()

_LEAST, _MOST = 10_000, 10_000_000


@verbs.verb("indicators", example="traderbot bench indicators --bars 100000")
def indicators(
    session: Session,
    *,
    bars: Annotated[int, Option("How long the series is.", "N", least=_LEAST, most=_MOST)] = 50_000,
) -> None:
    """Measure how many nanoseconds a bar of each indicator takes on this machine.

    Live is fed bar by bar, as a bot does; series is one long array; matrix is fifty symbols, shared
    among the cores. All three give the same bits. The first time, the kernels are compiled.
    """
    with session.progress("measuring") as on_progress:
        report = session.doors.indicator_speeds(bars, on_progress)
    document = {"bars": bars, "compiled": report.compiled, "items": report.speeds}
    rows = [
        (each.indicator, f"{each.live:,.0f}", f"{each.series:,.2f}", f"{each.matrix:,.2f}")
        for each in report.speeds
    ]
    how = "compiled" if report.compiled else "in plain Python; numba would compile it: extra [fast]"
    table = Table(("indicator", "live>", "series>", "matrix>"), rows)
    session.answer(document, table, f"nanoseconds a bar; series and matrix {how}")


@verbs.verb("warm", example="traderbot bench warm")
def warm(session: Session) -> None:
    """Compile everything now, so that no first indicator, backtest or sweep has to wait.

    What was compiled is kept in the user's cache folder; it is made anew by a new version.
    """
    with session.progress("compiling") as on_progress:
        loops = session.doors.warm_up(on_progress)
    told = f"{loops} loops are compiled" if loops else "no compiler is there: extra [fast] has one"
    session.answer({"loops": loops}, told)
