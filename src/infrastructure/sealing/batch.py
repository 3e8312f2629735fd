"""Events on their way into the tree: each is held against its hash and the one it follows.

This runs for every event, beside the writer and on the same interpreter, so it is written to be
quick: rows stay tuples, and what is looked up is looked up for a whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from traderbot.infrastructure.event_store.body import GENESIS
from traderbot.infrastructure.sealing.errors import EventRefusedError

_PREV: Final = b',"prev":"'
_BEGINNING: Final = (0, GENESIS)
_UNKNOWN: Final = (-1, b"")
_STREAMS: Final = 20_000

# Position, stream, type, version, body, leaf hash: all None but the first if there is none.
WaitingEvent = tuple[int, str | None, str, int, bytes, bytes]
# The version of each stream's last event, and its leaf hash.
Ends = dict[str, tuple[int, bytes]]
# (stream, version) of events that are sealed → their leaf hashes, as far as there are any.
FindSealed = Callable[[Sequence[tuple[str, int]]], dict[tuple[str, int], bytes]]


class StreamEnds:
    """The last sealed event of the streams that were busy lately, so that few must be asked for."""

    def __init__(self) -> None:
        """Know of nothing."""
        self._ends: Ends = {}

    def check(self, events: Sequence[WaitingEvent], find: FindSealed) -> Ends:
        """Hold events in log order against their hashes and links; return their streams' new ends.

        Raises:
            EventRefusedError: the first one that is not what it claims.
        """
        ends = self._before(events, find)
        for number, (position, stream, type_, version, body, leaf_hash) in enumerate(events):
            if stream is None:
                raise EventRefusedError("is missing", position=position, before=number)
            known, last = ends[stream]
            tail = f',"stream":"{stream}","type":"{type_}","version":{version}}}'.encode()
            if (
                known != version - 1
                or type(body) is not bytes  # SQLite keeps a text where one was put
                or sha256(b"\x00" + body).digest() != leaf_hash
                or not body.endswith(tail)
                # Behind `prev` come only this program's own texts: its last mention is the link.
                or not body.startswith(last.hex().encode(), body.rfind(_PREV) + len(_PREV))
            ):
                raise EventRefusedError(
                    _refusal(events[number], known, last),
                    position=position,
                    before=number,
                    event=f"{stream} v{version}",
                )
            ends[stream] = (version, leaf_hash)
        return ends

    def remember(self, ends: Ends) -> None:
        """Take over what `check` returned, once it is sealed."""
        if len(self._ends) > _STREAMS:
            self._ends.clear()
        self._ends |= ends

    def forget(self) -> None:
        """Know of nothing again: another sealer was at work, or the database is another one."""
        self._ends.clear()

    def _before(self, events: Sequence[WaitingEvent], find: FindSealed) -> Ends:
        """Return the end of each stream of the events as it is sealed already."""
        ends: Ends = {}
        unknown = []
        for _, stream, _, version, _, _ in events:
            if stream in ends or stream is None:
                continue
            end = self._ends.get(stream, _BEGINNING)
            if end[0] != version - 1:
                end = _BEGINNING if version == 1 else _UNKNOWN
                unknown.append((stream, version - 1))
            ends[stream] = end
        for (stream, version), leaf_hash in find([key for key in unknown if key[1]]).items():
            ends[stream] = (version, leaf_hash)
        return ends


def check_dense(events: Sequence[WaitingEvent], first: int) -> None:
    """Hold positions against their order, where the log has no gaps.

    Raises:
        EventRefusedError: the first position that is missing.
    """
    if not events or events[-1][0] == first + len(events) - 1:  # they rise, so none is missing
        return
    for number, event in enumerate(events):
        if event[0] != first + number:
            raise EventRefusedError("is missing", position=first + number, before=number)


def _refusal(event: WaitingEvent, known: int, last: bytes) -> str:
    """Return what is wrong with an event, whose stream is sealed up to version `known`."""
    _, stream, type_, version, body, leaf_hash = event
    if type(body) is not bytes:
        return "has a body that is not bytes"
    computed = sha256(b"\x00" + body).digest()
    if computed != leaf_hash:
        stored = _short(leaf_hash)
        return f"has another hash than its body: stored {stored}, computed {_short(computed)}"
    for column, written in (
        (f"stored as version {version}", f',"version":{version}}}'),
        (f"stored as {type_}", f',"type":"{type_}","version":{version}}}'),
        (f"stored in {stream}", f',"stream":"{stream}","type":"{type_}","version":{version}}}'),
    ):
        if not body.endswith(written.encode()):
            return f"is {column}, which its body does not say"
    if known != version - 1:
        return "follows an event of its stream that is not in the log"
    return f"does not follow the event before it in its stream, whose hash is {_short(last)}"


def _short(found: object) -> str:
    return f"{found.hex()[:16]}…" if isinstance(found, bytes) else repr(found)[:20]
