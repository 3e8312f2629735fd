"""Whether the log is intact, byte by byte, and whether streams and state rows agree with it.

Nearly every event is as it must be, so the common case is made fast. What the columns say is put
together into the text that must stand around the event's data, and compared with the body at once;
that also proves the envelope canonical, if no column holds a character that JSON would escape. The
data of a batch is checked one type at a time. Whatever does not pass is examined on its own, in
`examine.py`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from hashlib import sha256

import msgspec

from traderbot.application.ports.audit import AuditFinding, Progress, VerifyReport
from traderbot.infrastructure.audit.agreement import check_states, check_streams
from traderbot.infrastructure.audit.examine import (
    NO_EVENTS,
    EventColumns,
    Examined,
    Head,
    examine,
)
from traderbot.infrastructure.audit.findings import Bounded
from traderbot.infrastructure.event_store.body import SPEC, ActorWire, encode_json
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader, Row
from traderbot.infrastructure.event_store.merkle import Frontier

LISTED = 100
_ACTOR_END = b'},"causation_id":"'  # not inside a text: there the quotes would be escaped
_SPECIAL = bytes(range(0x20)) + b'"\\'  # what JSON cannot hold in a text as it is
_QUOTES = 46  # around the data of one event, when every column is free of special characters


def verify(reader: LogReader, codec: EventCodec, progress: Progress | None) -> VerifyReport:
    """Check everything. Memory holds one batch, and the head of each stream."""
    began = time.perf_counter()
    check = _Verification(codec, dense=reader.dense)
    total, done = reader.size(), 0
    for rows in reader.events():
        check.batch(rows)
        done += len(rows)
        if progress is not None:
            progress(done, total)
    check_streams(reader, check.heads, check.findings)
    state_rows = check_states(reader, check.heads, check.findings)
    return VerifyReport(
        events=done,
        streams=len(check.heads),
        state_rows=state_rows,
        root=check.frontier.root().hex(),
        seconds=time.perf_counter() - began,
        findings=check.findings.listed,
        unlisted=check.findings.unlisted,
    )


class _Verification:
    """The pass over the events: what it has to remember, and what it has found."""

    def __init__(self, codec: EventCodec, *, dense: bool) -> None:
        self.heads: dict[str, Head] = {}
        self.findings: Bounded[AuditFinding] = Bounded(LISTED)
        self.frontier = Frontier()
        self._codec = codec
        self._dense = dense
        self._position = 0
        self._actors = _Actors()

    def batch(self, rows: list[Row]) -> None:
        heads, actors = self.heads, self._actors
        hashes: list[bytes] = []
        around: list[bytes] = []
        examined: set[int] = set()
        data: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
        # One long loop on purpose: a call per event would cost a tenth of everything.
        for row in rows:
            (
                position,
                event_id,
                stream,
                version,
                type_,
                schema,
                occurred_at,
                recorded_at,
                command_id,
                correlation_id,
                causation_id,
                actor_type,
                actor_id,
                body,
                leaf,
            ) = row
            last_version, last_leaf = heads.get(stream, NO_EVENTS)
            try:
                computed = sha256(b"\x00" + body).digest()
                cut = body.find(_ACTOR_END) + 1
                start = (
                    f',"causation_id":"{causation_id}","command_id":"{command_id}"'
                    f',"correlation_id":"{correlation_id}","data":'
                ).encode()
                end = (
                    f',"id":"{event_id}","occurred_at":"{occurred_at}"'
                    f',"prev":"{last_leaf.hex()}","recorded_at":"{recorded_at}"'
                    f',"schema":{schema},"spec":"{SPEC}","stream":"{stream}"'
                    f',"type":"{type_}","version":{version}}}'
                ).encode()
                good = (
                    computed == leaf
                    and version == last_version + 1
                    and actors[body[:cut]] == (actor_type, actor_id)
                    and body.startswith(start, cut)
                    and body.endswith(end)
                )
            except (TypeError, AttributeError, UnicodeEncodeError):
                good = False  # a column holds what no program of ours writes there
            if good:
                heads[stream] = (version, leaf)
                data[type_, schema].append(body[cut + len(start) : -len(end)])
                around += (start, end)
            else:
                computed = self._examine(EventColumns(*row))
                examined.add(position)
            hashes.append(computed)
        self.frontier.extend(hashes)
        self._check_positions(rows)
        suspects = {
            kind for kind, texts in data.items() if not self._codec.all_canonical(*kind, texts)
        }
        if not _plain(around):
            suspects = set(data)
        if suspects:
            for it in map(EventColumns._make, rows):
                if (it.type, it.schema) in suspects and it.position not in examined:
                    self._report(examine(it, None, self._codec))

    def _examine(self, row: EventColumns) -> bytes:
        found = examine(row, self.heads, self._codec)
        self.heads[found.stream_id] = found.head
        self._report(found)
        return found.computed

    def _report(self, found: Examined) -> None:
        for finding in found.findings:
            self.findings.add(finding)

    def _check_positions(self, rows: list[Row]) -> None:
        first, last = rows[0][0], rows[-1][0]
        if self._dense and (first != self._position + 1 or last - first != len(rows) - 1):
            before = self._position
            for row in map(EventColumns._make, rows):
                if row.position != before + 1:
                    message = f"the position before it is {before}, not {row.position - 1}"
                    gap = AuditFinding(code="POSITION_GAP", where=row.where, message=message)
                    self.findings.add(gap)
                before = row.position
        self._position = last


def _plain(around: list[bytes]) -> bool:
    """Whether the texts around the data of some events have their own quotes and nothing else."""
    everything = b"".join(around)
    special = len(everything) - len(everything.translate(None, _SPECIAL))
    return 2 * special == _QUOTES * len(around)


class _Actors(dict[bytes, tuple[str, str] | None]):
    """Type and id of an actor by its canonical JSON; None for what is no canonical actor."""

    def __missing__(self, stored: bytes) -> tuple[str, str] | None:
        if len(self) >= _ACTORS:
            self.clear()
        found = self[stored] = _actor(stored)
        return found


def _actor(stored: bytes) -> tuple[str, str] | None:
    try:
        it = _take_actor_apart(stored + b"}").actor
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    canonical = encode_json({"actor": {"id": it.id, "type": it.type, "via": it.via}})[:-1]
    return (it.type, it.id) if canonical == stored else None


class _ActorOnly(msgspec.Struct, forbid_unknown_fields=True):
    actor: ActorWire


_take_actor_apart = msgspec.json.Decoder(_ActorOnly).decode
_ACTORS = 16_384  # remembered at most
