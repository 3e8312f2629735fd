"""A writer that is busy all the time leaves a gap for whoever says that it waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.sqlite_gate import Gate, gate_of
from traderbot.infrastructure.persistence.sqlite_storage import SqliteStorage
from traderbot.infrastructure.sealing.sqlite_log import SqliteLog


def test_a_busy_writer_keeps_nobody_out(tmp_path: Path) -> None:
    engine = writer_engine(f"sqlite:///{tmp_path / 'busy.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")
    storage, log = SqliteStorage(engine), SqliteLog(engine)
    begun, stop = threading.Event(), threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            transaction = storage.begin()
            begun.set()
            storage._driver.execute("INSERT INTO t VALUES (1)")
            transaction.commit()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(keep_writing)
        try:
            assert begun.wait(10)
            waits = []
            for _ in range(40):
                start = monotonic()
                with log.writing() as transaction:
                    transaction.rows("INSERT INTO t VALUES (2)")
                waits.append(monotonic() - start)
        finally:
            stop.set()
        future.result()
    assert sorted(waits)[20] < 0.2  # by SQLite's own pauses most of them take longer than that
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM t WHERE x = 2").scalar_one()
    assert found == 40
    log.close()
    storage.close()
    engine.dispose()


def test_a_gap_is_short_whoever_waits() -> None:
    gate = Gate()
    gate.leave_a_gap()
    with gate.waiting(), gate.waiting():
        start = monotonic()
        gate.leave_a_gap()
        assert monotonic() - start < 2
    assert gate._nobody_waits.is_set()


def test_a_gap_ends_when_nobody_waits_any_more() -> None:
    gate = Gate()
    with gate.waiting():
        with gate.waiting():
            assert not gate._nobody_waits.is_set()
        assert not gate._nobody_waits.is_set()
    assert gate._nobody_waits.is_set()


def test_one_file_has_one_gate_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    one = writer_engine(f"sqlite:///{tmp_path / 'a.db'}")
    same = writer_engine(f"sqlite:///{tmp_path / 'folder' / '..' / 'a.db'}")
    other = writer_engine(f"sqlite:///{tmp_path / 'b.db'}")
    gate = gate_of(one)
    assert gate_of(same) is gate
    assert gate_of(other) is not gate
