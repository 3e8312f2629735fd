"""What every test gets: its marker, the servers' fixtures, and one hypothesis profile."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers"]

# The gate asks the same examples every time, and a busy machine is no failure of the code.
# `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile(
    "gate", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "search", settings.get_profile("gate"), derandomize=False, max_examples=2_000
)
settings.load_profile("gate")

_HERE = Path(__file__).parent
_MARKERS = {
    "unit": "unit",
    "architecture": "unit",
    "golden": "unit",
    "reference": "unit",
    "integration": "integration",
    "contract": "integration",
    "e2e": "integration",
}


@pytest.hookimpl(tryfirst=True)  # before pytest itself reads the markers for -m
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by its folder, so that -m unit and -m integration miss none."""
    for item in items:
        if not item.path.is_relative_to(_HERE):
            continue
        folders = item.path.relative_to(_HERE).parts
        if folders[0] in _MARKERS:
            item.add_marker(_MARKERS[folders[0]])
        if folders[:2] == ("unit", "domain"):
            item.add_marker("domain")
