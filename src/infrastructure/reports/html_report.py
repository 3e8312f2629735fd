"""The report as one HTML file that needs nothing else: no network, no fonts, no library.

Its own policy forbids it to load anything, and to run any script or style but the two it came
with, which are named by their digests. The same report has the same bytes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from traderbot.infrastructure.reports.charts import (
    BARS_MAX,
    PATHS_MAX,
    SIGNS_MAX,
    drawdown_chart,
    equity_chart,
    points,
    price_chart,
    profit_chart,
    trades_on,
)
from traderbot.infrastructure.reports.report import Report
from traderbot.infrastructure.reports.tables import (
    assumptions_table,
    drawdowns_table,
    facts_table,
    months_table,
    statistics_lists,
    trades_table,
)
from traderbot.infrastructure.reports.texts import (
    UNDEFINED,
    escaped,
    grouped,
    instant,
    percent,
)

_PACKAGE = "traderbot.infrastructure.reports"
_SIGNS = (
    '<svg width="0" height="0" aria-hidden="true"><defs>'
    '<path id="buy" d="M0-5 5 4H-5Z"/><path id="sell" d="M0 5 5-4H-5Z"/></defs></svg>'
)


def html_report(report: Report) -> str:
    """Return the page."""
    style, script = _asset("page.css"), _asset("page.js")
    # Inside a script element nothing but "</" could end it; JSON may write it otherwise.
    told = json.dumps(points(report), separators=(",", ":"), allow_nan=False)
    told = told.replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = escaped(report.given.title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{style}</style></head><body>{_SIGNS}<main>"
        f"{_header(report)}{_warnings(report)}{_tiles(report)}{_evidence(report)}"
        f"{_curves(report)}{_prices(report)}{_months(report)}{_trades(report)}"
        f"{_statistics(report)}{_basis(report)}{_proof(report)}"
        f'</main><script type="application/json" id="points">{told}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def _header(report: Report) -> str:
    given, at = report.given, report.sample.at
    begin, end = (instant(int(at[place]), to_the_day=True) for place in (0, -1))
    return (
        f'<header><p class="eyebrow">Backtest report</p><h1>{escaped(given.title)}</h1>'
        f'<p class="meta"><span>{begin} to {end}</span><span>{at.size:,} bars</span>'
        f"<span>{escaped(given.currency)}</span>"
        f'<span>Run <span class="mono">{escaped(given.run_id)}</span></span></p></header>'
    )


def _warnings(report: Report) -> str:
    if not report.warnings:
        return ""
    lines = "".join(f"<li>{escaped(text)}</li>" for text in report.warnings)
    return f'<aside class="warning" aria-label="Warnings"><ul>{lines}</ul></aside>'


def _tiles(report: Report) -> str:
    found = report.figures
    sharpe, error = found["sharpe"], found["sharpe_error"]
    off = f"give or take {grouped(error, 2)}" if error is not None else "not defined"
    factor = found["profit_factor"]
    rival = found["benchmark_return"]
    against = "no benchmark" if rival is None else f"holding {percent(rival, 0, signed=True)}"
    tiles = [
        ("Total return", _signed(found["total_return"]), against),
        ("Annual growth", _signed(found["cagr"]), f"volatility {percent(found['volatility'], 1)}"),
        (
            "Maximum drawdown",
            f'<b class="down">{percent(_minus(found["max_drawdown"]), 1)}</b>',
            f"{percent(found['time_under_water'], 0)} under water",
        ),
        ("Sharpe ratio", f"<b>{_plain(sharpe)}</b>", off),
        ("Profit factor", f"<b>{_plain(factor)}</b>", f"win rate {percent(found['win_rate'], 0)}"),
        (
            "Closed trades",
            f"<b>{report.trades.size:,}</b>",
            f"{percent(found['exposure'], 0)} in the market",
        ),
    ]
    return (
        '<section class="tiles" aria-label="Key figures">'
        + "".join(
            f'<div class="tile"><span>{name}</span>{value}<small>{below}</small></div>'
            for name, value, below in tiles
        )
        + "</section>"
    )


def _evidence(report: Report) -> str:
    found = report.evidence
    trials = "Trials: not counted" if found.trials is None else f"Trials: {found.trials:,}"
    words = "".join(f"<p>{escaped(text)}</p>" for text in found.sentences)
    gauge = ""
    if found.deflated is not None:
        gauge = (
            '<svg class="gauge" role="img" aria-label="Chance, with 95 % marked">'
            '<rect class="rail" width="100%" height="8" rx="4"/>'
            f'<rect class="fill" width="{found.deflated * 100:.1f}%" height="8" rx="4"/>'
            '<line x1="95%" x2="95%" y1="-1" y2="10"/><text x="97%" y="21">95 %</text></svg>'
        )
    return (
        f'<section class="card {found.verdict}"><h2>How much this proves</h2>'
        f'<div class="evidence"><div><span class="soft">More than luck</span>'
        f"<b>{percent(found.deflated, 1)}</b>{gauge}</div>"
        f"<div><p><strong>{trials}</strong></p>{words}</div></div></section>"
    )


def _curves(report: Report) -> str:
    own = '<span><i class="k-own"></i>Equity</span>'
    rival = ""
    if report.sample.benchmark is not None:
        rival = '<span><i class="k-rival"></i>Buy and hold, with the same money</span>'
    drawdown = drawdown_chart(report)
    if drawdown:
        drawdown = f'<div class="head"><h2>Drawdown</h2></div>{drawdown}'
    return (
        f'<section class="card"><div><div class="head"><h2>Equity</h2><div class="key">{own}{rival}'
        f"</div></div>{equity_chart(report)}</div>{drawdown}</section>"
    )


def _prices(report: Report) -> str:
    sections = []
    for which, path in enumerate(report.given.prices[:PATHS_MAX]):
        signs = "".join(
            f'<span><svg viewBox="-6 -6 12 12"><use href="#{kind}" class="{kind}"/></svg>'
            f"{name}</span>"
            for kind, name in (("buy", "Bought"), ("sell", "Sold"))
        )
        count = trades_on(report, which).size
        if count > SIGNS_MAX:
            signs = "<span>too many to be drawn; see trades.csv</span>"
        sections.append(
            f'<section class="card"><div><div class="head"><h2>{escaped(path.symbol)}: '
            f'{count:,} trades</h2><div class="key">{signs}</div></div>'
            f"{price_chart(report, which)}</div></section>"
        )
    rest = len(report.given.prices) - len(sections)
    more = f'<p class="soft">{rest} more symbols are not drawn.</p>' if rest else ""
    return "".join(sections) + more


def _months(report: Report) -> str:
    return (
        '<section class="card"><h2>Monthly returns, in percent</h2>'
        f"{months_table(report)}</section>"
        '<section class="card"><h2>Deepest drawdowns</h2>'
        f"{drawdowns_table(report)}</section>"
    )


def _trades(report: Report) -> str:
    chart = profit_chart(report)
    if chart:
        which = "" if report.trades.size <= BARS_MAX else f", the last {BARS_MAX}"
        chart = f'<div class="head"><h2>Profit by trade{which}</h2></div>{chart}'
    return f'<section class="card">{chart}<h2>Trades</h2>{trades_table(report)}</section>'


def _statistics(report: Report) -> str:
    return (
        '<section class="card"><h2>Statistics</h2><p class="soft">Open a line for its meaning, '
        f"formula and source. A year has {_plain(report.sample.periods_per_year)} bars.</p>"
        f"{statistics_lists(report)}</section>"
    )


def _basis(report: Report) -> str:
    given = report.given
    refused = {code: f"{count:,}" for code, count in given.refused.items()}
    trials = "not counted" if given.trials is None else f"{given.trials.count:,}"
    return (
        '<section class="card"><h2>What it rests on</h2>'
        f"{assumptions_table(given.assumptions)}</section>"
        '<div class="pair"><section class="card"><h2>Parameters</h2>'
        f"{facts_table({**given.parameters, 'Trials': trials}, '')}</section>"
        f'<section class="card"><h2>Data</h2>{facts_table(given.data, "Not described.")}'
        "</section></div>"
        '<section class="card"><h2>Signals without an order, and refused orders</h2>'
        f"{facts_table(refused, 'None.')}</section>"
    )


def _proof(report: Report) -> str:
    given = report.given
    digest = ""
    if given.log_digest:
        digest = f'<p>Digest of the log: <span class="mono">{escaped(given.log_digest)}</span></p>'
    if given.verify:
        commands = escaped("\n".join(given.verify))
        how = (
            "<p>Every figure comes from the run's log. These commands prove it:</p>"
            f"<pre>{commands}</pre>"
        )
    else:
        how = '<p class="soft">No log was written: nothing here can be checked by others.</p>'
    return (
        f'<section class="card"><h2>How to verify</h2><p>Run '
        f'<span class="mono">{escaped(given.run_id)}</span> is the digest of code, parameters, '
        "data and engine. The same run gives the same bytes, this page included.</p>"
        f"{digest}{how}</section><footer>Made by {escaped(given.made_by)}. Past results of "
        "a simulation; no promise about the future.</footer>"
    )


def _signed(value: float | None) -> str:
    if value is None:
        return f"<b>{UNDEFINED}</b>"
    kind = "up" if value > 0 else "down"
    return f'<b class="{kind}">{percent(value, 1, signed=True)}</b>'


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _plain(value: float | None) -> str:
    return UNDEFINED if value is None else grouped(value, 2)


def _asset(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
