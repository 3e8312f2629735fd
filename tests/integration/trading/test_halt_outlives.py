"""R31: a halt outlives fifty lives of the program, each with nothing but what is on record."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.builders import limits
from tests.crash.life import in_a_child
from tests.stores import SqlStore
from traderbot.application.commands.halting import HaltTrading
from traderbot.domain.risk.trading_state import Scope, ScopeKind
from traderbot.infrastructure.persistence.database import writer_engine
from traderbot.infrastructure.persistence.migrate import upgrade

LIVES = 50
LOOSE = limits(order_notional_max="1000000", order_notional_fraction="1")


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_whoever_starts_after_a_halt_finds_it_halted(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/traderbot.db"
    if database == "postgres":
        url = request.getfixturevalue("postgres_url")
    engine = writer_engine(url)
    upgrade(engine)
    engine.dispose()
    with ExitStack() as stack:
        writing = SqlStore(stack, url).desk(limits=LOOSE, venue="binance")
        owned = writing.portfolio("1000000 USD")
        assert writing.place(owned, quantity="1", limit_price="10").status == "approved"
        halt = HaltTrading(scope=Scope(ScopeKind.SYSTEM), reason="a test", cause="OPERATOR")
        writing.run(halt)

    def life() -> None:
        with ExitStack() as stack:
            again = SqlStore(stack, url).desk(limits=LOOSE, venue="binance")
            refused = again.place(owned, quantity="1", limit_price="10")
            assert refused.status == "refused", refused.status
            assert refused.reasons[0].code == "TRADING_HALTED"

    assert [in_a_child(life) for _ in range(LIVES)] == [0] * LIVES
