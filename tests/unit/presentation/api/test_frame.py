from __future__ import annotations

from datetime import UTC, datetime

import pytest

from traderbot.presentation.api.frame import frame_of, prefers, put_frame

OURS = "0199a1b2-0000-7000-8000-000000000009"
THEIRS = "0199a1b2-0000-7000-8000-00000000cafe"


def _scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"type": "http", "headers": list(headers)}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ([], OURS),
        ([THEIRS], THEIRS),
        ([THEIRS.upper()], THEIRS),
        ([THEIRS, THEIRS], OURS),
        ([f"{{{THEIRS}}}"], OURS),
        ([THEIRS + "\n"], OURS),
        (["\u00e9"], OURS),
        ([""], OURS),
    ],
)
def test_one_uuid_is_taken_over_as_the_request_id(given: list[str], taken: str) -> None:
    scope = _scope(*((b"x-request-id", each.encode("latin-1")) for each in given))
    frame = put_frame(scope, lambda: OURS, lambda: datetime.now(UTC))
    assert frame.request_id == taken
    assert frame_of(scope) is frame


@pytest.mark.parametrize(
    ("accepts", "wanted"),
    [
        ([], False),
        (["*/*"], False),
        (["application/json"], False),
        (["application/problem+json"], True),
        (["Application/Problem+JSON;q=0.5"], True),
        (["application/problem+json, application/json"], True),
        (["application/json", "application/problem+json"], True),
        (["application/json, application/problem+json;q=0.9"], False),
        (["application/problem+json;q=0"], False),
        (["application/problem+json;q=x"], False),
        (["application/*"], False),
        (["\x00,;=;,q=,"], False),
        (["a," * 100_000 + "application/problem+json"], False),
    ],
)
def test_a_problem_document_is_for_those_who_name_it(accepts: list[str], wanted: bool) -> None:
    scope = _scope(*((b"accept", each.encode("latin-1")) for each in accepts))
    frame = put_frame(scope, lambda: OURS, lambda: datetime.now(UTC))
    assert frame.wants_problem is wanted


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/plain", True),
        ("text/plain, application/json;q=0.9", True),
        ("text/plain;q=0.5, application/json", False),
        ("application/json", False),
        ("text/*", False),
        ("*/*", False),
        ("text/plain;q=0", False),
    ],
)
def test_text_is_sent_to_whom_names_it(accept: str, wanted: bool) -> None:
    assert prefers(_scope((b"accept", accept.encode())), "text/plain") is wanted
