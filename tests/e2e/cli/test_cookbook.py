"""The cookbook's commands, as they stand, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "cookbook.md"
COMMANDS = re.findall(r"^\$ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.timeout(300)
def test_every_command_of_the_cookbook_does_what_it_says(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TRADERBOT_DATA__DIR": str(tmp_path / "traderbot-data"),
    }
    said = {}
    for command in COMMANDS:
        done = subprocess.run(
            ["bash", "-c", command],  # noqa: S607 - the page is written for a shell
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said[command] = done.stdout
    assert len(said) == len(COMMANDS) >= 15
    (parity,) = (text for command, text in said.items() if "audit parity" in command)
    assert "equal" in parity
    once, again = (text for command, text in said.items() if "sweep run" in command)
    assert once == again
    report = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert report.startswith("<!doctype html>")
    assert "http://" not in report.replace("http://www.w3.org", "")
