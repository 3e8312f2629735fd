"""Values as JSON has them, and texts as a terminal may see them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.application.views import Page
from traderbot.domain.orders.ticket import Side
from traderbot.domain.shared.values import Money, Price, symbol
from traderbot.presentation.cli.plain import as_json, moment, plain_data, printable


@dataclass(frozen=True, slots=True)
class _Thing:
    price: Price
    inner: Page[str]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("0.00000001"), "0.00000001"),
        (Decimal("1E+3"), "1000"),
        (Price("1.50"), "1.5"),
        (Money("100", "USD"), "100 USD"),
        (symbol("BTC/USDT"), "BTC/USDT"),
        (Side.BUY, "buy"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00.000000Z"),
        (
            datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))),
            "2026-01-02T02:00:00.000000Z",
        ),
        (Path("a"), "a"),
        ((1, None, True), [1, None, True]),
        ({"a": (Side.SELL,)}, {"a": ["sell"]}),
        (
            _Thing(Price("2"), Page(("x",))),
            {"price": "2", "inner": {"items": ["x"], "next_cursor": None}},
        ),
    ],
)
def test_plain_data(value: object, expected: object) -> None:
    assert plain_data(value) == expected


def test_a_document_is_ascii_and_has_no_nan() -> None:
    assert as_json({"name": "Łódź"}).isascii()
    with pytest.raises(ValueError, match="Out of range"):
        as_json({"value": float("nan")})


@given(st.text())
def test_what_is_printed_is_printable_and_says_the_same_if_it_was(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda it: st.lists(it) | st.dictionaries(st.text(), it),
    )
)
def test_json_there_and_back_is_identity(value: object) -> None:
    assert json.loads(as_json(value)) == value


def test_a_moment_is_told_to_the_second() -> None:
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)) == "2026-01-02 03:04:05Z"
    assert moment(None) == ""
