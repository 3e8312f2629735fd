from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "alembic celery ccxt fastapi msgspec numba numpy pandas pydantic redis sqlalchemy uvicorn"


@pytest.mark.parametrize("module", ["traderbot", "traderbot.domain", "traderbot.strategies"])
def test_a_bare_import_brings_no_heavy_library(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_the_indicators_bring_numpy_and_nothing_that_compiles() -> None:
    script = (
        "import sys, traderbot.indicators;"
        f"print(*sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "numpy"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import traderbot  # noqa: PLC0415

    with pytest.raises(AttributeError, match="nothing_like_this"):
        traderbot.nothing_like_this  # noqa: B018
