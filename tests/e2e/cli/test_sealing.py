"""The sealed log, as an operator meets it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from tests.e2e.cli.conftest import Installation


def anchors(installation: Installation) -> list[dict[str, Any]]:
    path = Path(f"{installation.database}.anchors.jsonl")
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_log_is_sealed_and_published_when_asked(installation: Installation) -> None:
    installation.begin()
    told = installation("audit", "anchor", "--json")
    assert told.code == 0
    report = told.json
    assert report["sealed"] == report["size"] == report["anchored_size"] > 0
    assert report["origin"] == "traderbot.local/traderbot"
    assert report["checkpoint"].startswith(f"{report['origin']}\n{report['size']}\n")
    assert [(it["size"], it["root"]) for it in anchors(installation)] == [
        (report["size"], report["root"])
    ]
    again = installation("audit", "anchor", "--json").json
    assert (again["sealed"], again["root"]) == (0, report["root"])
    assert len(anchors(installation)) == 1


def test_an_old_copy_is_refused_until_somebody_says_why(installation: Installation) -> None:
    installation.begin()
    installation("audit", "anchor")
    old = installation.folder / "old.db"
    shutil.copyfile(installation.database, old)
    assert installation("portfolio", "deposit", "5", "USD").code == 0
    assert installation("audit", "anchor").code == 0
    for path in installation.database.parent.glob("traderbot.db*"):
        if not path.name.endswith(".jsonl"):
            path.unlink()
    shutil.copyfile(old, installation.database)
    refused = installation("audit", "anchor", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "ROLLBACK_DETECTED")
    assert 'traderbot audit epoch new --reason "..."' in refused.err
    assert installation("audit", "epoch", "new", "--reason", " ").code == 2
    begun = installation("audit", "epoch", "new", "--reason", "restored", "--json")
    assert begun.code == 0
    assert begun.json["before"]["epoch"] == begun.json["now"]["epoch"] == 2
    assert begun.json["now"]["sealed"] == 1
    assert anchors(installation)[-1]["origin"] == "traderbot.local/traderbot/epoch-2"
    assert installation("audit", "anchor").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to heed")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_seals_what_others_write_and_ends_when_told(
    installation: Installation, number: signal.Signals
) -> None:
    installation.begin()
    with subprocess.Popen(
        [sys.executable, "-m", "traderbot", "worker"],
        cwd=installation.folder,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert _line(process.stdout).startswith("sealing the log of sqlite:///")
            assert installation("portfolio", "deposit", "5", "USD").code == 0
            process.send_signal(number)
            assert process.stdout.read() == ""
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    report = installation("audit", "anchor", "--json").json
    assert report["sealed"] == 0
    assert anchors(installation)[-1]["size"] == report["size"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to heed")
def test_a_server_seals_what_it_has_written(installation: Installation) -> None:
    installation.begin()
    with subprocess.Popen(
        [sys.executable, "-m", "traderbot", "serve", "--port", "0"],
        cwd=installation.folder,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert _line(process.stdout).startswith("listening on")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
    assert installation("audit", "anchor", "--json").json["sealed"] == 0
    assert anchors(installation)


def _line(stdout: IO[str]) -> str:
    line = stdout.readline()
    assert line, "it ended before it was ready"
    return line
