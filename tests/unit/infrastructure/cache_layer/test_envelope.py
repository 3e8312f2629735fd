"""What goes to Redis comes back as it was, and what is no value of ours is none."""

from __future__ import annotations

import subprocess
import sys
import zlib
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traderbot.infrastructure.cache_layer.envelope import decode, encode
from traderbot.infrastructure.cache_layer.errors import (
    UncacheableValueError,
    UnreadableValueError,
)

ZONES = st.one_of(st.none(), st.just(UTC), st.just(timezone(timedelta(hours=5, minutes=30))))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT, st.binary(),
    st.decimals(allow_nan=False), st.datetimes(timezones=ZONES), st.dates(), st.times(),
    st.timedeltas(), st.uuids(),
)  # fmt: skip
HASHABLE = st.one_of(st.integers(), TEXT, st.decimals(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(TEXT, inner, max_size=5),
        st.dictionaries(HASHABLE, inner, max_size=5),
        st.sets(HASHABLE, max_size=5),
        st.frozensets(HASHABLE, max_size=5),
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Tell whether they are equal in value and, all the way down, in kind."""
    if type(one) is not type(other) or bool(one != other):
        return False
    if isinstance(one, dict):
        return all(same(it, other[key]) for key, it in one.items())
    if isinstance(one, list | tuple):
        return all(map(same, one, other))
    if isinstance(one, Decimal):
        return bool(one.as_tuple() == other.as_tuple())
    return True


@given(value=VALUES, small=st.booleans())
def test_there_and_back_is_identity(value: Any, small: bool) -> None:
    assert same(decode(encode(value, compress_above=0 if small else 10**9)), value)


ARRAYS = [
    np.arange(6.0), np.arange(6).reshape(2, 3), np.arange(24, dtype="f4").reshape(2, 3, 4),
    np.array(5.0), np.array([], dtype="i8"), np.zeros((3, 0)), np.array([True, False]),
    np.array(["ab", "c"]), np.array([b"ab", b"c"]), np.array([1 + 2j]),
    np.array(["2026-11-21T12:00", "NaT"], dtype="M8[s]"), np.array([5], dtype="m8[ns]"),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(10.0)[::2],
    np.array([1, 2], dtype=">i4"), np.array([np.nan, np.inf, -0.0]),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda it: f"{it.dtype}{it.shape}")
def test_an_array_comes_back_as_it_was(array: np.ndarray[Any, Any]) -> None:
    found = decode(encode({"bars": array}))["bars"]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)
    assert found.tobytes() == np.ascontiguousarray(array).tobytes()


@pytest.mark.parametrize("scalar", [np.float64(1.5), np.int32(7), np.bool_(True), np.str_("x")])
def test_a_number_of_numpy_stays_one(scalar: Any) -> None:
    found = decode(encode(scalar))
    assert type(found) is type(scalar)
    assert found == scalar


DAYS = pd.date_range("2026-11-01", periods=4, freq="D", tz="UTC")
FRAMES = [
    pd.DataFrame({"open": [1.0, 2.0], "close": [2.0, np.nan]}),
    pd.DataFrame({"close": np.arange(4.0)}, index=DAYS),
    pd.DataFrame({"close": np.arange(4.0)}, index=pd.RangeIndex(2, 10, 2, name="bar")),
    pd.DataFrame({"name": ["a", "b"], "n": [1, 2], "ok": [True, False]}),
    pd.DataFrame({"text": pd.array(["a", None], dtype="string")}),
    pd.DataFrame({"many": pd.array([1, None], dtype="Int64")}),
    pd.DataFrame({"at": DAYS.tz_convert("Europe/Berlin"), "x": range(4)}),
    pd.DataFrame({"price": [Decimal("1.10"), Decimal(2)]}, dtype="object"),
    pd.DataFrame(),
    pd.DataFrame({"a": []}),
    pd.DataFrame([[1, 2]], columns=["same", "same"]),
    pd.Series([1.0, 2.0], name="close", index=["x", "y"]),
    pd.Series([1, 2], name=("a", 1)),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda it: type(it).__name__)
def test_a_frame_comes_back_as_it_was(frame: Any) -> None:
    found = decode(encode(frame))
    check = pd.testing.assert_frame_equal
    if isinstance(frame, pd.Series):
        check = pd.testing.assert_series_equal
    check(found, frame)


@pytest.mark.parametrize("index", [DAYS, pd.Index(["a", "b"], name="symbol"), pd.RangeIndex(5)])
def test_an_index_comes_back_as_it_was(index: Any) -> None:
    pd.testing.assert_index_equal(decode(encode(index)), index)


class Something:
    """A class of the user's own."""


@pytest.mark.parametrize(
    "value",
    [Something(), Something, len, [Something()], {"a": {1: object()}}, np.array([object()]),
     np.zeros(2, dtype=[("a", "i4")]), pd.DataFrame({"a": pd.Categorical(["x"])}),
     pd.Series([1], index=pd.MultiIndex.from_tuples([("a", 1)])), "\ud800", np.ma.array([1]),
     pd.DataFrame({"a": [Something()]}, dtype="object")],
)  # fmt: skip
def test_what_cannot_be_read_back_is_refused(value: Any) -> None:
    with pytest.raises(UncacheableValueError):
        encode(value)


def test_the_refusal_says_what_can_be_kept() -> None:
    with pytest.raises(UncacheableValueError, match="Something cannot be kept in Redis: keep text"):
        encode(Something())


def test_what_is_large_is_packed_if_that_helps() -> None:
    text = "close " * 10_000
    assert len(encode(text)) < 2000
    noise = np.random.default_rng(7).bytes(100_000)
    assert 100_000 < len(encode(noise)) < 100_020
    assert decode(encode(noise)) == noise


@given(st.binary())
def test_bytes_of_others_are_no_value(raw: bytes) -> None:
    for magic in (b"", b"tb1", b"tz1"):
        try:
            decode(magic + raw)
        except UnreadableValueError:
            continue


@given(st.integers(0, 300), st.integers(0, 255))
def test_a_spoilt_byte_never_breaks_the_reader(place: int, byte: int) -> None:
    for value in ({"a": [Decimal("1.1"), (1, 2), datetime(2026, 1, 1, tzinfo=UTC)]}, FRAMES[1]):
        raw = bytearray(encode(value))
        raw[place % len(raw)] = byte
        try:
            decode(bytes(raw))
        except UnreadableValueError:
            continue


def test_a_bomb_does_not_go_off() -> None:
    bomb = b"tz1" + zlib.compress(b"\0" * (200 * 1024 * 1024), 9)
    with pytest.raises(UnreadableValueError, match="too large"):
        decode(bomb)


def test_pickle_is_nowhere_to_be_found() -> None:
    raw = (
        encode(FRAMES[1])
        + encode(ARRAYS[0])
        + encode((Decimal(1), date.min, time.max, UUID(int=1)))
    )
    assert b"pickle" not in raw
    assert b"reconstruct" not in raw


def test_numpy_and_pandas_are_not_loaded_for_plain_values() -> None:
    script = (
        "import sys\n"
        "from traderbot.infrastructure.cache_layer.envelope import decode, encode\n"
        "from traderbot.infrastructure.cache_layer import MemoryCache, HybridCache\n"
        "MemoryCache().set('x', decode(encode({'a': 1})))\n"
        "print(*sorted({'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
