"""A value as bytes that say of what kind it is. No pickle: what Redis holds is not trusted.

MessagePack, with an extension for each kind it does not know: decimals, instants, tuples, sets,
arrays, frames. Above a size it is compressed, if that saves a tenth. The first three bytes name
the format, so another version of this program reads none of it by mistake.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from traderbot.infrastructure.cache_layer.errors import (
    UncacheableValueError,
    UnreadableValueError,
)
from traderbot.infrastructure.cache_layer.values import is_frame

if TYPE_CHECKING:
    import numpy as np

COMPRESS_ABOVE: Final = 16 * 1024
LARGEST_BYTES: Final = 64 * 1024 * 1024
_PLAIN_MAGIC: Final = b"tb1"
_PACKED_MAGIC: Final = b"tz1"
_MAGIC_BYTES: Final = 3
_MOST_DIMENSIONS: Final = 16
_WORTH: Final = 0.9
_LARGEST_INT: Final = 2**63
# Numbers, bytes, text of fixed width, instants: nothing that could hold an object.
_DTYPE: Final = re.compile(r"[<>|=]?([biufcSU][0-9]{1,6}|[mM]8(\[[0-9]*[A-Za-z]{1,2}\])?)")
_SIMPLE: Final = frozenset({type(None), bool, float, str, bytes})


class _Kind(IntEnum):
    """The extensions. Their numbers are in Redis: never give one to another kind."""

    DECIMAL = 1
    DATETIME = 2
    DATE = 3
    TIME = 4
    TIMEDELTA = 5
    UUID = 6
    TUPLE = 7
    SET = 8
    FROZENSET = 9
    MAPPING = 10  # with keys that are no text
    LARGE_INT = 11
    ARRAY = 12
    SCALAR = 13
    FRAME = 14


def encode(value: Any, *, compress_above: int = COMPRESS_ABOVE) -> bytes:  # noqa: ANN401
    """Return a value as bytes.

    Raises:
        UncacheableValueError: it holds something of a kind that cannot be read back.
    """
    try:
        body = msgspec.msgpack.encode(_packed(value))
    except (UnicodeEncodeError, RecursionError, OverflowError) as error:
        msg = f"the value cannot be written: {error}"
        raise UncacheableValueError(msg) from error
    if len(body) > compress_above:
        small = zlib.compress(body, 1)
        if len(small) < len(body) * _WORTH:
            return _PACKED_MAGIC + small
    return _PLAIN_MAGIC + body


def decode(raw: bytes) -> Any:  # noqa: ANN401 - any value
    """Return the value of bytes.

    Raises:
        UnreadableValueError: this program did not write them, or another version of it.
    """
    magic, body = raw[:_MAGIC_BYTES], raw[_MAGIC_BYTES:]
    try:
        if magic == _PACKED_MAGIC:
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(body, LARGEST_BYTES)
            if not unpacker.eof:
                msg = "it is cut off, or too large"
                raise UnreadableValueError(msg)
        elif magic != _PLAIN_MAGIC:
            msg = "it has another form"
            raise UnreadableValueError(msg)
        return _decoder.decode(body)
    except (zlib.error, msgspec.MsgspecError, ValueError, TypeError, ArithmeticError) as error:
        msg = f"this is no value of the cache: {error}"
        raise UnreadableValueError(msg) from error
    except (ImportError, RecursionError, KeyError, LookupError, AttributeError) as error:
        msg = f"this value cannot be read here: {type(error).__name__}"
        raise UnreadableValueError(msg) from error


def _packed(value: Any) -> Any:  # noqa: ANN401, PLR0911 - a table of kinds
    kind = type(value)
    if kind in _SIMPLE:
        return value
    if kind is int:
        if -_LARGEST_INT <= value < _LARGEST_INT:
            return value
        return _text(_Kind.LARGE_INT, hex(value))
    if kind is list:
        return [_packed(it) for it in value]
    if kind is dict:
        if all(type(it) is str for it in value):
            return {name: _packed(it) for name, it in value.items()}
        pairs = [part for pair in value.items() for part in pair]
        return _nested(_Kind.MAPPING, pairs)
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    if is_frame(value):
        from traderbot.infrastructure.cache_layer.frames import frame_parts  # noqa: PLC0415

        return _nested(_Kind.FRAME, frame_parts(value))
    array = _array(value)
    if array is not None:
        return array
    msg = (
        f"a {kind.__module__}.{kind.__qualname__} cannot be kept in Redis: keep text, numbers, "
        "Decimals, instants, arrays, frames, or lists and dicts of them"
    )
    raise UncacheableValueError(msg)


def _array(value: Any) -> msgspec.msgpack.Ext | None:  # noqa: ANN401 - any value
    if not type(value).__module__.startswith("numpy"):
        return None
    import numpy as np  # noqa: PLC0415 - loaded already, or the value could not be

    if isinstance(value, np.generic):
        return _nested(_Kind.SCALAR, [np.asarray(value)])
    if type(value) is not np.ndarray:
        return None
    if not _DTYPE.fullmatch(value.dtype.str):
        msg = f"an array of {value.dtype} cannot be kept in Redis: give it a dtype of numbers"
        raise UncacheableValueError(msg)
    head = msgspec.msgpack.encode([value.dtype.str, list(value.shape)])
    body = np.ascontiguousarray(value).tobytes()
    return msgspec.msgpack.Ext(int(_Kind.ARRAY), len(head).to_bytes(2, "big") + head + body)


def _text(kind: _Kind, text: str) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(int(kind), text.encode("ascii"))


def _nested(kind: _Kind, parts: Any) -> msgspec.msgpack.Ext:  # noqa: ANN401 - any parts
    return msgspec.msgpack.Ext(int(kind), msgspec.msgpack.encode(_packed(list(parts))))


_WRITERS: Final[Mapping[type, Callable[[Any], msgspec.msgpack.Ext]]] = {
    Decimal: lambda it: _text(_Kind.DECIMAL, str(it)),
    datetime: lambda it: _text(_Kind.DATETIME, it.isoformat()),
    date: lambda it: _text(_Kind.DATE, it.isoformat()),
    time: lambda it: _text(_Kind.TIME, it.isoformat()),
    timedelta: lambda it: _nested(_Kind.TIMEDELTA, (it.days, it.seconds, it.microseconds)),
    UUID: lambda it: _text(_Kind.UUID, str(it)),
    tuple: lambda it: _nested(_Kind.TUPLE, it),
    set: lambda it: _nested(_Kind.SET, it),
    frozenset: lambda it: _nested(_Kind.FROZENSET, it),
}


def _read(code: int, data: memoryview) -> Any:  # noqa: ANN401 - any value
    kind = _Kind(code)
    if kind is _Kind.ARRAY:
        return _read_array(data)
    if kind in _TEXTS:
        return _TEXTS[kind](bytes(data).decode("ascii"))
    return _NESTED[kind](_decoder.decode(data))


def _read_array(data: memoryview) -> np.ndarray[Any, Any]:
    import numpy as np  # noqa: PLC0415 - most values are no arrays

    head = int.from_bytes(data[:2], "big") + 2
    name, shape = msgspec.msgpack.decode(data[2:head], type=tuple[str, list[int]])
    if not _DTYPE.fullmatch(name) or len(shape) > _MOST_DIMENSIONS or any(it < 0 for it in shape):
        msg = "an array of a kind that is never written"
        raise UnreadableValueError(msg)
    # A copy: aligned, and not holding on to the rest of the message.
    array = np.frombuffer(data[head:], dtype=np.dtype(name)).reshape(shape).copy()
    array.setflags(write=False)
    return array


def _read_frame(parts: list[Any]) -> Any:  # noqa: ANN401 - a frame, a series or an index
    from traderbot.infrastructure.cache_layer.frames import frame_of  # noqa: PLC0415

    return frame_of(parts)


_TEXTS: Final[Mapping[_Kind, Callable[[str], Any]]] = {
    _Kind.DECIMAL: Decimal,
    _Kind.DATETIME: datetime.fromisoformat,
    _Kind.DATE: date.fromisoformat,
    _Kind.TIME: time.fromisoformat,
    _Kind.UUID: UUID,
    _Kind.LARGE_INT: lambda it: int(it, 16),
}
_NESTED: Final[Mapping[_Kind, Callable[[Any], Any]]] = {
    _Kind.TIMEDELTA: lambda it: timedelta(*it),
    _Kind.TUPLE: tuple,
    _Kind.SET: set,
    _Kind.FROZENSET: frozenset,
    _Kind.MAPPING: lambda it: dict(zip(it[::2], it[1::2], strict=True)),
    _Kind.SCALAR: lambda it: it[0][()],
    _Kind.FRAME: _read_frame,
}
_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_read)
