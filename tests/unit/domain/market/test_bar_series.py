from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON, a_bar, later
from traderbot.domain.market.bar_series import BarSeries, digest_of, series_id
from traderbot.domain.market.events import BarsRecorded
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.values import symbol

AN_IMPORT: dict[str, Any] = {
    "symbol": symbol("BTC/USDT"),
    "timeframe": Timeframe.H1,
    "first_at": NOON,
    "last_at": later(60),
    "count": 2,
    "digest": "ab" * 32,
    "source": "file:btc.csv",
    "at": later(90),
}


def test_an_import_becomes_a_fact() -> None:
    assert BarSeries.record(None, **AN_IMPORT) == (BarsRecorded(**AN_IMPORT),)


def test_the_same_bars_again_are_no_news_whoever_brought_them_and_whatever_came_between() -> None:
    first = BarsRecorded(**AN_IMPORT)
    more = replace(first, last_at=later(120), count=3, digest="cd" * 32)
    series = BarSeries.from_events([first, more])
    assert series.version == 2
    assert BarSeries.record(series, **{**AN_IMPORT, "source": "sample:BTC"}) == ()
    assert len(BarSeries.record(series, **{**AN_IMPORT, "digest": "ef" * 32})) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"count": 0}, "no bars"),
        ({"last_at": later(-1)}, "no bars"),
        ({"first_at": datetime(2025, 1, 2)}, "aware UTC instant"),  # noqa: DTZ001 - the subject
        ({"digest": "AB" * 32}, "64 hex digits"),
        ({"digest": "ab"}, "64 hex digits"),
        ({"source": ""}, "1 to 200"),
        ({"source": "x" * 201}, "1 to 200"),
        ({"source": "a\nb"}, "1 to 200"),
    ],
)
def test_what_cannot_be_an_import_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidValueError, match=why):
        BarSeries.record(None, **{**AN_IMPORT, **change})


@given(
    codes=st.lists(
        st.from_regex(r"[A-Z0-9]{1,10}([.-][A-Z0-9]{1,4})?(/[A-Z0-9]{2,10})?", fullmatch=True),
        min_size=2,
        max_size=2,
        unique=True,
    ),
    timeframe=st.sampled_from(Timeframe),
)
def test_no_two_series_share_an_id_and_none_has_a_slash(
    codes: list[str], timeframe: Timeframe
) -> None:
    first, second = (series_id(symbol(code), timeframe) for code in codes)
    assert first != second
    assert "/" not in first


def test_the_digest_can_be_computed_by_hand() -> None:
    bars = [a_bar(), a_bar(at=later(60), close="101.50", volume="0")]
    lines = (
        "AAPL 1h 2025-01-02T12:00:00.000000Z 100 110 90 105 1000\n"
        "AAPL 1h 2025-01-02T13:00:00.000000Z 100 110 90 101.5 0\n"
    )
    assert digest_of(bars) == sha256(lines.encode()).hexdigest()
    assert digest_of(bars[::-1]) != digest_of(bars)
