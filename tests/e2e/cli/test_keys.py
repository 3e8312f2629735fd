"""`traderbot keys`: a new key, everything sealed with it, and what a lost one leaves."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.cli.conftest import Installation
from traderbot.application.commands.exchange_keys import AddExchangeKey
from traderbot.application.exchange_secrets import ExchangeSecrets, seal, unseal
from traderbot.application.key_safe import KeySafe
from traderbot.bootstrap import Traderbot
from traderbot.domain.shared.ids import UserId

COUNT = 7


@contextmanager
def opened() -> Iterator[tuple[Traderbot, KeySafe, UserId]]:
    """Open the installation as its environment says."""
    with Traderbot.open() as program:
        user = program.application.views.user_by_email("ada@example.com")
        assert user is not None
        yield program, program.application.key_safe(), UserId(user.user_id)


@pytest.fixture
def stored(installation: Installation) -> Installation:
    """Store a few keys, sealed with the key that development made."""
    installation.begin()
    with opened() as (program, safe, owner):
        for number in range(COUNT):
            key_id = program.application.ids.new()
            secrets = ExchangeSecrets(api_key=f"name {number}", secret=f"twin {number}")
            at = program.application.clock.now()
            sealed = seal(secrets, safe.box, key_id=key_id, owner_id=owner, at=at)
            program.run(
                AddExchangeKey(user_id=owner, exchange="binance", label="a key", sealed=sealed)
            )
    return installation


def read_back() -> list[str]:
    with opened() as (_program, safe, owner):
        return [unseal(row, safe.box).api_key for row in safe.keys.of_owner(owner)]


def doctors_word(installation: Installation) -> tuple[bool, str]:
    (check,) = [
        it
        for it in installation("doctor", "--json").json["checks"]
        if it["name"] == "exchange keys"
    ]
    return check["ok"], check["message"]


def test_a_new_key_is_another_each_time(installation: Installation) -> None:
    first, second = (installation("keys", "generate", "--json").json for _ in range(2))
    assert first["key"] != second["key"]
    assert len(b64decode(first["key"], validate=True)) == 32
    assert first["key_id"] not in first["key"]
    told = installation("keys", "generate")
    assert told.code == 0
    assert len(b64decode(told.out.strip(), validate=True)) == 32  # nothing else: it can be piped
    assert "TRADERBOT_ENCRYPTION__KEY" in told.err


def test_a_key_changes_without_a_gap(stored: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctors_word(stored) == (True, f"{COUNT} stored, every sealing key is there")
    path = stored.folder / "data" / "secrets" / "exchange-keys-key"
    assert path.stat().st_mode & 0o777 == 0o600
    made = stored("keys", "generate", "--json").json
    monkeypatch.setenv("TRADERBOT_ENCRYPTION__KEY", made["key"])
    # The former key was forgotten: it is said, and nothing is touched.
    refused = stored("keys", "rotate", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "UNREADABLE_SECRET")
    assert "TRADERBOT_ENCRYPTION__FORMER_KEYS" in refused.err
    assert doctors_word(stored)[0] is False
    monkeypatch.setenv("TRADERBOT_ENCRYPTION__FORMER_KEYS", path.read_text().strip())
    assert doctors_word(stored)[0] is True
    before = read_back()
    done = stored("keys", "rotate", "--json")
    assert done.code == 0
    assert done.json == {"key_id": made["key_id"], "resealed": COUNT, "left": 0, "ok": True}
    again = stored("keys", "rotate")
    assert again.out.startswith("0 exchange keys are sealed again")
    monkeypatch.delenv("TRADERBOT_ENCRYPTION__FORMER_KEYS")
    path.unlink()
    assert read_back() == before == [f"name {number}" for number in range(COUNT)]
    assert doctors_word(stored)[0] is True


def test_what_only_a_lost_key_could_open_can_be_given_up(
    stored: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as (_program, safe, _owner):
        lost = safe.box.writes_with
    kept = stored("keys", "forget", lost)
    assert kept.code == 2
    assert "traderbot keys rotate" in kept.err
    made = stored("keys", "generate", "--json").json
    monkeypatch.setenv("TRADERBOT_ENCRYPTION__KEY", made["key"])
    assert f"traderbot keys forget {lost}" in doctors_word(stored)[1]
    told = stored("keys", "forget", lost, "--json")
    assert (told.code, told.json) == (0, {"key_id": lost, "removed": COUNT})
    assert read_back() == []
    assert stored("audit", "diff", "--json").code == 0
    assert stored("audit", "verify", "--json").code == 0


def test_a_lost_file_of_development_is_missed(stored: Installation) -> None:
    (stored.folder / "data" / "secrets" / "exchange-keys-key").unlink()
    ok, message = doctors_word(stored)
    assert not ok
    assert "put it back" in message
    assert stored("keys", "rotate").code == 2
