"""Whether the log is intact, byte by byte, and whether streams and state rows agree with it.

Nearly every event is as it must be, so the common case is made fast. What the columns say is put
together into the text that must stand around the event's data, and compared with the body at once;
that also proves the envelope canonical, if no column holds a character that JSON would escape. The
data of a batch is checked one type at a time. Whatever does not pass is examined on its own, in
`examine.py`. Memory does not grow with the log: see `heads.py`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from hashlib import sha256

import msgspec

from traderbot.application.ports.audit import Progress, VerifyReport
from traderbot.domain.shared.errors import InvalidValueError
from traderbot.infrastructure.audit.agreement import Totals, check_states, check_streams
from traderbot.infrastructure.audit.epochs_check import check_epochs
from traderbot.infrastructure.audit.examine import (
    NO_EVENTS,
    EventColumns,
    Examined,
    examine,
)
from traderbot.infrastructure.audit.findings import Findings, short
from traderbot.infrastructure.audit.heads import Heads
from traderbot.infrastructure.audit.order import LogOrder
from traderbot.infrastructure.audit.tree_check import TreeCheck
from traderbot.infrastructure.audit.witnesses import Witnesses
from traderbot.infrastructure.event_store.body import SPEC, ActorWire, encode_json
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.log_reader import LogReader, Portion, Row
from traderbot.infrastructure.sealing.stored_tree import head, stored_tree
from traderbot.infrastructure.sealing.tiles import TreeDamagedError

_ACTOR_END = b'},"causation_id":"'  # not inside a text: there the quotes would be escaped
_SPECIAL = bytes(range(0x20)) + b'"\\'  # what JSON cannot hold in a text as it is
_RECORDED_AT = 7  # the column of a row
_QUOTES = 46  # around the data of one event, when every column is free of special characters


def verify(
    reader: LogReader,
    codec: EventCodec,
    witnesses: Witnesses,
    progress: Progress | None,
    start: int = 0,
) -> VerifyReport:
    """Check everything, or what follows index `start` or a checkpoint that is trusted.

    Memory holds a batch of events and some thousands of streams, however long the log is.

    Raises:
        InvalidValueError: fewer events than `start` are sealed.
    """
    began = time.perf_counter()
    findings = Findings()
    start = _trusted(reader, witnesses, start, findings)
    check = _Verification(reader, codec, witnesses, findings, start)
    total, done = max(0, reader.size() - start), 0
    for portion in reader.portions(start):
        check.portion(portion)
        done += len(portion.rows)
        if progress is not None:
            progress(done, total)
    check.order.finish()
    check.tree.finish()
    totals = None if start else Totals(done, check.heads.begun())
    streams = check_streams(reader, check.heads, totals, findings)
    state_rows = check_states(reader, check.heads, totals, findings)
    undone = check_epochs(reader, codec, findings)
    warnings = [*witnesses.warnings, *check.tree.published.warnings, *undone]
    if start:
        warnings.append(
            f"the {start} events before were not read: not their bytes, columns and links, "
            "nor whether each stream among them has its rows, once"
        )
    return VerifyReport(
        events=done,
        streams=streams,
        state_rows=state_rows,
        root=check.tree.tree.root().hex(),
        seconds=time.perf_counter() - began,
        findings=findings.listed,
        unlisted=findings.unlisted,
        start=start,
        tree=check.tree.report(check.order.queued, check.oldest_unsealed),
        first_bad_index=findings.first_bad,
        last_good_checkpoint=check.tree.published.last_good,
        warnings=warnings,
    )


def _trusted(reader: LogReader, witnesses: Witnesses, start: int, findings: Findings) -> int:
    """Return where to begin; from the start, if what is to be trusted does not hold."""
    sealed = head(reader).size
    since = witnesses.since
    if since is not None:
        where = f"checkpoint of size {since.size}"
        if since.size > sealed:
            said = f"was signed with {since.size} events, the log has {sealed} sealed"
            findings.tell("ROLLED_BACK", where, said, sealed)
            return 0
        start = since.size
    elif not 0 <= start <= sealed:
        msg = f"{sealed} events are sealed: reading can begin at 0 to {sealed}, not at {start}"
        raise InvalidValueError(msg)
    try:
        root = stored_tree(reader).root(start)
    except TreeDamagedError as error:
        findings.tell("TILE_DIFFERS", f"tile {error.tile} of level {error.level}", str(error))
        return 0
    if since is not None and root != since.root:
        said = f"has root {short(since.root)}, the stored tiles make {short(root)}"
        findings.tell("CHECKPOINT_DIFFERS", where, said)
        return 0
    return start


class _Verification:
    """The pass over the events: what it has to remember, and what it has found."""

    def __init__(
        self,
        reader: LogReader,
        codec: EventCodec,
        witnesses: Witnesses,
        findings: Findings,
        start: int,
    ) -> None:
        self.findings = findings
        self.heads = Heads(reader, start)
        self.tree = TreeCheck(reader, self.findings, witnesses, start)
        self.order = LogOrder(reader, self.findings, start, self.tree.head.size)
        self.oldest_unsealed: str | None = None
        self._codec = codec
        self._actors = _Actors()

    def portion(self, portion: Portion) -> None:
        """Check some events, in the order of the log."""
        place, rows = self.order.begin(portion), portion.rows
        hashes = self._batch(rows, place)
        if self.oldest_unsealed is None:
            self._find_unsealed(rows)
        self.tree.extend(self.order.aligned(portion, hashes))

    def _find_unsealed(self, rows: list[Row]) -> None:
        sealed, index_of = self.tree.head.size, self.order.index_of
        indexes = [index_of(row[0]) for row in rows[-1:]]
        if any(index is None or index >= sealed for index in indexes):
            indexes = [index_of(row[0]) for row in rows]
            first = next(n for n, it in enumerate(indexes) if it is None or it >= sealed)
            self.oldest_unsealed = rows[first][_RECORDED_AT]

    def _batch(self, rows: list[Row], place: int) -> list[bytes]:
        heads, actors = self.heads, self._actors
        heads.prepare(rows, place)
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
                computed = self._examine(EventColumns(*row), place)
                examined.add(position)
            hashes.append(computed)
        suspects = {
            kind for kind, texts in data.items() if not self._codec.all_canonical(*kind, texts)
        }
        if not _plain(around):
            suspects = set(data)
        if suspects:
            for it in map(EventColumns._make, rows):
                if (it.type, it.schema) in suspects and it.position not in examined:
                    self._report(examine(it, self.order.index_of(it.position), None, self._codec))
        return hashes

    def _examine(self, row: EventColumns, place: int) -> bytes:
        heads = self.heads
        found = examine(
            row,
            self.order.index_of(row.position),
            lambda stream_id, version: heads.before(stream_id, version, place),
            self._codec,
        )
        heads[found.stream_id] = found.head
        heads.pin(found.stream_id, row.stream_id)
        self._report(found)
        return found.computed

    def _report(self, found: Examined) -> None:
        for finding in found.findings:
            self.findings.add(finding)


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
