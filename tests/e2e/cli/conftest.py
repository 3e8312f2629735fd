"""The real program on a folder of its own, called in this process or as one of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from traderbot.doors import ProgramDoors
from traderbot.presentation.cli.main import run

PASSWORD = "a few words in a row"


@dataclass(frozen=True)
class Outcome:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; anything beside it fails the test."""
        return json.loads(self.out)


class Installation:
    """A folder with the program's data, and the command line working on it."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.folder = folder
        self.database = folder / "data" / "traderbot.db"
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: str, stdin: str = "") -> Outcome:
        """Call it in this process."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(ProgramDoors(), words)
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    def process(self, *words: str, stdin: str = "") -> Outcome:
        """Call it as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "traderbot", *words],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def environment(self) -> Mapping[str, str]:
        """Return the environment of a process."""
        return dict(os.environ)

    def begin(self) -> None:
        """Make the database, a user, a portfolio with cash, and bars."""
        for words in (
            ("init",),
            ("user", "add", "ada@example.com", "--password-stdin"),
            ("portfolio", "create", "main", "--cash", "100000 USD"),
            ("data", "import", "--sample", "IBM"),
        ):
            done = self(*words, stdin=f"{PASSWORD}\n")
            assert done.code == 0, done.err


@pytest.fixture
def installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Installation:
    for name in [name for name in os.environ if name.upper().startswith("TRADERBOT_")]:
        if not name.upper().startswith("TRADERBOT_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRADERBOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return Installation(tmp_path, monkeypatch, capsys)
