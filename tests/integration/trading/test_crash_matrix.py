"""A trader killed at every boundary there is, once each; all of it is `make crash-matrix`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.matrix import ALPACA, BINANCE, Matrix, matrix
from tests.crash.points import POINTS
from traderbot.infrastructure.embedded.postgres import postgres


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Matrix]]:
    with (
        postgres(durable=True) as server,
        matrix(BINANCE, tmp_path_factory.mktemp("binance"), server.url) as binance,
        matrix(ALPACA, tmp_path_factory.mktemp("alpaca")) as alpaca,
    ):
        yield {"postgres": binance, "sqlite": alpaca}


@pytest.mark.parametrize("point", POINTS)
def test_whoever_is_killed_there_loses_nothing_doubles_nothing_and_agrees_with_the_venue(
    point: str, runs: dict[str, Matrix]
) -> None:
    # Binance on PostgreSQL and Alpaca on SQLite take turns; all four together is the full matrix.
    database = "postgres" if POINTS.index(point) % 2 else "sqlite"
    outcome = runs[database].run(point, database, seed=3)
    assert outcome.kills >= 1, "it was never reached"
    assert not outcome.faults
