"""The switch outside the database."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from traderbot.application.errors import LatchError
from traderbot.infrastructure.halt_latch import FileLatch, halted_by_signal


def test_a_file_halts_every_process_that_looks_at_it(tmp_path: Path) -> None:
    one, other = FileLatch(tmp_path / "new" / "HALT"), FileLatch(tmp_path / "new" / "HALT")
    assert one.engaged() is None
    one.engage("enough")
    assert "HALT" in (one.engaged() or "")
    assert "HALT" in (other.engaged() or "")
    other.release()
    other.release()
    assert one.engaged() is None


def test_where_no_file_can_be_written_the_process_remembers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    latch = FileLatch(tmp_path / "file" / "HALT")
    latch.engage("enough")
    assert "enough" in (latch.engaged() or "")


def test_a_file_nobody_can_look_at_halts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert FileLatch(tmp_path / "file" / "HALT").engaged() is not None


def test_a_file_that_cannot_be_taken_away_stays_in_force(tmp_path: Path) -> None:
    (tmp_path / "HALT").mkdir()
    latch = FileLatch(tmp_path / "HALT")
    with pytest.raises(LatchError, match="by hand"):
        latch.release()
    assert latch.engaged() is not None


def test_a_signal_pulls_it_for_as_long_as_the_block_lasts(tmp_path: Path) -> None:
    latch = FileLatch(tmp_path / "HALT")
    before = signal.getsignal(signal.SIGUSR1)
    with halted_by_signal(latch):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert latch.engaged() is not None
    assert signal.getsignal(signal.SIGUSR1) is before
