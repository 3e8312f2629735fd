"""Stored bars by HTTP, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import NOON, a_bar, later
from tests.e2e.api.running import Json, Person, Server, answered
from traderbot.domain.market.bars import Bar
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.instants import instant_text

BARS = [
    a_bar(symbol_code="CHART", timeframe=Timeframe.M5, at=later(5 * n), close=f"{91 + n % 15}.5")
    for n in range(25)
]
SERIES = {"symbol": "CHART", "timeframe": "5m"}


@pytest.fixture(autouse=True)
def _stored(server: Server) -> None:
    server.program.application.bars.add(BARS)


def shown(bar: Bar) -> dict[str, str]:
    return {
        "at": instant_text(bar.at),
        "closes_at": instant_text(bar.closes_at),
        "open": str(bar.open),
        "high": str(bar.high),
        "low": str(bar.low),
        "close": str(bar.close),
        "volume": str(bar.volume),
    }


def test_bars_come_oldest_first_with_amounts_as_text(ada: Person) -> None:
    told = answered(ada.client.get("/market/candles", params=SERIES), 200)
    assert told == {**SERIES, "items": [shown(it) for it in BARS], "next_cursor": None}


@pytest.mark.parametrize("limit", [1, 4, 24, 25])
def test_pages_leave_nothing_out_and_repeat_nothing(ada: Person, limit: int) -> None:
    seen: list[Json] = []
    cursor: str | None = None
    while True:
        asked = {**SERIES, "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        told = answered(ada.client.get("/market/candles", params=asked), 200)
        assert len(told["items"]) <= limit
        seen += told["items"]
        cursor = told["next_cursor"]
        if cursor is None:
            break
    assert seen == [shown(it) for it in BARS]


def test_the_start_belongs_to_a_stretch_and_the_end_does_not(ada: Person) -> None:
    stretch = {"start": instant_text(BARS[3].at), "end": instant_text(BARS[7].at)}
    told = answered(ada.client.get("/market/candles", params={**SERIES, **stretch}), 200)
    assert told["items"] == [shown(it) for it in BARS[3:7]]
    within = {**SERIES, **stretch, "limit": "2"}
    first = answered(ada.client.get("/market/candles", params=within), 200)
    assert first["items"] == [shown(it) for it in BARS[3:5]]
    rest = {**within, "cursor": first["next_cursor"]}
    last = answered(ada.client.get("/market/candles", params=rest), 200)
    assert (last["items"], last["next_cursor"]) == ([shown(it) for it in BARS[5:7]], None)


def test_a_stretch_without_bars_is_empty_and_an_unknown_series_is_not_found(ada: Person) -> None:
    late = {**SERIES, "start": instant_text(NOON + timedelta(days=9))}
    assert answered(ada.client.get("/market/candles", params=late), 200)["items"] == []
    unknown = {**SERIES, "symbol": "NOWHERE"}
    error = answered(ada.client.get("/market/candles", params=unknown), 404)["error"]
    assert (error["code"], error["message"]) == (
        "NOT_FOUND",
        "there is no such series of bars",
    )


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"timeframe": "7m"}, 422, "VALIDATION_ERROR"),
        ({"symbol": "apple"}, 422, "VALIDATION_ERROR"),
        ({"limit": "201"}, 422, "VALIDATION_ERROR"),
        ({"limit": "0"}, 422, "VALIDATION_ERROR"),
        ({"start": "2025-01-02"}, 422, "VALIDATION_ERROR"),
        ({"cursor": "bm90LWFuLWluc3RhbnQ"}, 422, "BAD_CURSOR"),
        ({"cursor": "MjAyNS0wMS0wMg"}, 422, "BAD_CURSOR"),
        ({"page": "2"}, 422, "VALIDATION_ERROR"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    ada: Person, asked: dict[str, str], status: int, code: str
) -> None:
    response = ada.client.get("/market/candles", params={**SERIES, **asked})
    assert answered(response, status)["error"]["code"] == code


def test_the_year_one_is_a_beginning_like_any_other(ada: Person) -> None:
    asked = {**SERIES, "start": "0001-01-01T00:00:00Z", "limit": "1"}
    told = answered(ada.client.get("/market/candles", params=asked), 200)
    assert told["items"] == [shown(BARS[0])]


def test_strangers_see_nothing(server: Server) -> None:
    with server.client() as client:
        answered(client.get("/market/candles", params=SERIES), 401)
