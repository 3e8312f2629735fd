from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba.core.config
import numpy as np
import pytest

from traderbot.domain.strategies.indicators.averages import ema
from traderbot.infrastructure.compute.kernels import compiled, running
from traderbot.infrastructure.compute.kernels.drivers import drive_of

SCRIPT = """
import numpy as np
from traderbot.indicators import roc
print(roc(np.arange(1.0, 9_000.0), 3)[-1].hex())
"""


@pytest.fixture(autouse=True)
def _own_folder() -> Iterator[None]:
    compiled._cache_folder.cache_clear()
    yield
    compiled._cache_folder.cache_clear()


def works() -> bool:
    made = ema(2)
    kernel = compiled.compiled(drive_of(made.step, 1), 1)
    out = np.empty((1, 1, 3))
    kernel(np.array([made.start()]), np.array([[1.0, 3.0, 8.0]]), out)
    return bool(np.array_equal(out[0, 0, 1:], [2.0, 6.0]))


def test_what_was_compiled_is_kept_for_the_next_process(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT]
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    kept = sorted(tmp_path.rglob("*.nbc"))
    assert kept
    written = [path.stat().st_mtime_ns for path in kept]
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert second.stdout == first.stdout
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*.nbc"))] == written


def test_a_folder_nobody_can_make_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(in_the_way))
    assert compiled._cache_folder() is None
    assert works()


def test_a_folder_that_vanishes_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    monkeypatch.setattr(compiled, "_cache_folder", lambda: in_the_way / "kernels")
    assert works()


def test_rubbish_in_the_folder_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "_cache_folder", lambda: tmp_path)
    assert works()
    spoilt = list(tmp_path.rglob("*.nbi")) + list(tmp_path.rglob("*.nbc"))
    assert spoilt
    for path in spoilt:
        path.write_bytes(b"\x80rubbish")
    assert works()


def test_the_folder_belongs_to_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compiled._cache_folder()
    assert folder is not None
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)  # somebody else could put code there
    compiled._cache_folder.cache_clear()
    assert compiled._cache_folder() is None


def test_whoever_else_uses_numba_keeps_their_own_settings() -> None:
    settings: Any = numba.core.config
    before = settings.CACHE_DIR, settings.SLP_VECTORIZE
    running._compiled(ema().step, 1)
    assert before == (settings.CACHE_DIR, settings.SLP_VECTORIZE)
