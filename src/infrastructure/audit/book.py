"""The states of all streams at one moment, some of them still as bytes of a snapshot.

A state is made from its bytes when an event follows it, or when it is asked for. Of the others the
digest is enough: the fingerprint of everything is made from digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar, overload

from traderbot.domain.shared.ids import UserId
from traderbot.infrastructure.audit.state_codec import StateCodec, state_codec
from traderbot.infrastructure.event_store.body import encode_json
from traderbot.infrastructure.persistence.state_rows import rows_of

V = TypeVar("V")


class Packed(NamedTuple):
    """A state as bytes, and what can be said of it without reading them."""

    owner_id: str | None
    digest: bytes
    data: bytes


class Book:
    """States by stream: `live` ones, and those that are still `packed`."""

    def __init__(
        self, packed: dict[str, Packed] | None = None, codec: StateCodec | None = None
    ) -> None:
        """Begin with nothing, or with a snapshot and what reads it."""
        self.live: dict[str, Any] = {}
        self.packed = packed or {}
        self._codec = codec or state_codec()

    def unpack(self, stream_ids: Sequence[str]) -> None:
        """Make these streams live, for events follow."""
        for stream_id in self.packed.keys() & set(stream_ids) if self.packed else ():
            packed = self.packed.pop(stream_id)
            self.live[stream_id] = self._codec.decode(stream_id, packed.data)

    def state(self, stream_id: str) -> Any:  # noqa: ANN401 - any aggregate
        """Return the state of a stream."""
        packed = self.packed.get(stream_id)
        if packed is None:
            return self.live[stream_id]
        return self._codec.decode(stream_id, packed.data)

    def of(self, category: str, owner_id: UserId | None) -> list[str]:
        """Return the streams of one kind, those of one owner if one is named, by id."""
        prefix = f"{category}-"
        found = [it for it in self.live if it.startswith(prefix)]
        found += [it for it in self.packed if it.startswith(prefix)]
        if owner_id is not None:
            found = [it for it in found if self._owner(it) == owner_id]
        return sorted(found)

    def fingerprint(self) -> str:
        """Return SHA-256 over the digests of all streams, in the order of their ids."""
        digests = {stream_id: it.digest for stream_id, it in self.packed.items()}
        digests |= {stream_id: digest_of(stream_id, it) for stream_id, it in self.live.items()}
        return sha256(b"".join(digests[it] for it in sorted(digests))).hexdigest()

    def pack(self) -> Iterator[tuple[str, Packed]]:
        """Yield everything as bytes, by stream."""
        for stream_id in sorted((*self.live, *self.packed)):
            packed = self.packed.get(stream_id)
            if packed is None:
                state = self.live[stream_id]
                data = self._codec.encode(stream_id, state)
                packed = Packed(self._owner(stream_id), digest_of(stream_id, state), data)
            yield stream_id, packed

    def _owner(self, stream_id: str) -> str | None:
        packed = self.packed.get(stream_id)
        if packed is not None:
            return packed.owner_id
        state = self.live[stream_id]
        owner: str | None = getattr(state, "owner_id", None)
        if owner is None and stream_id.startswith("user-"):
            owner = state.id
        return owner


class Shown(Sequence[V], Generic[V]):
    """Views of states, each made when it is looked at: a large log has very many of them."""

    def __init__(self, book: Book, stream_ids: Sequence[str], show: Callable[[Any], V]) -> None:
        """Show these streams."""
        self._book, self._ids, self._show = book, stream_ids, show

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, which: int) -> V: ...

    @overload
    def __getitem__(self, which: slice) -> Sequence[V]: ...

    def __getitem__(self, which: int | slice) -> V | Sequence[V]:
        if isinstance(which, slice):
            return Shown(self._book, self._ids[which], self._show)
        return self._show(self._book.state(self._ids[which]))

    def __iter__(self) -> Iterator[V]:
        return (self._show(self._book.state(it)) for it in self._ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Shown | tuple | list):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # as a list has none

    def __repr__(self) -> str:
        return f"<{len(self)} views>"


def digest_of(stream_id: str, state: Any) -> bytes:  # noqa: ANN401 - any aggregate
    """Return SHA-256 over a stream's state rows, as one line of canonical JSON.

    Rows stand in the order of their columns. The ledger and the trades are left out: they are lines
    of history, not state.
    """
    rows = rows_of(None, state, ())
    tables = {table.name: sorted(lines) for table, lines in rows.items() if lines}
    return sha256(encode_json([stream_id, tables])).digest()
