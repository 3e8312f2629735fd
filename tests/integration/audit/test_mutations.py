"""Five hundred ways to change a sealed log are found, and named where they begin.

Two windows are open by design, and nothing else is: what is not sealed yet, and what is not
published yet if the signing key is stolen, too.
"""
# ruff: noqa: S311 - the seeds are fixed: what was missed once can be looked at again

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

import pytest
from sqlalchemy import make_url

from tests.integration.audit import mutations
from tests.integration.audit.mutations import SEALED, Insider, inside, rewrite
from tests.integration.audit.sealed import (
    ANCHORED,
    EVENTS,
    SIGNER,
    SIZES,
    STRANGER,
    SealedLog,
    Told,
    sealer_of,
)
from tests.integration.audit.story import Teller, tell
from traderbot.application.ports.audit import VerifyReport
from traderbot.infrastructure.persistence.database import writer_engine

Mutation = Callable[[Insider, Random], int]

# Mutation: how often, with another seed each time. With rewrites and old copies they are 500.
COUNTS: MappingProxyType[Mutation, int] = MappingProxyType(
    {
        mutations.a_byte: 80,
        mutations.a_payload_with_its_hash: 60,
        mutations.the_time: 50,
        mutations.the_actor: 50,
        mutations.a_deletion: 50,
        mutations.a_swap: 50,
        mutations.an_insertion: 40,
        mutations.a_duplicate: 20,
        mutations.a_cut_tail: 30,
    }
)
REWRITES = 50
OLD_COPIES = 20


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies the sealed log for one block; where that takes longer, fewer things are tried."""

    make: Callable[[], AbstractContextManager[SealedLog]]
    one_in: int = 1

    def __call__(self) -> AbstractContextManager[SealedLog]:
        return self.make()


@pytest.fixture
def files(sealed_file: Told, tmp_path: Path) -> Copies:
    """Give copies of the SQLite file."""
    path = make_url(sealed_file.url).database
    assert path is not None

    @contextmanager
    def copy() -> Iterator[SealedLog]:
        file = tmp_path / "copy.db"
        shutil.copyfile(path, file)
        with closing(SealedLog(f"sqlite:///{file}", sealed_file, tmp_path / "anchors")) as log:
            yield log

    return Copies(copy)


@pytest.fixture
def databases(request: pytest.FixtureRequest, sealed_database: Told, tmp_path: Path) -> Copies:
    """Give copies of the PostgreSQL database."""
    template = make_url(sealed_database.url).database
    server = request.getfixturevalue("postgres_server")

    @contextmanager
    def copy() -> Iterator[SealedLog]:
        with (
            server.database(template) as url,
            closing(SealedLog(url, sealed_database, tmp_path / "anchors")) as log,
        ):
            yield log

    return Copies(copy, one_in=10)


@pytest.fixture(params=["files", "databases"])
def copies(request: pytest.FixtureRequest) -> Copies:
    """Give either of them."""
    found: Copies = request.getfixturevalue(request.param)
    return found


def mutate(log: SealedLog, mutation: Mutation, seed: int) -> int:
    """Do it, and return where it begins."""
    with inside(log) as insider:
        index = mutation(insider, Random(seed))
    if insider.to_seal:
        seal_again(log, insider.to_seal)
    return index


def seal_again(log: SealedLog, size: int) -> None:
    """Seal the first events, without a checkpoint: for that, the key would be needed."""
    sealer = sealer_of(log.writing, log.anchors.with_suffix(".forged"), STRANGER)
    assert sealer._seal_batch(size, patient=True) == size
    sealer.close()


def told(report: VerifyReport) -> list[str]:
    return [f"{it.code} {it.where}: {it.message}" for it in report.findings[:3]]


# --- one thing changed ------------------------------------------------------------------------


def test_they_are_five_hundred() -> None:
    assert sum(COUNTS.values()) + REWRITES + OLD_COPIES == 500


@pytest.mark.parametrize("mutation", COUNTS, ids=lambda it: it.__name__)
def test_whatever_is_changed_is_found_where_it_begins(copies: Copies, mutation: Mutation) -> None:
    missed: list[object] = []
    for seed in range(COUNTS[mutation] // copies.one_in):
        with copies() as log:
            index = mutate(log, mutation, seed)
            report = log.verify()
        if report.first_bad_index != index or not report.findings:
            missed.append((seed, index, report.first_bad_index, told(report)))
        good = max((it for it in SIZES if it <= index), default=None)
        if report.last_good_checkpoint != good:
            missed.append((seed, index, "last good", report.last_good_checkpoint, told(report)))
    assert missed == []


# --- everything changed -----------------------------------------------------------------------


def _sealed_again_beside_the_checkpoints(log: SealedLog, index: int, rng: Random) -> None:
    with inside(log) as insider:
        rewrite(insider, rng, index)
        insider.unseal_from(SEALED)
    seal_again(log, SEALED)


def _sealed_again_without_checkpoints(log: SealedLog, index: int, rng: Random) -> None:
    with inside(log) as insider:
        rewrite(insider, rng, index)
        insider.unseal_from(0)
    seal_again(log, SEALED)


def _signed_by_somebody_else(log: SealedLog, index: int, rng: Random) -> None:
    with inside(log) as insider:
        rewrite(insider, rng, index)
    log.seal_again(STRANGER)


def _signed_with_the_stolen_key(log: SealedLog, index: int, rng: Random) -> None:
    with inside(log) as insider:
        rewrite(insider, rng, index)
    log.seal_again(SIGNER)


WAYS = {
    _sealed_again_beside_the_checkpoints: {"CHECKPOINT_DIFFERS", "ANCHOR_DIFFERS"},
    _sealed_again_without_checkpoints: {"ANCHOR_DIFFERS"},
    _signed_by_somebody_else: {"SIGNATURE_BAD", "ANCHOR_DIFFERS"},
    _signed_with_the_stolen_key: {"ANCHOR_DIFFERS"},
}


def test_a_history_written_anew_is_found_between_two_published_sizes(copies: Copies) -> None:
    missed: list[object] = []
    for seed in range(REWRITES // copies.one_in):
        rng = Random(seed)
        index = rng.randrange(SEALED)
        way = [*WAYS][seed % len(WAYS)]
        with copies() as log:
            way(log, index, rng)
            report = log.verify()
        places = {it.code: it.where for it in reversed(report.findings)}  # the first of each
        published = min(it for it in ANCHORED if it > index)
        if set(places) != WAYS[way] or not places["ANCHOR_DIFFERS"].endswith(f"size {published}"):
            missed.append((seed, way.__name__, index, told(report)))
        signed = min(it for it in SIZES if it > index)
        first = places.get("CHECKPOINT_DIFFERS", f"checkpoint of size {signed}, epoch 1")
        if first != f"checkpoint of size {signed}, epoch 1":
            missed.append((seed, way.__name__, index, told(report)))
    assert missed == []


def test_an_old_copy_put_back_is_found_with_the_size_it_ends_at(tmp_path: Path) -> None:
    url, anchors = f"sqlite:///{tmp_path / 'it.db'}", tmp_path / "anchors"
    story = tell(url)
    teller, engine = Teller(url, story.ends, seed="a crowd"), writer_engine(url)
    sealer = sealer_of(engine, anchors)
    sizes: list[int] = []
    size = 0
    with teller.bot:
        for number in range(OLD_COPIES):
            for user in range(5):
                teller.user(f"{number}-{user}@example.org")
            size += sealer.seal()
            sealer.checkpoint(anchor=number % 3 == 0)
            teller.user(f"{number}@example.org")  # sealed with the next ones
            sizes.append(size)
            with (
                closing(sqlite3.connect(tmp_path / "it.db")) as now,
                closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy,
            ):
                now.backup(copy)
    sealer.seal()
    sealer.checkpoint(anchor=True)
    sealer.close()
    engine.dispose()
    missed: list[object] = []
    for number, size in enumerate(sizes):
        known = Told(f"sqlite:///{tmp_path / f'{number}.db'}", anchors, story)
        with closing(SealedLog(known.url, known, tmp_path / "witness")) as log:
            report = log.verify()
        if {it.code for it in report.findings} != {"ROLLED_BACK"} or report.first_bad_index != size:
            missed.append((number, size, report.first_bad_index, told(report)))
    assert missed == []


# --- the two windows --------------------------------------------------------------------------


def _rewrite_one(log: SealedLog, index: int) -> None:
    with inside(log) as insider:
        rewrite(insider, Random(index), index)


def _cut(log: SealedLog, size: int) -> None:
    with inside(log) as insider:
        insider.cut(size)


@pytest.mark.parametrize("change", [_rewrite_one, _cut])
def test_what_is_not_sealed_yet_can_be_changed_without_a_trace(
    copies: Copies, change: Callable[[SealedLog, int], None]
) -> None:
    for index in (SEALED, EVENTS - 1):
        with copies() as log:
            before = log.verify()
            change(log, index)
            report = log.verify()
        assert report.findings == []
        assert report.root != before.root
        assert before.tree.tail == EVENTS - SEALED  # and the report says how much that is


@pytest.mark.parametrize("change", [_rewrite_one, _cut])
def test_and_no_longer_once_it_is_sealed(
    copies: Copies, change: Callable[[SealedLog, int], None]
) -> None:
    for index in (SEALED, EVENTS - 1):
        with copies() as log:
            sealer = sealer_of(log.writing, log.anchors)
            sealer.seal()
            sealer.close()
            change(log, index)
            assert log.verify().first_bad_index == index


def _keep_anchors(log: SealedLog, count: int) -> None:
    lines = log.anchors.read_text("utf-8").splitlines(keepends=True)
    log.anchors.write_text("".join(lines[:count]), "utf-8")


def test_what_is_not_published_yet_can_be_signed_anew_with_the_stolen_key(copies: Copies) -> None:
    published = ANCHORED[1]
    for index in (published, SEALED - 1):
        with copies() as log:
            _keep_anchors(log, 2)
            _signed_with_the_stolen_key(log, index, Random(index))
            report = log.verify()
        assert report.findings == []
        assert report.tree.newest_anchor == published  # and the report says up to where not


def test_and_no_longer_once_it_is_published_or_without_the_key(copies: Copies) -> None:
    published = ANCHORED[1]
    with copies() as log:
        _keep_anchors(log, 2)
        _signed_with_the_stolen_key(log, published - 1, Random(1))
        (finding,) = log.verify().findings
    assert finding.code == "ANCHOR_DIFFERS"
    assert finding.where.endswith(f"size {published}")
    with copies() as log:
        _signed_with_the_stolen_key(log, published, Random(2))
        (finding,) = log.verify().findings
    assert finding.where.endswith(f"size {ANCHORED[2]}")
    with copies() as log:
        _keep_anchors(log, 2)
        _signed_by_somebody_else(log, published, Random(3))
        assert {it.code for it in log.verify().findings} == {"SIGNATURE_BAD"}
