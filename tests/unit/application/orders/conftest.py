"""A trader for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.application.orders.trader import Trader, trading


@pytest.fixture
def trader() -> Iterator[Trader]:
    with trading() as one:
        yield one
