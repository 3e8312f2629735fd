from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.presentation.api.json_body import BadJsonError, is_json, parse_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_plain_json_is_read_as_everybody_reads_it(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text.encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_definite_no(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except BadJsonError:
        return
    assert json.loads(raw) == value


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not one complete"),
        (b"{}{}", "not one complete"),
        (b"\xef\xbb\xbf{}", "not one complete"),
        (b"\xff", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"b": {"a": 1, "\\u0061": 1}}', "twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e400]", "too large"),
        (b"[" + b"1" * 41 + b"]", "too long"),
        (b"[" * 17 + b"]" * 17, "deeper"),
        (b"[" * 600 + b"]" * 600, "deeper"),
        (b"[" * 100_000, "too many"),
        (b"[" + b"1," * 1001 + b"1]", "too many"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(raw: bytes, said: str) -> None:
    with pytest.raises(BadJsonError, match=said):
        parse_json(raw)


def test_sixteen_levels_are_read() -> None:
    value: object = 1
    for _ in range(16):
        value = [value]
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("types", "encodings", "yes"),
    [
        (["application/json"], [], True),
        (["APPLICATION/JSON ; charset=utf-8"], ["identity"], True),
        (['application/json; charset="UTF-8"'], [], True),
        ([], [], False),
        (["application/json", "application/json"], [], False),
        (["application/json;"], [], False),
        (["application/json; charset=latin-1"], [], False),
        (["application/json"], ["gzip"], False),
        (["application/json"], ["identity", "br"], False),
        (["application/problem+json"], [], False),
    ],
)
def test_only_plain_json_in_utf_8_counts(types: list[str], encodings: list[str], yes: bool) -> None:
    assert is_json(types, encodings) is yes
