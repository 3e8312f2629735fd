"""Without a change there is no difference; and what cannot be known is not answered."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from tests.builders import NOON, an_observation
from tests.integration.audit.story import Story, Teller
from tests.integration.what_if.conftest import Mixed
from tests.integration.what_if.trading import IN_FORCE, Traded, ask, beginnings, change, events_of
from traderbot.application.commands.bots import DecideOnBar, StartBot
from traderbot.application.ports.what_if import (
    BadQuestionError,
    UnanswerableError,
    WhatIfAnswer,
)
from traderbot.demo import run_demo
from traderbot.domain.market.timeframe import Timeframe
from traderbot.domain.shared.ids import BotRunId, OrderId
from traderbot.domain.shared.values import symbol
from traderbot.infrastructure.event_store.event_types import EVENT_TYPES
from traderbot.infrastructure.persistence.database import reader_engine, writer_engine
from traderbot.infrastructure.persistence.tables import Base


def is_the_same(answer: WhatIfAnswer) -> bool:
    """Whether really nothing differs, asked of every part of an answer."""
    orders, trades = answer.orders, answer.trades
    listed = (orders, trades)
    money = [
        versus.difference
        for portfolio in answer.portfolios
        for it in portfolio.currencies
        for versus in (it.cash, it.realised, it.fees, it.equity)
    ]
    return (
        not answer.differs
        and answer.parts_at is None
        and not any((*it.only_in_fact, *it.only_in_hypothesis, *it.different) for it in listed)
        and orders.fact == orders.hypothesis
        and trades.fact == trades.hypothesis
        and set(money) == {"0"}
        and not answer.refused
        and not answer.unanswered
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}"
    run_demo(url)
    return url


@pytest.mark.parametrize("start", [0, 3000])
def test_without_a_change_the_demo_is_the_demo(demo: str, start: int) -> None:
    answer = ask(demo, json.dumps({"from": start}))
    assert is_the_same(answer)
    assert (answer.orders.fact, answer.trades.fact) == (106, 106)
    assert answer.reproduced == answer.events - start


def test_without_a_change_nothing_differs_wherever_the_fork_is(
    story: tuple[str, Story],
) -> None:
    url, told = story
    whole = ask(url)
    assert is_the_same(whole)
    forked = 0
    for start in range(1, told.events + 1):
        try:
            answer = ask(url, json.dumps({"from": start}))
        except BadQuestionError as error:
            assert "are of one command and stay together" in str(error)  # noqa: PT017
            continue
        forked += 1
        assert is_the_same(answer), start
        assert answer.fact == whole.fact
    assert forked > 20


def test_without_a_change_bots_do_what_they_did(traded: Traded) -> None:
    answer = ask(traded.url)
    assert is_the_same(answer)
    assert answer.trades.fact >= 10


def test_asked_again_with_their_own_parameters_strategies_say_what_they_said(
    traded: Traded,
) -> None:
    again = json.dumps({"change": {"parameters": {"rsi_period": "14"}}})
    assert is_the_same(ask(traded.url, again))


def test_the_same_history_has_the_same_answer_in_both_databases(
    sqlite_traded: Traded, postgres_traded: Traded
) -> None:
    question = json.dumps({"change": {"fee_bps": "15"}})
    first, second = ask(sqlite_traded.url, question), ask(postgres_traded.url, question)
    assert first == second
    assert first == ask(sqlite_traded.url, question)


# What a venue elsewhere says, and changes of orders, are not decided again: such logs are answered
# with UnanswerableError. What was decided about risk, and when somebody logged in, is taken as it
# was recorded.
_NOT_YET = {
    "user.session_opened",
    "user.session_refreshed",
    "user.session_ended",
    "user.password_changed",
    "user.exchange_key_added",
    "user.exchange_key_removed",
    "order.submitting",
    "order.cancel_refused",
    "order.submission_deferred",
    "order.submission_unknown",
    "order.not_found",
    "order.unconfirmed",
    "order.venue_answered",
    "order.amend_requested",
    "order.amended",
    "order.amend_refused",
    "risk.halted",
    "risk.reduced",
    "risk.resumed",
    "risk.limit_changed",
    "risk.limit_returned",
    "risk.alarm_raised",
    "venue.baseline_recorded",
    "venue.difference_found",
    "venue.difference_ended",
    "venue.dead_man_armed",
    "venue.dead_man_disarmed",
}


@pytest.mark.parametrize("start", [0, 60, 300, 600])
def test_every_kind_of_event_there_is_can_be_decided_again(
    mixed: Mixed, sqlite_story: tuple[str, Story], start: int
) -> None:
    types = {
        event["type"] for url in (mixed.traded.url, sqlite_story[0]) for event in events_of(url)
    }
    assert types == set(EVENT_TYPES) - _NOT_YET  # a new one has to be thought of here
    at = next(index for index in beginnings(mixed.traded.url) if index >= start)
    assert is_the_same(ask(mixed.traded.url, json.dumps({"from": at})))


def test_other_settings_than_then_are_noticed_and_can_be_named(
    story: tuple[str, Story], sqlite_traded: Traded
) -> None:
    now = change(limits={"order_notional_max": "9000"}, fee_bps="11").of(IN_FORCE)
    with pytest.raises(UnanswerableError, match=r'index \d+: order.approved .* "in_force"'):
        ask(story[0], in_force=now)
    then = {"limits": {"order_notional_max": "10000"}, "fee_bps": "10"}
    assert is_the_same(ask(story[0], json.dumps({"in_force": then}), now))
    slipped = change(slippage_bps="6").of(IN_FORCE)
    with pytest.raises(UnanswerableError, match=r"paper.traded .* different: "):
        ask(sqlite_traded.url, in_force=slipped)


def test_a_question_leaves_the_database_as_it_is(traded: Traded, sqlite_traded: Traded) -> None:
    before = everything(traded.url)
    file = Path(make_url(sqlite_traded.url).database or "")
    content = file.read_bytes()
    assert ask(traded.url, json.dumps({"change": {"parameters": {"rsi_period": "9"}}})).differs
    assert everything(traded.url) == before
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "UPDATE bars SET volume = '1' WHERE at = :at AND symbol = 'GOOG'",
            "not the one",
        ),
        ("DELETE FROM bars WHERE at = :at AND symbol = 'GOOG'", "is not in the store"),
    ],
    ids=["another bar", "no bar"],
)
def test_other_bars_than_those_of_the_time_are_refused(
    sqlite_traded: Traded, tmp_path: Path, sql: str, said: str
) -> None:
    file = tmp_path / "copy.db"
    shutil.copyfile(make_url(sqlite_traded.url).database or "", file)
    engine = writer_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        (at,) = connection.execute(
            text("SELECT at FROM bars WHERE symbol = 'GOOG' ORDER BY at LIMIT 1 OFFSET 50")
        ).one()
        assert connection.execute(text(sql), {"at": at}).rowcount == 1
    engine.dispose()
    with pytest.raises(UnanswerableError, match=said):
        ask(f"sqlite:///{file}")


def test_another_size_than_another_venue_filled_is_not_answered(
    story: tuple[str, Story],
) -> None:
    url, told = story
    smaller = {"limits": {"order_notional_max": "4000"}}
    with pytest.raises(UnanswerableError) as caught:
        ask(url, json.dumps({"change": smaller}))
    said = str(caught.value)
    assert f"of order {told.bots_order}" in said
    assert "drop the order, or fork after it" in said
    without = ask(url, json.dumps({"change": {**smaller, "drop": [told.bots_order]}}))
    gone = {it.order_id: it for it in without.orders.only_in_fact}
    assert gone.keys() == {told.bots_order}
    assert gone[told.bots_order].why == ("left out, as asked",)


def test_what_another_venue_would_do_with_a_new_order_is_not_answered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    teller = Teller(url)
    with teller.bot:
        owner = teller.user("alice@example.org")
        start = StartBot(
            owner_id=owner,
            portfolio_id=teller.portfolio(owner, "100000 USD"),
            strategy="RSI_CROSS",
            parameters={},
            symbol=symbol("AAPL"),
            timeframe=Timeframe.H1,
            allocation=Decimal("0.1"),
        )
        run = BotRunId(teller.tell(start, owner).bot_run_id)
        orders = []
        for hour in range(2):
            seen = an_observation(bar_at=NOON + timedelta(hours=hour))
            decision = teller.tell(DecideOnBar(bot_run_id=run, seen=seen), run)
            if decision.order_id is not None:
                orders.append(decision.order_id)
                teller.fill(OrderId(decision.order_id), "95", "105")
    (bought,) = orders  # the second signal finds the position open
    with pytest.raises(UnanswerableError, match="would place an order that is not in the log"):
        ask(url, json.dumps({"change": {"drop": [bought]}}))


def everything(url: str) -> dict[str, list[str]]:
    """Return every row of every table."""
    engine = reader_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(table.select())))
            for table in Base.metadata.sorted_tables
        }
    engine.dispose()
    return found
