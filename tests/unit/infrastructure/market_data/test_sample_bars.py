from __future__ import annotations

from importlib.resources import files

import pytest

from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.market_data.sample_bars import (
    UnknownSampleError,
    sample_bars,
    sample_names,
)


def test_the_samples_are_listed() -> None:
    assert sample_names() == ["GOOG", "IBM"]


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [("IBM", 3270, "2000-03-01", "2013-03-01"), ("GOOG", 2148, "2004-08-19", "2013-03-01")],
)
def test_a_sample_holds_the_days_its_provenance_says(
    name: str, count: int, first: str, last: str
) -> None:
    bars = sample_bars(name)
    assert len(bars) == count
    assert (f"{bars[0].at:%Y-%m-%d}", f"{bars[-1].at:%Y-%m-%d}") == (first, last)
    assert {(bar.symbol, bar.timeframe) for bar in bars} == {(symbol(name), Timeframe.D1)}
    package = files("traderbot.infrastructure.market_data.samples")
    provenance = package.joinpath("PROVENANCE.md").read_text(encoding="utf-8")
    assert f"| `{name}-1d.csv.gz` |" in provenance
    assert f"| {count:,} | {first} | {last} |" in provenance


def test_a_sample_is_oldest_first() -> None:
    times = [bar.at for bar in sample_bars("IBM")]
    assert times == sorted(set(times))


def test_the_first_bar_is_as_printed_at_the_source() -> None:
    bar = sample_bars("IBM")[0]
    printed = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    assert [str(each) for each in printed] == ["102", "105.5", "100.06", "100.25", "10807800"]


@pytest.mark.parametrize("name", ["MSFT", "ibm", "../IBM", ""])
def test_an_unknown_sample_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownSampleError, match="there are: GOOG, IBM"):
        sample_bars(name)
