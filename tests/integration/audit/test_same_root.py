"""With fixed time and ids, the same script gives the same log to the last bit, wherever it runs.

`make versions` asks the same of every version of Python that the project supports.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.audit.log import Log
from tests.integration.audit.roots import root_of
from tests.servers import SharedPostgres

ROOT = Path(__file__).parents[3]


def told(hash_seed: str, *databases: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.audit.roots", *databases],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_one_root_under_every_hash_seed_and_in_both_databases(
    postgres_server: SharedPostgres,
) -> None:
    runs = []
    for seed in ("0", "1", "20260715"):
        with postgres_server.database() as url:
            runs.append(told(seed, url))
    assert len({run["hash"] for run in runs}) == len(runs)  # the seeds did something
    first = runs[0]["roots"]
    assert all(run["roots"] == first for run in runs)
    assert first["story"] == first["story in database 1"]
    shown = re.findall(r"^root +([0-9a-f]{64})$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown == [first["demo"]]


def test_the_audit_gives_the_root_that_the_definition_gives(log: Log) -> None:
    assert log.audit.verify().root == root_of(log.url)


def test_one_event_less_is_another_root(log: Log) -> None:
    before = root_of(log.url)
    last = log.events()[-1]["position"]
    log.change("DELETE FROM events WHERE position = :p", p=last)
    assert root_of(log.url) != before
