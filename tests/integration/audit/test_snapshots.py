"""Snapshots make an answer faster and never another one."""
# ruff: noqa: S311 - a script that is the same every time

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.builders import a_ticket
from tests.integration.audit.log import SNAPSHOT_KEY, Log
from tests.integration.audit.sealed import SIGNER, SIZES, STRANGER, SealedLog, sealer_of
from tests.integration.audit.story import Teller
from traderbot.application.commands.cancel_order import CancelOrder
from traderbot.application.commands.corrections import CorrectCash
from traderbot.application.commands.portfolios import Deposit, Withdraw
from traderbot.application.errors import NotFoundError
from traderbot.application.ports.audit import Cut, ReplayReport
from traderbot.application.ports.views import OrderFilter, Views
from traderbot.domain.orders.ticket import Ticket
from traderbot.domain.shared.errors import CorruptHistoryError, DomainError, InvalidValueError
from traderbot.domain.shared.ids import OrderId
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.audit import log_audit, snapshots
from traderbot.infrastructure.audit.book import Book
from traderbot.infrastructure.audit.folding import fold_log
from traderbot.infrastructure.audit.log_audit import LogAudit
from traderbot.infrastructure.audit.snapshots import stamp
from traderbot.infrastructure.audit.state_codec import STATES, StateCodec
from traderbot.infrastructure.event_store.codec import EventCodec
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.event_store.log_reader import snapshot
from traderbot.infrastructure.persistence.unit import CATEGORIES
from traderbot.infrastructure.persistence.views import SqlViews
from traderbot.infrastructure.sealing.signed_note import NoteError
from traderbot.presentation.cli.plain import as_json

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a snapshot behind every few events, in parts of a few streams."""
    monkeypatch.setattr(log_audit, "SNAPSHOT_AFTER", 6)
    monkeypatch.setattr(snapshots, "_STREAMS_PER_PART", 3)
    monkeypatch.setattr(snapshots, "KEPT", 1_000)


@pytest.fixture(name="log")
def placed_log(log: Log, tmp_path: Path) -> Log:
    """Give every event its place: only what has one is kept in a snapshot."""
    place(log, tmp_path)
    return log


def place(log: Log, folder: Path) -> None:
    """Seal it where that is what gives places. In the other database the tree stays empty."""
    if log.writing.dialect.name == "postgresql":
        sealer = sealer_of(log.writing, folder / "anchors")
        sealer.seal()
        sealer.close()


def told(report: ReplayReport) -> bytes:
    """Return a report as the bytes it is told with."""
    return as_json(report).encode()


def fresh(log: Log) -> LogAudit:
    """Return the audit of a program that has just started."""
    return LogAudit(log.reading, log.writing, EventCodec(), snapshot_key=lambda: SNAPSHOT_KEY)


def without(audit: LogAudit, cut: Cut) -> bytes:
    return told(audit.replay(cut, snapshots=False))


# --- the same answer --------------------------------------------------------------------------


@pytest.mark.usefixtures("eager")
def test_an_answer_is_the_same_with_a_snapshot_and_without(log: Log) -> None:
    expected = [without(log.audit, log.audit.cut(index=n)) for n in range(log.story.events + 1)]
    for _ in range(2):  # the first time they are written, the second time read
        audit = fresh(log)
        for size, answer in enumerate(expected):
            assert told(audit.replay(audit.cut(index=size))) == answer
    counts = audit.snapshots.counts
    assert (counts.ignored, counts.written) == (0, 0)
    assert counts.used == log.story.events + 1 - 7
    assert [row["size"] for row in log.rows("SELECT size FROM snapshots WHERE part = 0")] == list(
        range(7, log.story.events + 1, 7)
    )


@pytest.mark.usefixtures("eager")
def test_of_one_owner_too(log: Log) -> None:
    whole = log.audit.cut()
    for owner in (log.story.alice, log.story.bob):
        expected = told(log.audit.replay(whole, owner, snapshots=False))
        log.audit.replay(log.audit.cut(index=whole.size - 3))
        audit = fresh(log)
        assert told(audit.replay(whole, owner)) == expected
        assert audit.snapshots.counts.used == 1


@pytest.mark.usefixtures("eager")
def test_only_what_follows_a_snapshot_is_read(log: Log) -> None:
    whole = log.audit.cut()
    expected = without(log.audit, whole)
    log.audit.replay(log.audit.cut(index=whole.size - 3))
    log.change("UPDATE events SET body = leaf_hash WHERE position <= :p", p=whole.size - 3)
    assert told(fresh(log).replay(whole)) == expected
    with pytest.raises(CorruptHistoryError):
        fresh(log).replay(whole, snapshots=False)


@pytest.mark.usefixtures("eager")
def test_business_time_is_folded_from_the_start(log: Log) -> None:
    log.audit.replay(log.audit.cut())
    cut = log.audit.cut(at=log.story.begins + timedelta(hours=1), by_occurred=True)
    audit = fresh(log)
    assert told(audit.replay(cut)) == without(audit, cut)
    assert audit.snapshots.counts.used == 0


@pytest.mark.usefixtures("eager")
def test_an_instant_is_found_from_a_snapshot_on(log: Log, tmp_path: Path) -> None:
    teller = Teller(log.url, log.story.begins - timedelta(days=1), seed="a clock that went back")
    with teller.bot:
        for number in range(3):
            teller.user(f"{number}@example.org")
    place(log, tmp_path)
    instants = [log.story.begins + n * A_MINUTE / 2 for n in range(-5, 60)]
    expected = [log.audit.cut(at=at, snapshots=False) for at in instants]
    for size in range(0, log.story.events + 3, 7):
        log.audit.replay(log.audit.cut(index=size))
    assert [fresh(log).cut(at=at) for at in instants] == expected
    assert len({cut.size for cut in expected}) > 20


# --- what is wrong with a snapshot is ignored -------------------------------------------------


def _damage(log: Log, part: int, change: Callable[[bytes], bytes], *, rehash: bool = False) -> None:
    (row,) = log.rows("SELECT states FROM snapshots WHERE part = :part", part=part)
    states = change(bytes(row["states"]))
    log.change("UPDATE snapshots SET states = :s WHERE part = :p", s=states, p=part)
    if rehash:
        digest = sha256(states).digest()
        log.change("UPDATE snapshots SET digest = :d WHERE part = :p", d=digest, p=part)


def _flip(states: bytes) -> bytes:
    return states[:-1] + bytes([states[-1] ^ 1])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: _damage(log, 0, _flip),
        lambda log: _damage(log, 1, _flip),
        lambda log: _damage(log, 2, lambda states: states[: len(states) // 2]),
        lambda log: _damage(log, 2, _flip, rehash=True),
        lambda log: _damage(log, 0, lambda _: b"", rehash=True),
        lambda log: _damage(log, 0, lambda _: msgspec.msgpack.encode({"size": 1}), rehash=True),
        lambda log: log.change("DELETE FROM snapshots WHERE part = 2"),
        lambda log: log.change("UPDATE snapshots SET root = :r", r=bytes(32)),
        lambda log: log.change("UPDATE snapshots SET size = size - 1"),
        lambda log: log.change("UPDATE snapshots SET fingerprint = 'older'"),
    ],
)
def test_a_snapshot_that_is_not_what_was_written_is_ignored(
    log: Log, spoil: Callable[[Log], Any], caplog: pytest.LogCaptureFixture
) -> None:
    whole = log.audit.cut()
    expected = without(log.audit, whole)
    log.audit.replay(log.audit.cut(index=whole.size - 3))
    spoil(log)
    audit = fresh(log)
    assert told(audit.replay(whole)) == expected
    counts = audit.snapshots.counts
    assert (counts.used, counts.ignored, counts.written) == (0, 1, 1)
    assert "is ignored" in caplog.text
    again = fresh(log)
    assert told(again.replay(whole)) == expected  # it was written again
    assert again.snapshots.counts.used == 1


@pytest.mark.usefixtures("eager")
def test_a_snapshot_stands_for_what_was_sealed_until_verify_says_otherwise(
    postgres_sealed: SealedLog,
) -> None:
    log = postgres_sealed
    cut = log.audit.cut(index=600)
    sealed = without(log.audit, cut)
    log.audit.replay(cut)
    log.rewrite_at(555, b'"role":"trader"', b'"role":"admin"')
    assert told(log.audit.replay(cut)) == sealed != without(log.audit, cut)
    assert log.verify().first_bad_index == 555


@pytest.mark.usefixtures("eager")
def test_a_snapshot_of_another_history_is_ignored(log: Log, tmp_path: Path) -> None:
    log.audit.replay(log.audit.cut())
    log.rewrite(
        f"user-{log.story.alice}",
        1,
        lambda body: body.replace(b'"role":"trader"', b'"role":"admin"'),
        rehash=True,
    )
    log.unseal()
    place(log, tmp_path / "elsewhere")
    audit = fresh(log)
    cut = audit.cut()
    assert told(audit.replay(cut)) == without(audit, cut)
    assert audit.snapshots.counts.ignored == 1


def test_a_snapshot_bears_the_stamp_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = stamp.__wrapped__()
    assert mine == stamp()
    monkeypatch.setattr(snapshots, "FOLD_VERSION", 2)
    assert stamp.__wrapped__() != mine
    monkeypatch.undo()
    monkeypatch.setattr(snapshots, "UPCASTERS", {("order.placed", 1): dict})
    assert stamp.__wrapped__() != mine
    monkeypatch.undo()
    monkeypatch.setattr(snapshots, "EVENT_TYPES", dict(list(EVENT_TYPES.items())[1:]))
    assert stamp.__wrapped__() != mine
    monkeypatch.undo()
    monkeypatch.setattr(snapshots, "_FOLDING", snapshots._FOLDING[1:])
    assert stamp.__wrapped__() != mine


def test_there_are_only_so_many(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_audit, "SNAPSHOT_AFTER", 2)
    monkeypatch.setattr(snapshots, "KEPT", 3)
    log.change(
        "INSERT INTO snapshots (size, part, fingerprint, root, states, digest) "
        "VALUES (9, 0, 'older', :b, :b, :b)",
        b=bytes(32),
    )
    for size in (10, 20, 30, 40):
        log.audit.replay(log.audit.cut(index=size))
    sizes = {row["size"] for row in log.rows("SELECT size FROM snapshots")}
    assert sizes == {20, 30, 40}


@pytest.mark.usefixtures("eager")
def test_without_a_place_to_keep_it_the_answer_comes_all_the_same(log: Log) -> None:
    # Which cannot write.
    audit = LogAudit(log.reading, log.reading, EventCodec(), snapshot_key=lambda: SNAPSHOT_KEY)
    assert told(audit.replay(audit.cut())) == without(audit, audit.cut())
    assert audit.snapshots.counts.written == 0


def test_a_short_way_leaves_none_behind(log: Log) -> None:
    log.audit.replay(log.audit.cut())
    assert log.rows("SELECT size FROM snapshots") == []


@pytest.mark.usefixtures("eager")
def test_whoever_has_only_the_database_cannot_forge_one(log: Log) -> None:
    """Every hash in it is made to fit; what stands beside the first part needs the key."""
    whole = log.audit.cut()
    expected = without(log.audit, whole)
    log.audit.replay(log.audit.cut(index=whole.size - 3))
    (first, second) = log.rows("SELECT states FROM snapshots WHERE part < 2 ORDER BY part")
    manifest = msgspec.msgpack.decode(bytes(first["states"]))
    forged = bytes(second["states"]).replace(b"savings", b"pension")
    manifest["parts"][0] = sha256(forged).digest()
    _damage(log, 1, lambda _: forged, rehash=True)
    _damage(log, 0, lambda _: msgspec.msgpack.encode(manifest), rehash=True)
    audit = fresh(log)
    assert told(audit.replay(whole)) == expected
    assert audit.snapshots.counts.used == 0


@pytest.mark.usefixtures("eager")
def test_without_a_key_none_is_written_or_believed(log: Log) -> None:
    keyless = LogAudit(log.reading, log.writing, EventCodec())
    whole = log.audit.cut()
    keyless.replay(whole)
    assert keyless.snapshots.counts.written == 0
    log.audit.replay(whole)
    assert told(keyless.replay(whole)) == told(log.audit.replay(whole))
    assert keyless.snapshots.counts.used == 0


def test_verify_and_diff_know_of_no_snapshots(log: Log) -> None:
    log.change("DROP TABLE snapshots")
    assert log.audit.verify().findings == []
    assert log.audit.diff().differences == []


# --- as of any index --------------------------------------------------------------------------


def _live(views: Views) -> str:
    """Return what the tables show of everything, as canonical JSON."""
    portfolios = views.portfolios(None, limit=200).items
    orders = views.orders(OrderFilter(), limit=200).items
    users = views.users(limit=200).items
    runs = views.bot_runs(None, limit=200).items
    return _canonical(
        sorted(portfolios, key=lambda it: it.portfolio_id),
        sorted(orders, key=lambda it: it.order_id),
        len(runs),
        len(users),
    )


def _canonical(portfolios: Sequence[Any], orders: Sequence[Any], runs: int, users: int) -> str:
    shown = json.loads(as_json([list(portfolios), list(orders), runs, users]))
    return json.dumps(shown, sort_keys=True, separators=(",", ":"))


class _Crowd:
    """Somebody who does this and that."""

    def __init__(self, log: Log, seed: int) -> None:
        self.random = Random(seed)
        self.teller = Teller(log.url, log.story.ends, seed=f"crowd {seed}")
        self.alice, self.portfolio = log.story.alice, log.story.portfolio
        self.orders: list[OrderId] = []

    def act(self) -> None:
        random, tell = self.random, self.teller.tell
        cents = Money(f"{random.randint(0, 999)}.{random.randint(1, 99):02}", "USD")
        step = random.choice(("place", "place", "fill", "fill", "cancel", "cash", "user"))
        if step == "place":
            self.orders.append(self.teller.place(self.alice, self._ticket()))
        elif step == "fill" and self.orders:
            quantity = random.choice(("0.5", "1", "3"))
            price = f"{random.randint(90, 110)}.{random.randint(0, 99):02}"
            self.teller.fill(random.choice(self.orders), quantity, price, "0.07 USD")
        elif step == "cancel" and self.orders:
            tell(CancelOrder(owner_id=self.alice, order_id=random.choice(self.orders)), self.alice)
        elif step == "cash":
            kind = random.choice((Deposit, Withdraw))
            tell(kind(owner_id=self.alice, portfolio_id=self.portfolio, amount=cents), self.alice)
            tell(CorrectCash(portfolio_id=self.portfolio, amount=cents, reason="law"))
        else:
            self.teller.user(f"{random.random()}@example.org")

    def _ticket(self) -> Ticket:
        random = self.random
        wish = a_ticket(
            side=random.choice(("buy", "sell")),
            quantity=random.choice(("1", "3", "10")),
            limit_price=str(random.randint(90, 110)),
            symbol_code=random.choice(("AAPL", "MSFT", "BTC/USDT")),
        )
        return Ticket(
            portfolio_id=self.portfolio,
            symbol=wish.symbol,
            side=wish.side,
            quantity=wish.quantity,
            kind=wish.kind,
            limit_price=wish.limit_price,
        )


def test_as_of_any_index_is_what_the_tables_showed_then(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_audit, "SNAPSHOT_AFTER", 60)
    views, crowd = SqlViews(log.reading), _Crowd(log, 7)
    then: dict[int, str] = {}
    with crowd.teller.bot:
        while len(then) < 100:
            try:
                crowd.act()
            except DomainError:
                continue  # a wish that was refused: nothing was recorded
            size = log.rows("SELECT count(*) AS n FROM events")[0]["n"]
            then[size] = _live(views)
    place(log, tmp_path)
    order = list(then)
    Random(3).shuffle(order)
    audit = fresh(log)
    for size in order:
        report = audit.replay(audit.cut(index=size))
        assert report.cut.size == size
        shown = _canonical(report.portfolios, report.orders, report.bot_runs, report.users)
        assert shown == then[size]
    assert audit.snapshots.counts.used > 20
    assert log.findings() == set()


# --- as of a checkpoint -----------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_cut_is_made_at_a_checkpoint(sealed: SealedLog, size: int) -> None:
    by_size = sealed.audit.cut(checkpoint=str(size))
    assert by_size == sealed.audit.cut(checkpoint=sealed.note(size))
    assert by_size == sealed.audit.cut(index=size)
    assert (by_size.size, by_size.checkpoint) == (size, size)


def test_a_cut_names_the_checkpoint_that_covers_it(sealed: SealedLog) -> None:
    covering = [sealed.audit.cut(index=n).checkpoint for n in (0, 1, 40, 41, 600, 601)]
    assert covering == [None, 40, 40, 100, 600, None]


def test_a_checkpoint_that_is_none_makes_no_cut(sealed: SealedLog) -> None:
    with pytest.raises(NotFoundError, match="no checkpoint of size 41"):
        sealed.audit.cut(checkpoint="41")
    with pytest.raises(NoteError):
        sealed.audit.cut(checkpoint="no note")
    text = sealed.note(300).partition("\n\n")[0] + "\n"
    with pytest.raises(NoteError):
        sealed.audit.cut(checkpoint=STRANGER.sign(text))
    with pytest.raises(CorruptHistoryError, match="signed is"):
        sealed.audit.cut(checkpoint=SIGNER.sign(text.replace("\n300\n", "\n301\n")))
    with pytest.raises(InvalidValueError, match="one of them"):
        sealed.audit.cut(checkpoint="300", index=300)


def test_the_root_of_a_cut_is_that_of_its_leaves_sealed_or_not(sealed: SealedLog) -> None:
    sizes = (0, 1, 255, 256, 257, 511, 513, 599, 600, 601, 609, 610)
    roots = [sealed.audit.cut(index=size).root for size in sizes]
    sealed.unseal()
    assert [sealed.audit.cut(index=size).root for size in sizes] == roots
    recorded = [sealed.audit.cut(index=size).last_recorded_at for size in sizes]
    assert recorded[1:] == sorted(it for it in recorded if it)


def test_a_damaged_tile_is_made_up_for(sealed: SealedLog) -> None:
    root = sealed.audit.cut(index=300).root
    sealed.change("DELETE FROM log_tiles WHERE level = 0")
    assert sealed.audit.cut(index=300).root == root


# --- states as bytes --------------------------------------------------------------------------


def test_every_kind_of_state_is_the_same_after_a_way_through_bytes(log: Log) -> None:
    codec = StateCodec()
    assert STATES.keys() == CATEGORIES.keys()
    with snapshot(log.reading) as reader:
        for size in range(log.story.events + 1):
            book = Book()
            fold_log(reader, EventCodec(), size, book=book)
            for stream_id, state in book.live.items():
                again = codec.decode(stream_id, codec.encode(stream_id, state))
                assert again == state
                assert type(again) is type(state)
                assert again.__dict__.keys() == state.__dict__.keys()


def test_a_state_with_a_field_of_no_kind_cannot_be_kept() -> None:
    class Odd:
        """Nothing that can travel."""

    with pytest.raises(TypeError):
        StateCodec({"odd": Odd})
