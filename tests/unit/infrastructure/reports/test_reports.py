"""The report: one page that needs nothing, the same bytes each time, and nothing hidden."""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.brokers.extras import MissingExtraError
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.compute.statistics.catalogue import STATISTICS
from traderbot.infrastructure.compute.statistics.sample import DAY
from traderbot.infrastructure.compute.statistics.trade_table import (
    TRADE,
    no_trades,
    trade_table,
)
from traderbot.infrastructure.reports.axes import calendar_marks, round_values
from traderbot.infrastructure.reports.errors import ReportNotWrittenError
from traderbot.infrastructure.reports.html_report import html_report
from traderbot.infrastructure.reports.json_report import json_report
from traderbot.infrastructure.reports.report import report_of
from traderbot.infrastructure.reports.report_input import (
    Assumption,
    PricePath,
    ReportInput,
    Trials,
)
from traderbot.infrastructure.reports.texts import days, grouped, instant, money, percent
from traderbot.infrastructure.reports.thinning import sampled, thinned
from traderbot.infrastructure.reports.writing import FORMS, write_reports

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def a_walk(steps: FloatArray) -> FloatArray:
    return np.asarray(100.0 * np.cumprod(1.0 + steps), dtype=np.float64)


def a_run(bars: int = 300, seed: int = 1) -> ReportInput:
    random = np.random.default_rng(seed)
    close = a_walk(random.normal(0, 0.01, bars))
    equity = a_walk(random.normal(0.0005, 0.01, bars))
    return ReportInput(
        title="RSI_CROSS on IBM, 1d",
        run_id="ab" * 16,
        currency="USD",
        at=np.arange(bars) * DAY,
        equity=equity,
        trades=trade_table(
            [
                (10, 20, 1, 5.0, 100.0, 110.0, 49.0, 1.0),
                (30, 45, -1, 5.0, 110.0, 115.0, -26.0, 1.0),
            ]
        )
        if bars > 45
        else no_trades(),
        prices=(PricePath(symbol="IBM", open=close, high=close, low=close, close=close),),
        assumptions=(Assumption(name="Fees", value="10 bps", meaning="at each fill"),),
        parameters={"period": "14"},
        data={"Source": "sample"},
        refused={"INSUFFICIENT_FUNDS": 3},
        trials=Trials(count=200, sharpe_deviation=0.02),
        verify=("traderbot audit verify",),
    )


