"""The demo as a newcomer runs it, and the README's word for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()


def traderbot(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRADERBOT_")}
    return subprocess.run(
        [sys.executable, "-m", "traderbot", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    done = traderbot(folder, "demo")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def asked(folder: Path, *words: str) -> tuple[int, Any]:
    done = traderbot(folder, *words, "--database", "traderbot-data/demo.db", "--json")
    return done.returncode, json.loads(done.stdout)


def test_the_readme_shows_what_the_demo_prints_to_the_byte(demo: tuple[Path, str]) -> None:
    (shown,) = re.findall(r"```text\n(.*?)\n```", README, re.DOTALL)
    assert demo[1].rstrip("\n") == shown


def test_it_makes_ten_or_more_real_trades_and_the_audit_is_clean(demo: tuple[Path, str]) -> None:
    found = re.search(r"decisions, (\d+) trades", demo[1])
    assert found
    assert int(found[1]) >= 10
    assert "audit verified" in demo[1]


def test_the_commands_it_names_work(demo: tuple[Path, str]) -> None:
    folder = demo[0]
    code, verified = asked(folder, "audit", "verify")
    assert (code, verified["findings"]) == (0, [])
    assert verified["root"] in demo[1]
    code, compared = asked(folder, "audit", "diff")
    assert (code, compared["differences"], compared["ledger_imbalances"]) == (0, [], [])


def test_an_order_it_explains_can_be_explained_again(demo: tuple[Path, str]) -> None:
    found = re.search(r"why\s+order ([0-9a-f-]{36})", demo[1])
    assert found
    code, explained = asked(demo[0], "audit", "explain", found[1])
    assert code == 0
    assert explained["order"]["status"] == "filled"
    assert explained["decision"]["signal"] == "SELL"
    types = [event["type"] for event in explained["events"]]
    assert types.index("order.approved") < types.index("order.filled")


def test_the_past_is_still_there(demo: tuple[Path, str]) -> None:
    code, then = asked(demo[0], "audit", "replay", "--as-of", "2008-10-01T00:00:00Z")
    assert code == 0
    code, now = asked(demo[0], "audit", "replay")
    assert code == 0
    assert 0 < len(then["orders"]) < len(now["orders"])
    assert then["cut"]["root"] != now["cut"]["root"]


@pytest.mark.parametrize("interpreter", ["python", "node"])
def test_the_bundle_is_checked_by_the_command_it_names(
    demo: tuple[Path, str], interpreter: str
) -> None:
    command = demo[1].rstrip("\n").splitlines()[-1].split()
    assert command[0] == "python"
    if interpreter == "python":
        command[0] = sys.executable
    else:
        found = shutil.which("node")
        assert found, "Node.js is needed: apt-get install nodejs"
        command[:2] = [found, command[1].replace("verify.py", "verify.mjs")]
    done = subprocess.run(
        command, cwd=demo[0], capture_output=True, text=True, timeout=60, check=False
    )
    root = re.search(r"^root +([0-9a-f]{64})$", demo[1], re.MULTILINE)
    assert root
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("verified: ")
    assert f"root {root[1]}, signed by traderbot.local/demo (" in done.stdout


def test_the_bundle_holds_what_was_published(demo: tuple[Path, str]) -> None:
    folder = demo[0] / "traderbot-data"
    anchors = (folder / "demo.db.anchors.jsonl").read_text().splitlines()
    published = [json.loads(line) for line in anchors]
    lines = (folder / "demo-bundle/anchors/anchors.jsonl").read_text().splitlines()
    assert [json.loads(line)["note"] for line in lines] == [it["note"] for it in published]
    assert (folder / "demo-bundle/checkpoint").read_text() == published[-1]["note"]
