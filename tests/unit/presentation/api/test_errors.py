from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import traderbot
from traderbot.domain.shared.errors import DomainError, TraderbotError
from traderbot.presentation.api.errors import TABLE, answer, entry_of, printable
from traderbot.presentation.api.frame import Frame
from traderbot.presentation.api.schemas.errors import FailureDetail


def _every_error() -> Iterator[type[TraderbotError]]:
    for module in pkgutil.walk_packages(traderbot.__path__, "traderbot."):
        if not module.name.startswith("traderbot.infrastructure.persistence.migrations."):
            importlib.import_module(module.name)
    waiting = [TraderbotError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("traderbot."):
            yield kind


def test_every_error_of_the_program_has_a_status() -> None:
    missing = {kind.__name__: kind.code for kind in _every_error() if kind.code not in TABLE}
    assert missing == {}


def test_what_a_rule_refuses_is_never_called_the_servers_fault() -> None:
    for kind in _every_error():
        if issubclass(kind, DomainError):
            assert 400 <= TABLE[kind.code].status < 500, kind


def test_an_error_of_somebody_elses_is_treated_as_its_base() -> None:
    class OwnRuleError(DomainError):
        code: ClassVar[str] = "OWN_RULE"

    assert entry_of(OwnRuleError("no")) is TABLE["DOMAIN_ERROR"]


def test_what_is_told_of_our_own_failures_is_written_beforehand() -> None:
    for code, entry in TABLE.items():
        assert entry.status < 500 or entry.said or code == "NOT_READY"


def test_who_shall_come_back_is_told_when_and_who_shall_log_in_how() -> None:
    for entry in TABLE.values():
        assert ("Retry-After" in entry.headers) >= (entry.status == 503)
        assert ("WWW-Authenticate" in entry.headers) is (entry.status == 401)


def _frame(*, wants_problem: bool = False) -> Frame:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    return Frame("0199a1b2-0000-7000-8000-000000000009", lambda: now, wants_problem)


@given(st.text(st.characters(categories=None), max_size=2000))
def test_any_text_at_all_makes_a_clean_answer(text: str) -> None:
    detail = FailureDetail.model_construct(field=text, message=text)
    for wants_problem in (False, True):
        frame = _frame(wants_problem=wants_problem)
        response = answer(frame, "VALIDATION_ERROR", text, details=[detail])
        body = bytes(response.body)
        assert json.loads(body.decode("utf-8"))
        assert body.decode("utf-8").isprintable()
        assert len(body) < 20_000


def test_a_failure_is_written_as_the_contract_says() -> None:
    response = answer(_frame(), "NOT_FOUND", "there is no such order")
    assert response.status_code == 404
    assert json.loads(bytes(response.body)) == {
        "success": False,
        "error": {
            "code": "NOT_FOUND",
            "message": "there is no such order",
            "timestamp": "2026-11-21T12:00:00.000000Z",
            "request_id": "0199a1b2-0000-7000-8000-000000000009",
        },
    }


def test_only_so_many_details_are_told() -> None:
    details = [FailureDetail(field=f"f{number}", message="m") for number in range(1000)]
    body = json.loads(bytes(answer(_frame(), "VALIDATION_ERROR", "m", details=details).body))
    assert len(body["error"]["details"]) == 20


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 積", "plain ü 積"),
        ("a\nb\x00c\x1b[0m", "a?b?c?[0m"),
        ("\ud800\u202e\ufeff", "???"),
        ("a" * 501, "a" * 499 + "…"),
    ],
)
def test_text_is_shown_on_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown
