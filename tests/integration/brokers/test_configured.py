"""The venue of the settings is the one that is built, under the name the gate knows it by."""

from __future__ import annotations

from pathlib import Path

import pytest

from traderbot.infrastructure.brokers.ccxt_ids import VenueNotSafeError
from traderbot.infrastructure.brokers.configured import venue_name, venue_of
from traderbot.infrastructure.settings import Settings, load_settings
from traderbot.infrastructure.system import SystemClock


def settings(folder: Path, venue: str, mode: str, base_url: str | None = None) -> Settings:
    login = {"key": "k", "secret": "s", "base_url": base_url}
    return load_settings(
        env_file=None,
        arguments={
            "data": {"dir": folder},
            "trading": {"mode": mode},
            "broker": {"venue": venue, "ccxt": login, "alpaca": login},
        },
    )


@pytest.mark.parametrize("venue", ["binance", "alpaca", "okx"])
@pytest.mark.parametrize("mode", ["paper", "live"])
@pytest.mark.parametrize("base_url", [None, "http://127.0.0.1:7311"])
def test_the_gate_and_the_venue_use_one_name(
    venue: str, mode: str, base_url: str | None, tmp_path: Path
) -> None:
    asked = settings(tmp_path, venue, mode, base_url)
    built = venue_of(asked, SystemClock())
    assert built is not None
    assert built.name == venue_name(asked)
    assert (built.name == venue) is (mode == "live" or base_url is not None)


def test_an_exchange_that_cannot_be_traded_at_safely_keeps_the_program_from_starting(
    tmp_path: Path,
) -> None:
    for venue, why in (("bitfinex", "in which steps"), ("typo", "no exchange")):
        with pytest.raises(VenueNotSafeError, match=why):
            venue_of(settings(tmp_path, venue, "live"), SystemClock())


def test_paper_is_no_venue_elsewhere(tmp_path: Path) -> None:
    asked = settings(tmp_path, "paper", "paper")
    assert venue_of(asked, SystemClock()) is None
    assert venue_name(asked) == "paper"
