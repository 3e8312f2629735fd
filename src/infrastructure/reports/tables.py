"""The tables of a report, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from traderbot.infrastructure.compute.statistics.catalogue import GROUPS
from traderbot.infrastructure.compute.statistics.statistic import Statistic
from traderbot.infrastructure.reports.charts import path_of
from traderbot.infrastructure.reports.report import Report
from traderbot.infrastructure.reports.report_input import Assumption
from traderbot.infrastructure.reports.texts import (
    daily,
    days,
    escaped,
    figure,
    grouped,
    instant,
    money,
    percent,
)

TRADES_MAX = 500
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHADES = (0.005, 0.02, 0.05, 0.1)  # returns at which a cell gets darker
_DAY = 86_400_000_000_000


def months_table(report: Report) -> str:
    """Return the monthly returns, a row per year, the newest first."""
    if not report.months:
        return '<p class="soft">No monthly returns: there is one bar, or the equity hit zero.</p>'
    by_year: dict[int, dict[int, float]] = {}
    for one in report.months:
        by_year.setdefault(one.year, {})[one.month] = one.gained
    head = "".join(f'<th scope="col">{name}</th>' for name in _MONTHS)
    rows = []
    for year in sorted(by_year, reverse=True):
        found = by_year[year]
        cells = "".join(_cell(found.get(month)) for month in range(1, 13))
        whole = 1.0
        for month in sorted(found):
            whole *= 1.0 + found[month]
        rows.append(
            f'<tr><th scope="row">{year}</th>{cells}<td class="year">'
            f"{percent(whole - 1.0, 1, signed=True)}</td></tr>"
        )
    return (
        '<div class="wide"><table class="months"><thead><tr><th></th>'
        f'{head}<th scope="col">Year</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def trades_table(report: Report) -> str:
    """Return the closed trades, the newest first, 500 at most."""
    shown = report.trades[::-1][:TRADES_MAX]
    if not shown.size:
        return '<p class="soft">No trade was closed.</p>'
    at = report.sample.at.tolist()
    whole_days = daily(at)
    several = len(report.given.prices) > 1
    rows = []
    for place, trade in enumerate(shown):
        entry, left = at[int(trade["entry_bar"])], at[int(trade["exit_bar"])]
        cost = abs(float(trade["quantity"]) * float(trade["entry_price"]))
        profit = float(trade["profit"])
        path = path_of(report, trade)
        name = f"<td>{escaped(path.symbol)}</td>" if several and path else ""
        kind = "up" if profit > 0 else "down"
        rows.append(
            f"<tr><td>{report.trades.size - place}</td>{name}"
            f"<td>{'Long' if trade['side'] > 0 else 'Short'}</td>"
            f"<td>{_quantity(float(trade['quantity']))}</td>"
            f"<td>{instant(entry, to_the_day=whole_days)}</td>"
            f"<td>{money(float(trade['entry_price']))}</td>"
            f"<td>{instant(left, to_the_day=whole_days)}</td>"
            f"<td>{money(float(trade['exit_price']))}</td>"
            f"<td>{days((left - entry) / _DAY)}</td>"
            f"<td>{money(float(trade['fees']))}</td>"
            f'<td class="{kind}">{money(profit, signed=True)}</td>'
            f'<td class="{kind}">'
            f"{percent(profit / cost if cost else None, signed=True)}</td></tr>"
        )
    symbol = '<th scope="col">Symbol</th>' if several else ""
    rest = report.trades.size - shown.size
    more = f'<p class="soft">{rest:,} older trades are in trades.csv.</p>' if rest else ""
    return (
        '<div class="wide tall"><table class="rows trades"><thead><tr><th scope="col">#</th>'
        f'{symbol}<th scope="col">Side</th><th scope="col">Quantity</th><th scope="col">Entry</th>'
        '<th scope="col">at</th><th scope="col">Exit</th><th scope="col">at</th>'
        '<th scope="col">Held</th><th scope="col">Fees</th><th scope="col">Profit</th>'
        f'<th scope="col">Return</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f"{more}"
    )


def drawdowns_table(report: Report) -> str:
    """Return the deepest drawdowns."""
    if not report.worst:
        return '<p class="soft">The equity never fell below an earlier height.</p>'
    at = report.sample.at.tolist()
    whole_days = daily(at)

    def when(bar: int | None) -> str:
        return "not yet" if bar is None else instant(at[bar], to_the_day=whole_days)

    rows = "".join(
        f'<tr><td class="down">{percent(-fall.depth)}</td><td>{when(fall.peak)}</td>'
        f"<td>{when(fall.trough)}</td><td>{when(fall.recovered)}</td>"
        f"<td>{days((at[-1 if fall.recovered is None else fall.recovered] - at[fall.peak]) / _DAY)}"
        "</td></tr>"
        for fall in report.worst
    )
    return (
        '<div class="wide"><table class="rows"><thead><tr><th scope="col">Depth</th>'
        '<th scope="col">Peak</th><th scope="col">Lowest</th><th scope="col">Recovered</th>'
        f'<th scope="col">Length</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def statistics_lists(report: Report) -> str:
    """Return all statistics, each with its explanation folded away below it."""
    groups = []
    for group in GROUPS:
        rows = "".join(
            _explained(one, report.figures[one.name], report.given.currency)
            for one in group.statistics
        )
        groups.append(f'<section class="group"><h3>{escaped(group.title)}</h3>{rows}</section>')
    return f'<div class="groups">{"".join(groups)}</div>'


def assumptions_table(assumptions: Sequence[Assumption]) -> str:
    """Return what the result rests on."""
    if not assumptions:
        return (
            '<p class="soft">Nothing was said about fees, slippage and fills. '
            "Take these figures for those of a market without costs.</p>"
        )
    rows = "".join(
        f'<tr><th scope="row">{escaped(one.name)}</th><td>{escaped(one.value)}</td>'
        f'<td class="soft">{escaped(one.meaning)}</td></tr>'
        for one in assumptions
    )
    return f'<div class="wide"><table class="facts"><tbody>{rows}</tbody></table></div>'


def facts_table(facts: Mapping[str, str], nothing: str) -> str:
    """Return names and values, in their order."""
    if not facts:
        return f'<p class="soft">{escaped(nothing)}</p>'
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>'
        for name, value in facts.items()
    )
    return f'<div class="wide"><table class="facts"><tbody>{rows}</tbody></table></div>'


def _explained(one: Statistic, value: float | None, currency: str) -> str:
    why = f"<p><b>Undefined</b> here: {escaped(one.undefined)}.</p>" if value is None else ""
    meaning = one.meaning[:1].upper() + one.meaning[1:]
    return (
        f"<details><summary><span>{escaped(one.title)}</span>"
        f"<output>{escaped(figure(one, value, currency))}</output></summary>"
        f"<div><p>{escaped(meaning)}</p>{why}<p><code>{escaped(one.formula)}</code></p>"
        f'<p class="soft">{escaped(one.source)}</p></div></details>'
    )


def _cell(gained: float | None) -> str:
    if gained is None:
        return "<td></td>"
    shade = sum(abs(gained) >= limit for limit in _SHADES)
    kind = "g" if gained > 0 else "l"
    return f'<td class="{kind}{shade}">{grouped(gained * 100, 1)}</td>'


def _quantity(quantity: float) -> str:
    return grouped(quantity, 0) if quantity == round(quantity) else f"{quantity:.8g}"
