"""What a failed call means is read from what came back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.infrastructure.brokers.evidence import Evidence, never_connected
from traderbot.infrastructure.brokers.venue_errors import CCXT, Meaning, by_class, meaning_of

TAKEN = '{"code": -2010, "msg": "Duplicate order sent."}'
REFUSAL = '{"code": -2010, "msg": "Account has insufficient balance"}'


def evidence(status: int | None, text: str = REFUSAL, **headers: str) -> Evidence:
    return Evidence(tried=True, begun=True, status=status, text=text, headers=headers)


@given(
    status=st.one_of(st.none(), st.integers(100, 599)),
    text=st.sampled_from([REFUSAL, "", "<html>", "[]", "null", "{}", '{"code": 1}', "{"]),
    says=st.sampled_from(Meaning),
)
def test_only_a_clear_refusal_by_the_venue_is_a_refusal(
    status: int | None, text: str, says: Meaning
) -> None:
    meaning = meaning_of(evidence(status, text), says)
    clear = status is not None and 400 <= status < 500 and text in {REFUSAL, '{"code": 1}'}
    if meaning in {Meaning.REFUSED, Meaning.ABSENT, Meaning.DUPLICATE}:
        assert clear
    if meaning is Meaning.DEFERRED:
        assert clear or status in {418, 429}
    assert meaning is not Meaning.NOT_SENT or says is Meaning.NOT_SENT


@pytest.mark.parametrize(
    ("status", "text", "says", "meaning"),
    [
        (400, REFUSAL, Meaning.REFUSED, Meaning.REFUSED),
        (401, REFUSAL, Meaning.DEFERRED, Meaning.REFUSED),
        (404, REFUSAL, Meaning.ABSENT, Meaning.ABSENT),
        (400, REFUSAL, Meaning.UNKNOWN, Meaning.UNKNOWN),
        (400, TAKEN, Meaning.REFUSED, Meaning.DUPLICATE),
        (422, '{"message": "client_order_id must be unique"}', Meaning.REFUSED, Meaning.DUPLICATE),
        (400, '{"code": -1007, "msg": "Timeout"}', Meaning.REFUSED, Meaning.UNKNOWN),
        (408, REFUSAL, Meaning.REFUSED, Meaning.UNKNOWN),
        (409, REFUSAL, Meaning.REFUSED, Meaning.UNKNOWN),
        (418, "", Meaning.UNKNOWN, Meaning.DEFERRED),
        (429, "<html>", Meaning.REFUSED, Meaning.DEFERRED),
        (403, "<html>", Meaning.REFUSED, Meaning.UNKNOWN),
        (500, REFUSAL, Meaning.REFUSED, Meaning.UNKNOWN),
        (302, REFUSAL, Meaning.REFUSED, Meaning.UNKNOWN),
        (200, REFUSAL, Meaning.REFUSED, Meaning.UNKNOWN),
        (None, "", Meaning.REFUSED, Meaning.UNKNOWN),
    ],
)
def test_the_answer_decides_and_the_class_only_adds_to_it(
    status: int | None, text: str, says: Meaning, meaning: Meaning
) -> None:
    assert meaning_of(evidence(status, text), says) is meaning


def test_what_never_left_was_refused_here_or_not_sent() -> None:
    assert meaning_of(Evidence(), Meaning.REFUSED) is Meaning.REFUSED
    assert meaning_of(Evidence(), Meaning.UNKNOWN) is Meaning.NOT_SENT
    assert meaning_of(Evidence(tried=True), Meaning.REFUSED) is Meaning.NOT_SENT


def test_a_class_nobody_has_named_means_what_the_class_above_it_means() -> None:
    class InvalidOrder(Exception):  # noqa: N818 - ccxt's own name
        pass

    class OfTomorrow(InvalidOrder):
        pass

    assert by_class(OfTomorrow(), CCXT) is Meaning.REFUSED
    assert by_class(KeyError(), CCXT) is Meaning.UNKNOWN


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("999999", 3600.0), ("soon", None), ("", None)],
)
def test_how_long_to_wait_is_believed_within_reason(told: str, seconds: float | None) -> None:
    assert Evidence(headers={"Retry-After": told}).retry_after_seconds == seconds
    assert Evidence(headers={"retry-after": told}).retry_after_seconds == seconds


def test_a_date_to_wait_for_is_understood() -> None:
    past = Evidence(headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert past.retry_after_seconds == 0.0
    assert Evidence().retry_after_seconds is None


def test_numbers_of_an_answer_are_text() -> None:
    told = Evidence(text='{"a": 0.1, "b": 123456789012345678901.123456789, "c": 1}').json()
    assert told == {"a": "0.1", "b": "123456789012345678901.123456789", "c": "1"}
    assert Evidence(text="[" * 100_000).json() is None


def test_an_error_below_another_proves_that_nobody_was_reached() -> None:
    class NewConnectionError(OSError):
        pass

    class MaxRetryError(Exception):
        def __init__(self, reason: Exception) -> None:
            super().__init__("too often")
            self.reason = reason

    assert never_connected(ConnectionError(MaxRetryError(NewConnectionError())))
    assert not never_connected(ConnectionError(MaxRetryError(TimeoutError())))
    circle = ValueError()
    circle.__cause__ = circle
    assert not never_connected(circle)
