"""A correction makes up for what was wrong, wherever the log is looked at; nothing is changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.audit.log import Log
from tests.integration.audit.story import Teller
from traderbot.application.commands.corrections import CorrectCash
from traderbot.application.errors import NotFoundError
from traderbot.domain.portfolio.errors import InsufficientFundsError
from traderbot.domain.shared.ids import PortfolioId
from traderbot.domain.shared.values import Money
from traderbot.infrastructure.event_store.log_reader import CORRECTIONS, snapshot
from traderbot.infrastructure.persistence.views import SqlViews

NOBODY = PortfolioId("0192f0c1-0000-7000-8000-fffffffffff2")
REASON = "the venue charged the fee once"


def _fee(log: Log) -> str:
    """Return the id of the event that booked a fee which was wrong."""
    story = log.audit.explain(log.story.bought)
    return [it.id for it in story.events if it.type == "portfolio.fill_booked"][-1]


def _correct(
    log: Log,
    amount: str,
    corrects: str | None = None,
    portfolio: PortfolioId | None = None,
) -> None:
    teller = Teller(log.url, log.story.ends + timedelta(minutes=1), seed=f"operator {amount}")
    command = CorrectCash(
        portfolio_id=portfolio or log.story.portfolio,
        amount=Money.parse(amount),
        reason=REASON,
        corrects=corrects,
    )
    with teller.bot:
        teller.tell(command)


def test_a_correction_is_seen_wherever_the_log_is_looked_at(log: Log) -> None:
    before = SqlViews(log.reading).portfolio(None, log.story.portfolio)
    events, wrong = log.events(), _fee(log)
    _correct(log, "1 USD", wrong)
    assert log.events()[:-1] == events  # what was recorded stays as it is
    after = SqlViews(log.reading).portfolio(None, log.story.portfolio)
    assert before is not None
    assert after is not None
    usd, was = (
        next(it for it in view.balances if it.currency == "USD") for view in (after, before)
    )
    assert Money(usd.free, "USD") == Money(was.free, "USD") + Money("1", "USD")
    assert after in log.audit.replay(log.audit.cut()).portfolios
    assert before in log.audit.replay(log.audit.cut(index=len(events))).portfolios
    report = log.audit.diff()
    assert (report.differences, report.ledger_imbalances) == ([], [])
    assert log.findings() == set()


def test_it_belongs_to_the_story_of_the_order_it_makes_up_for(log: Log) -> None:
    wrong = _fee(log)
    _correct(log, "1 USD", wrong)
    _correct(log, "-3 USD", None)
    story = log.audit.explain(log.story.bought)
    last = story.events[-1]
    assert last.type == "portfolio.cash_corrected"
    assert (last.data["reason"], last.data["corrects"]) == (REASON, wrong)
    assert last.actor == "operator library via test"
    assert last.changes == {"equity:corrections": "-1 USD", "cash:free": "+1 USD"}
    assert [it["account"] for it in story.ledger[-2:]] == ["equity:corrections", "cash:free"]
    other = log.audit.explain(log.story.coins)
    assert "portfolio.cash_corrected" not in [it.type for it in other.events]


def test_a_rebuild_makes_it_again(log: Log) -> None:
    _correct(log, "1 USD", _fee(log))
    log.change("DELETE FROM ledger_entries WHERE account = 'equity:corrections'")
    log.change("UPDATE balances SET free = '0' WHERE currency = 'USD'")
    assert log.differences()
    log.audit.rebuild()
    assert log.differences() == set()
    (row,) = log.rows("SELECT amount FROM ledger_entries WHERE account = 'equity:corrections'")
    assert str(row["amount"]).rstrip("0").rstrip(".") == "-1"


def test_what_is_refused_leaves_nothing_behind(log: Log) -> None:
    events = log.events()
    with pytest.raises(InsufficientFundsError):
        _correct(log, "-1000000 USD", None)
    with pytest.raises(NotFoundError, match="no portfolio"):
        _correct(log, "1 USD", None, NOBODY)
    assert log.events() == events


def test_looking_for_corrections_does_not_read_the_log(log: Log) -> None:
    with snapshot(log.reading) as reader:
        plan = " ".join(str(row) for row in reader.rows(_explained(log, CORRECTIONS)))
        if log.writing.dialect.name == "postgresql":
            reader.rows("SET LOCAL enable_seqscan = off")  # as a large table would have it
            plan = " ".join(str(row) for row in reader.rows(_explained(log, CORRECTIONS)))
    assert "ix_events_corrections" in plan


def _explained(log: Log, condition: str) -> str:
    explain = "EXPLAIN QUERY PLAN" if log.writing.dialect.name == "sqlite" else "EXPLAIN"
    return f"{explain} SELECT e.position FROM events e WHERE {condition}"  # noqa: S608
