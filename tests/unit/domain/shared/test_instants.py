from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.domain.shared.instants import instant, instant_text

_instants = st.datetimes(timezones=st.just(UTC))
_zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def test_an_instant_is_written_in_utc_with_six_digits_and_z() -> None:
    assert instant_text(datetime(2026, 11, 21, 12, tzinfo=UTC)) == "2026-11-21T12:00:00.000000Z"
    assert instant_text(datetime(1, 1, 1, 0, 0, 0, 1, UTC)) == "0001-01-01T00:00:00.000001Z"


def test_another_zone_is_the_same_instant() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    assert instant_text(datetime(2026, 1, 1, 0, 30, tzinfo=east)) == "2025-12-31T19:00:00.000000Z"


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(ValueError, match="naive"):
        instant_text(datetime(2026, 11, 21))  # noqa: DTZ001 - that is the point


@given(_instants)
def test_an_instant_there_and_back_is_identity(at: datetime) -> None:
    assert instant(instant_text(at)) == at
    assert instant(instant_text(at)).utcoffset() == timedelta(0)


@given(_instants, _instants)
def test_instants_sort_as_text_in_the_order_of_time(one: datetime, other: datetime) -> None:
    assert (instant_text(one) < instant_text(other)) is (one < other)


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=_zones)  # noqa: DTZ001
)
def test_the_zone_never_changes_the_instant(at: datetime) -> None:
    assert instant(instant_text(at)) == at


def test_the_two_readings_of_a_repeated_hour_are_two_instants() -> None:
    first = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert instant_text(first) == "2025-10-26T00:30:00.000000Z"
    assert instant_text(first.replace(fold=1)) == "2025-10-26T01:30:00.000000Z"
