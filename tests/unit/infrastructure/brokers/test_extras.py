from __future__ import annotations

import subprocess
import sys

import pytest

from traderbot.infrastructure.brokers.extras import MissingExtraError, need


def test_a_library_that_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_library.*\[ccxt\]"):
        need("no_such_library.inside", "ccxt")


@pytest.mark.parametrize("module", ["ccxt_venue", "alpaca_venue", "ccxt_stream", "alpaca_stream"])
def test_an_adapter_is_imported_without_its_library(module: str) -> None:
    script = (
        f"import sys; import traderbot.infrastructure.brokers.{module}; "
        "print(*sorted({'ccxt', 'alpaca', 'requests', 'aiohttp', 'websockets', 'pandas'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
