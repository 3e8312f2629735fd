"""What only a process of its own can show: imports, signals, pipes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO
from urllib.request import urlopen

import pytest

from tests.e2e.cli.conftest import Installation

_HEAVY = {
    *("sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "pydantic", "pydantic_settings"),
    *("msgspec", "numpy", "passlib", "jose", "redis", "rich", "typer", "asyncio"),
}
_PROBE = """
import sys
from traderbot.__main__ import main
sys.argv[0] = "traderbot"
code = main()
sys.stderr.write(" ".join(sorted(sys.modules)))
sys.exit(code)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        *([noun, "--help"] for noun in ("order", "audit", "data", "user", "strategy", "serve")),
        ["order", "place", "--help"],
        ["order", "plaice"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(words: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    modules = set(done.stderr.splitlines()[-1].split())
    assert "traderbot.presentation.cli.main" in modules
    assert sorted(modules & _HEAVY) == []
    assert "traderbot.application.application" not in modules


def test_an_error_has_its_exit_code_and_no_traceback(installation: Installation) -> None:
    told = installation.process("order", "list", "--database", "nowhere.db")
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        f"traderbot: there is no database {installation.folder / 'nowhere.db'}; "
        "make it with: traderbot init\n"
    )


def test_a_reader_that_goes_away_is_no_error(installation: Installation) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "traderbot", "openapi"],
        cwd=installation.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to heed")
def test_serve_listens_says_where_and_ends_when_told(installation: Installation) -> None:
    assert installation("init").code == 0
    with subprocess.Popen(
        [sys.executable, "-m", "traderbot", "serve", "--port", "0", "--json"],
        cwd=installation.folder,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            url = _url(process.stdout)
            with urlopen(f"{url}/health/live", timeout=10) as answer:  # noqa: S310 - our own
                assert answer.status == 200
            taken = installation("serve", "--port", url.rpartition(":")[2], "--json")
            assert (taken.code, taken.json["error"]["code"]) == (2, "CANNOT_LISTEN")
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == ""
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def _url(stdout: IO[str]) -> str:
    lines: list[str] = []
    while not lines or lines[-1] != "}\n":
        lines.append(stdout.readline())
        assert lines[-1], "it ended before it listened"
    return str(json.loads("".join(lines))["url"])
