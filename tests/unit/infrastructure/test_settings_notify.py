"""Where people and programs are told: half of an address is refused, and secrets stay secret."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from traderbot.infrastructure.settings import ConfigurationError, load_settings, problems
from traderbot.infrastructure.settings_view import describe

KEY = b64encode(b"0123456789abcdef01234567").decode()


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"TRADERBOT_{name}", value)


def test_nobody_is_told_unless_it_is_set() -> None:
    settings = load_settings()
    assert settings.notify.webhook_url is None
    assert settings.notify.smtp_host is None
    assert not settings.relay.enabled


def test_everything_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        NOTIFY__WEBHOOK_URL="https://hooks.example.org/T0/secret?x=1",
        NOTIFY__WEBHOOK_SECRET=f"whsec_{KEY}",
        NOTIFY__SMTP_HOST="mail.example.org",
        NOTIFY__SMTP_USERNAME="bot",
        NOTIFY__SMTP_PASSWORD="not 7old",
        NOTIFY__SMTP_FROM="bot@example.org",
        NOTIFY__SMTP_TO="a@example.org, b+c@example.org",
        REDIS__URL="redis://localhost",
        RELAY__ENABLED="true",
        RELAY__MAXLEN="5",
    )
    assert problems() == []
    settings = load_settings()
    assert settings.notify.smtp_to == ("a@example.org", "b+c@example.org")
    assert (settings.relay.stream, settings.relay.maxlen) == ("traderbot.events", 5)
    told = "\n".join(f"{line.name}={line.value}" for line in describe(settings))
    for secret in (KEY, "hooks.example.org", "not 7old"):
        assert secret not in told
        assert secret not in repr(settings)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"NOTIFY__WEBHOOK_URL": "https://example.org/"}, ["NOTIFY__WEBHOOK_SECRET"]),
        (
            {"NOTIFY__SMTP_HOST": "mail.example.org"},
            ["NOTIFY__SMTP_FROM", "NOTIFY__SMTP_TO"],
        ),
        ({"NOTIFY__SMTP_USERNAME": "bot"}, ["NOTIFY__SMTP_PASSWORD"]),
        ({"RELAY__ENABLED": "true"}, ["REDIS__URL"]),
    ],
)
def test_half_of_it_is_refused_and_the_other_half_is_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], missing: list[str]
) -> None:
    set_all(monkeypatch, **given)
    found = problems()
    assert [problem.name for problem in found] == [f"TRADERBOT_{name}" for name in missing]
    with pytest.raises(ConfigurationError, match=f"TRADERBOT_{missing[0]}: is not set"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_URL", "ftp://example.org"),
        ("WEBHOOK_URL", "https:///path"),
        ("WEBHOOK_URL", "https://user:password@example.org/"),
        ("WEBHOOK_URL", "https://example.org/a b"),
        ("WEBHOOK_URL", "https://example.org/\r\nX: y"),
        ("WEBHOOK_SECRET", "too short"),
        ("WEBHOOK_SECRET", b64encode(b"x" * 23).decode()),
        ("WEBHOOK_SECRET", b64encode(b"x" * 65).decode()),
        ("WEBHOOK_SECRET", f"whsec_{KEY}!"),
        ("SMTP_FROM", "nobody"),
        ("SMTP_FROM", "a@b, c@d"),
        ("SMTP_TO", "a@example.org,nobody"),
        ("SMTP_TO", "a@example.org\nBcc: b@example.org"),
        ("SMTP_PORT", "0"),
        ("SMTP_SECURITY", "perhaps"),
        ("TIMEOUT_SECONDS", "0"),
    ],
)
def test_what_cannot_be_right_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    set_all(monkeypatch, **{f"NOTIFY__{name}": value})
    found = [problem for problem in problems() if problem.name == f"TRADERBOT_NOTIFY__{name}"]
    assert len(found) == 1
    if name.startswith("WEBHOOK"):
        assert value not in str(found[0])
