"""What the library user's face brings, and what it does not."""

from __future__ import annotations

import subprocess
import sys

import traderbot.research as face

HEAVY = "matplotlib numba optuna pandas rich scipy sqlalchemy"


def test_everything_it_names_is_there() -> None:
    assert [name for name in face.__all__ if not hasattr(face, name)] == []
    assert len(set(face.__all__)) == len(face.__all__)


def test_it_brings_nothing_that_is_slow_or_optional() -> None:
    script = (
        f"import sys, traderbot.research;print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
