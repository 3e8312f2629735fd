from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from traderbot.application.errors import NotFoundError
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.domain.shared.instants import instant_text
from traderbot.domain.shared.values import Currency, Quantity, Symbol
from traderbot.presentation.api.schemas import values
from traderbot.presentation.api.schemas.values import (
    CURRENCY_PATTERN,
    DECIMAL_PATTERN,
    SYMBOL_PATTERN,
)


def _takes(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def _domain_takes(make: type, text: str) -> bool:
    try:
        make(text)
    except InvalidValueError:
        return False
    return True


NEAR = "0123456789.-/ABCDabcd +e_\u0661\uff11\n"


@given(st.text(NEAR, max_size=24) | st.from_regex(DECIMAL_PATTERN, fullmatch=True))
def test_an_amount_is_what_the_pattern_says_and_the_domain_takes_it(text: str) -> None:
    matches = re.fullmatch(DECIMAL_PATTERN, text, re.ASCII) is not None
    assert _takes(values.DecimalText, text) is matches
    if matches:
        assert Quantity(text).value >= 0


@given(st.text(NEAR, max_size=12) | st.from_regex(SYMBOL_PATTERN, fullmatch=True))
def test_a_symbol_is_what_the_domain_takes_and_the_pattern_says_so(text: str) -> None:
    taken = _takes(values.SymbolText, text)
    assert taken is _domain_takes(Symbol, text)
    assert taken is (re.fullmatch(SYMBOL_PATTERN, text, re.ASCII) is not None)


@given(st.text(NEAR, max_size=12) | st.from_regex(CURRENCY_PATTERN, fullmatch=True))
def test_a_currency_is_what_the_domain_takes_and_the_pattern_says_so(text: str) -> None:
    taken = _takes(values.CurrencyText, text)
    assert taken is _domain_takes(Currency, text)
    assert taken is (re.fullmatch(CURRENCY_PATTERN, text, re.ASCII) is not None)


@pytest.mark.parametrize(
    "name", ["savings", "Sparstrümpfe", "積立", "a b", "e\u0301", "❤", "a" * 64]
)
def test_names_of_many_languages_are_taken(name: str) -> None:
    assert _takes(values.NameText, name)


@pytest.mark.parametrize(
    "name",
    ["", " ", " a", "a ", "a\nb", "a\x00", "\ud800", "a\u202eb", "a\u200bb", "e" + "\u0301" * 5,
     "a" * 65, "\u3000a", "a\u00a0"],
)  # fmt: skip
def test_names_that_print_as_something_else_are_refused(name: str) -> None:
    assert not _takes(values.NameText, name)


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_written_with_six_digits_and_read_back(at: datetime) -> None:
    text = instant_text(at)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert TypeAdapter(values.InstantText).validate_python(text) == at


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    at = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert instant_text(at) == "2025-12-31T23:00:00.000000Z"


@pytest.mark.parametrize(
    "number", ["0", "201", "-1", "+1", " 1", "1_0", "1.0", "\u0661", "", "9" * 5000]
)
def test_a_limit_is_1_to_200_in_plain_digits(number: str) -> None:
    assert not _takes(values.LimitNumber, number)
    assert _takes(values.LimitNumber, "200")


@pytest.mark.parametrize("kind", [values.OrderIdPath, values.PortfolioIdPath])
def test_what_is_no_id_is_missing(kind: Any) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python(values.EXAMPLE_ORDER) == values.EXAMPLE_ORDER
    for text in ("", "x", values.EXAMPLE_ORDER.upper(), values.EXAMPLE_ORDER + "\n", "\ud7ff"):
        with pytest.raises(NotFoundError):
            adapter.validate_python(text)
