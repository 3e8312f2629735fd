"""Struck down between any two steps: nothing is lost, nothing happens twice, it goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from time import sleep

import pytest

from tests.integration.sealing.faltering import Strike, StruckDownError, strike_down
from tests.integration.sealing.vault import Vault
from traderbot.infrastructure.sealing.anchors import Anchor, AnchorFile
from traderbot.infrastructure.sealing.sealer import Sealer

_ROOT = Path(__file__).parents[3]
_KILLS = 6


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_it_may_be_struck_down_at_any_step(vault: Vault, after: bool) -> None:
    desk, owned = vault.filled(0)
    strikes = 0
    for steps in range(1, 200):
        for _ in range(3):
            desk.deposit(owned, "1 USD")
        known = vault.places()
        sealer = vault.sealer(batch=2)
        strike = Strike(steps, after=after)
        strike_down(sealer, strike)
        try:
            sealer.seal()
            sealer.checkpoint(anchor=True)
        except StruckDownError:
            strikes += 1
        sealer.close()
        vault.check()
        assert vault.places()[: len(known)] == known
        again = vault.sealer()
        again.seal()
        assert again.checkpoint(anchor=True) is not None
        again.close()
        vault.check(size=3 + 3 * steps)
        if not strike.has_struck:
            break
    else:
        pytest.fail("it never came to an end by itself")
    assert strikes > 20
    assert len({it.size for it in vault.checkpoints()}) == len(vault.checkpoints())


def test_a_checkpoint_is_stored_before_it_is_published(vault: Vault) -> None:
    seen: list[tuple[int, str]] = []

    class Watched(AnchorFile):
        def append(self, anchor: Anchor) -> None:
            seen.extend((it.size, it.note) for it in vault.checkpoints())
            super().append(anchor)

    vault.filled(2)
    sealer = Sealer(
        vault.engine,
        vault.sealer()._signer,
        "example.org/log",
        Watched(vault.anchor_path),
        vault.clock,
    )
    vault.stack.callback(sealer.close)
    sealer.seal()
    found = sealer.checkpoint(anchor=True)
    assert found is not None
    assert seen == [(found.size, found.note)]


_CHILD = """
import sys
from tests.integration.sealing.load import work
work(sys.argv[1], sys.argv[2])
"""


def test_it_may_be_killed_at_any_time(vault: Vault) -> None:
    random = Random(7)  # noqa: S311 - moments to kill at, the same ones every time
    sealed = 0
    for _ in range(_KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", _CHILD, vault.url, str(vault.anchor_path)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(random.randrange(1, 60)):
                assert process.stdout.readline()
            sleep(random.random() / 50)  # anywhere in its work
            process.send_signal(signal.SIGKILL)
        now = vault.check()
        assert now.size >= sealed
        sealer = vault.sealer()
        sealer.seal()
        sealer.checkpoint(anchor=True)
        sealer.close()
        everything = vault.value("SELECT count(*) FROM events")
        sealed = vault.check(size=everything).size
    assert sealed > _KILLS
