"""Whether sealing is fit for work, as the probe of the server asks."""

from __future__ import annotations

import pytest

from tests.integration.sealing.faltering import fill_volume
from tests.integration.sealing.vault import Vault
from tests.stores import until
from traderbot.infrastructure.sealing import health
from traderbot.infrastructure.sealing.health import sealing_check
from traderbot.infrastructure.sealing.log_sealing import LogSealing
from traderbot.infrastructure.sealing.loop import Pace

QUICK = Pace(seal_seconds=0.01, checkpoint_seconds=0.02, anchor_seconds=0.03)


def test_a_process_that_does_not_seal_is_well(vault: Vault) -> None:
    assert sealing_check(lambda: None)().ok
    sealing = LogSealing(vault.sealer(), vault.reader, vault.clock, QUICK)
    assert sealing_check(lambda: sealing)().message == "not done by this process"


def test_it_is_well_as_long_as_it_seals(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_GRACE_SECONDS", 0.05)
    vault.filled(3)
    sealing = LogSealing(vault.sealer(), vault.reader, vault.clock, QUICK)
    check = sealing_check(lambda: sealing)
    with sealing.running():
        until(lambda: check().message == "6 events signed, 6 published")
        assert check().ok
        good = bytes(vault.value("SELECT root FROM log_head"))
        vault.change("UPDATE log_head SET root = :r", r=bytes(32))
        until(lambda: not check().ok)
        assert "traderbot audit verify" in check().message
        vault.change("UPDATE log_head SET root = :r", r=good)
        until(lambda: check().ok)
    assert check().ok


def test_a_volume_that_takes_no_anchors_is_told_of_and_no_failure(vault: Vault) -> None:
    vault.filled(0)
    sealer = vault.sealer()
    fill_volume(sealer)
    sealing = LogSealing(sealer, vault.reader, vault.clock, QUICK)
    check = sealing_check(lambda: sealing)
    with sealing.running():
        until(lambda: "publishing fails" in check().message)
        found = check()
        assert found.ok
        assert found.message.startswith("3 events signed, 0 published")
        assert str(vault.anchor_path) not in found.message  # it is open to all
        assert "no space left" in str(sealing.status().error)
        assert sealing.status().checkpoint_size == 3