class Page(HTMLParser):
    """What a browser would make of the page: its elements, whether all are closed, its text."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(self.text)


def page_of(given: ReportInput) -> Page:
    return Page(html_report(report_of(given)))


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = page_of(a_run())
    assert page.open == []
    loading = {"src", "srcset", "action", "data", "poster", "background", "style", "onclick"}
    for tag, attributes in page.tags:
        assert not loading & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("href", "xlink:href"):
            assert str(attributes.get(name) or "#").startswith("#"), tag
    assert not {"link", "img", "iframe", "object", "embed", "base"} & {t for t, _ in page.tags}
    # Explanations name sources by author and title; there is no address to follow by accident.
    assert "http:" not in page.words
    assert "https:" not in page.words


def test_its_policy_allows_only_its_own_style_and_script() -> None:
    page = page_of(a_run())
    policies = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert len(policies) == 1
    policy = str(policies[0])
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/]{43}='", policy)) == 2


def test_whatever_a_name_contains_stays_text() -> None:
    given = replace(
        a_run(),
        title=HOSTILE,
        run_id=HOSTILE,
        currency=HOSTILE,
        prices=(replace(a_run().prices[0], symbol=HOSTILE),),
        assumptions=(Assumption(name=HOSTILE, value=HOSTILE, meaning=HOSTILE),),
        parameters={HOSTILE: HOSTILE},
        data={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
        refused={HOSTILE: 1},
        verify=(HOSTILE,),
        log_digest=HOSTILE,
    )
    page, plain = page_of(given), page_of(a_run())
    assert page.open == []
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 2
    assert tags.count("img") == 0
    assert set(tags) <= {tag for tag, _ in plain.tags} | {"aside", "ul", "li"}


def test_the_page_tells_what_a_reader_must_know() -> None:
    words = page_of(a_run()).words
    for text in (
        "RSI_CROSS on IBM, 1d", "ab" * 16, "Trials: 200", "Fees", "10 bps", "How to verify",
        "traderbot audit verify", "INSUFFICIENT_FUNDS", "period", "Monthly returns",
        "Deepest drawdowns", "Long", "Short",
    ):  # fmt: skip
        assert text in words
    for one in STATISTICS.values():
        assert one.title in words
        assert one.source in words


def test_a_run_whose_trials_nobody_counted_says_so_everywhere() -> None:
    report = report_of(replace(a_run(), trials=None))
    assert "Nobody counted" in html_report(report)
    assert "Trials: not counted" in html_report(report)
    told = json.loads(json_report(report))["evidence"]
    assert told["trials"] is None
    assert told["deflated_sharpe"] is None
    assert "Nobody counted" in told["says"][0]


def test_more_trials_prove_less() -> None:
    def chance(trials: int) -> float:
        found = report_of(replace(a_run(), trials=Trials(count=trials))).evidence.deflated
        assert found is not None
        return found

    assert chance(1) > chance(2) > chance(10) > chance(1000)


def test_the_trials_own_deviation_is_used_when_it_is_known() -> None:
    near = report_of(replace(a_run(), trials=Trials(count=50, sharpe_deviation=0.001))).evidence
    far = report_of(replace(a_run(), trials=Trials(count=50, sharpe_deviation=0.5))).evidence
    assert near.deflated is not None
    assert far.deflated is not None
    assert near.deflated > far.deflated
    assert near.verdict in {"holds", "open"}
    assert far.verdict == "luck"


def test_impossible_trials_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least 1 trial"):
        Trials(count=0)
    with pytest.raises(InvalidValueError, match="0 or above"):
        Trials(count=2, sharpe_deviation=float("nan"))


def test_the_same_run_makes_the_same_bytes(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in write_reports(a_run(), tmp_path / "a", FORMS)}
    other = {path.name: path.read_bytes() for path in write_reports(a_run(), tmp_path / "b", FORMS)}
    assert first == other
    assert sorted(first) == [
        "equity.csv", "report.html", "report.json", "report.png", "statistics.csv", "trades.csv",
    ]  # fmt: skip
    assert first["report.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("bars", [1, 2, 3, 46])
def test_a_short_run_is_shown(bars: int) -> None:
    assert page_of(a_run(bars)).open == []
    json.loads(json_report(report_of(a_run(bars))))


def test_a_run_that_lost_everything_is_shown() -> None:
    equity = np.linspace(100.0, -50.0, 60)
    report = report_of(replace(a_run(60), equity=equity))
    page = Page(html_report(report))
    assert "The equity reached zero" in page.words
    assert json.loads(json_report(report))["statistics"]["sharpe"] is None


def test_what_is_still_open_at_the_end_is_said() -> None:
    held = np.zeros(300)
    held[-1] = 512.5
    report = report_of(replace(a_run(), position_value=held))
    assert any("512.50 USD is open at the end" in text for text in report.warnings)


def test_many_trades_are_cut_and_the_page_says_so() -> None:
    table = np.zeros(700, dtype=TRADE)
    table["entry_bar"], table["exit_bar"] = np.arange(700) % 290, np.arange(700) % 290 + 1
    table["side"], table["quantity"], table["entry_price"], table["exit_price"] = 1, 1, 100, 101
    words = page_of(replace(a_run(), trades=table)).words
    assert "200 older trades are in trades.csv" in words
    assert "the last 400" in words


def test_several_symbols_have_a_chart_each_and_a_column() -> None:
    run = a_run()
    table = np.zeros(2, dtype=[*TRADE.descr, ("symbol", "<i8")])
    for name in TRADE.names or ():
        table[name] = run.trades[name]
    table["symbol"] = [0, 1]
    two = (run.prices[0], replace(run.prices[0], symbol="GOOG"))
    page = page_of(replace(run, prices=two, trades=table))
    assert "GOOG: 1 trades" in page.words
    assert "IBM: 1 trades" in page.words
    assert sum(tag == "use" and "x" in a for tag, a in page.tags) == 4
    table["symbol"] = [0, 2]
    with pytest.raises(InvalidValueError, match="row 1, column symbol"):
        report_of(replace(run, prices=two, trades=table))


def test_several_symbols_are_held_against_all_of_them_for_equal_money() -> None:
    rising, falling = a_walk(np.full(300, 0.001)), a_walk(np.full(300, -0.001))
    paths = [
        PricePath(symbol=name, open=path, high=path, low=path, close=path)
        for name, path in (("UP", rising), ("DOWN", falling))
    ]
    found = report_of(replace(a_run(), prices=paths)).figures["benchmark_return"]
    expected = (rising[-1] / rising[0] + falling[-1] / falling[0]) / 2 - 1
    assert found == pytest.approx(expected)
    worthless = replace(paths[0], close=rising - rising[5])
    assert report_of(replace(a_run(), prices=[worthless])).figures["benchmark_return"] is None


def test_a_thousand_symbols_and_trades_make_no_endless_page() -> None:
    run = a_run()
    table = np.zeros(50_000, dtype=TRADE)
    table["exit_bar"], table["side"], table["quantity"] = 1, 1, 1
    table["entry_price"], table["exit_price"] = 100, 101
    page = html_report(report_of(replace(run, prices=[*run.prices] * 100, trades=table)))
    assert "88 more symbols are not drawn" in page
    assert "too many to be drawn" in page
    assert len(page) < 1_500_000


def test_arrays_that_do_not_fit_are_refused_by_name() -> None:
    path = replace(a_run().prices[0], low=np.ones(5))
    with pytest.raises(InvalidValueError, match=r"IBM low is of shape \(5,\) for 300 bars"):
        report_of(replace(a_run(), prices=(path,)))


def test_json_has_every_statistic_and_no_nan() -> None:
    told = json.loads(json_report(report_of(a_run())))
    assert told["spec"] == "traderbot.report/1"
    assert set(told["statistics"]) == set(told["units"]) == set(STATISTICS)
    assert told["trades"][0]["profit"] == 49.0
    assert len(told["equity"]) == len(told["at"]) == told["bars"] == 300
    assert "NaN" not in json_report(report_of(a_run()))


def test_csv_reads_back_as_the_same_floats(tmp_path: Path) -> None:
    write_reports(a_run(), tmp_path, ("csv",))
    rows = list(csv.DictReader(StringIO((tmp_path / "equity.csv").read_text())))
    assert [float(row["equity"]) for row in rows] == a_run().equity.tolist()
    assert rows[1]["at"] == "1970-01-02T00:00:00.000000Z"
    trades = list(csv.DictReader(StringIO((tmp_path / "trades.csv").read_text())))
    assert [float(row["profit"]) for row in trades] == [49.0, -26.0]
    assert trades[0]["symbol"] == "IBM"
    figures = list(csv.DictReader(StringIO((tmp_path / "statistics.csv").read_text())))
    assert [row["name"] for row in figures] == list(STATISTICS)


def test_no_cell_of_a_table_is_a_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    given = replace(a_run(), prices=(replace(a_run().prices[0], symbol="=1+1"),))
    write_reports(given, tmp_path, ("csv",))
    row = next(csv.DictReader(StringIO((tmp_path / "trades.csv").read_text())))
    assert row["symbol"] == "'=1+1"


def test_an_unknown_form_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="not 'pdf'"):
        write_reports(a_run(), tmp_path / "out", ("html", "pdf"))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportNotWrittenError, match=r"file/report.html: .*; give another"):
        write_reports(a_run(), tmp_path / "file", ("html",))


def test_a_picture_without_matplotlib_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"\[report\]"):
        write_reports(a_run(), tmp_path, ("html", "png"))
    assert list(tmp_path.iterdir()) == []


def test_half_a_million_bars_make_a_page_of_ordinary_size() -> None:
    curve = a_walk(np.random.default_rng(2).normal(0, 0.0005, 500_000))
    path = PricePath(symbol="IBM", open=curve, high=curve, low=curve, close=curve)
    minutes = np.arange(500_000) * (DAY // 1440)
    page = html_report(report_of(replace(a_run(), at=minutes, equity=curve, prices=(path,))))
    assert len(page) < 600_000


def test_thinning_keeps_every_extreme_of_every_column() -> None:
    values = np.random.default_rng(3).normal(size=50_000)
    kept = thinned(values, 100)
    assert kept.size <= 400
    assert {0, 49_999, int(values.argmin()), int(values.argmax())} <= set(kept.tolist())
    for part in np.array_split(np.arange(50_000), 100):
        mine = values[kept[(kept >= part[0]) & (kept <= part[-1])]]
        assert (mine.min(), mine.max()) == (values[part].min(), values[part].max())
    assert thinned(values[:50], 100).tolist() == list(range(50))
    assert sampled(1000, 10).tolist()[0::9] == [0, 999]


@pytest.mark.parametrize(
    ("days_", "first"), [(3000, "1971"), (200, "Feb 1970"), (20, "2 Jan"), (1, None)]
)
def test_dates_below_a_chart_fit_its_length(days_: int, first: str | None) -> None:
    marks = calendar_marks(np.arange(days_) * DAY, 7)
    assert len(marks) <= 7
    assert (marks[0][1] if marks else None) == first


def test_hours_are_named_when_a_day_is_all_there_is() -> None:
    marks = calendar_marks(np.arange(120) * (DAY // 1440), 7)
    assert [name for _, name in marks] == ["1 Jan 01:00"]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-3.2, 7.7), (99.0, 101.0), (1e6, 9e6), (5.0, 5.0)]
)
def test_the_scale_is_round_and_within_its_bounds(low: float, high: float) -> None:
    values = round_values(low, high, 4)
    assert 1 <= len(values) <= 6
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)


def test_numbers_are_written_as_a_reader_wants_them() -> None:
    assert grouped(-1234567.891, 2) == "−1,234,567.89"
    assert grouped(-0.001, 2) == "0.00"
    assert grouped(2e18, 2) == "2e+18"
    assert percent(0.12345, 1, signed=True) == "+12.3\u202f%"
    assert percent(None) == "–"
    assert money(0.000123456) == "0.0001235"
    assert money(-0.0000123456) == "−1.235e-05"
    assert (days(0.01), days(0.5), days(5), days(500)) == ("14 min", "12.0 h", "5.0 d", "500 d")
    assert instant(DAY + DAY // 2) == "1970-01-02 12:00"
