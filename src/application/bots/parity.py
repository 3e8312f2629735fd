"""Whether a run did what a backtest of the same bars does: decision by decision, and in money.

What the bot saw is shown to its strategy once more, and its orders are filled once more, each at
the first chance a backtest gives it. A difference in money is taken apart into causes that add up
to it exactly; what a cause cannot be divided into stands under `rounding`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from traderbot.application.bots.at_work import Strategies
from traderbot.application.bots.parity_decisions import decided_again
from traderbot.application.bots.parity_money import MoneyMoved, Opens, compared, filled_again
from traderbot.application.bots.parity_report import (
    Cause,
    OrderDifference,
    ParityReport,
    Progress,
    RunStory,
)
from traderbot.domain.market.bars import Bar
from traderbot.domain.shared.decimals import add, plain, subtract
from traderbot.domain.simulation.fill_model import FillModel


def parity(
    story: RunStory,
    bars: Sequence[Bar],
    model: FillModel,
    strategies: Strategies,
    progress: Progress,
) -> ParityReport:
    """Compare a run with its backtest over `bars`: its series, oldest first, from its first bar on.

    Raises:
        NoParityError: a bar the bot decided on is not there.
        TraderbotError: this process has no such strategy.
    """
    started = story.started
    found = list(decided_again(story, bars, strategies, progress))
    filled = filled_again(story, bars, model)
    opens = Opens.of(bars)
    total, orders = MoneyMoved(), []
    for order in story.orders.values():
        money = compared(order, filled.get(order.order_id, []), opens)
        total.recorded = add(total.recorded, money.recorded)
        total.replayed = add(total.replayed, money.replayed)
        for cause, amount in money.causes.items():
            total.book(cause, amount)
        if money.causes:
            orders.append(
                OrderDifference(
                    order_id=order.order_id,
                    symbol=order.ticket.symbol.code,
                    recorded=plain(money.recorded),
                    replayed=plain(money.replayed),
                    difference=plain(subtract(money.recorded, money.replayed)),
                    causes=_texts(money.causes),
                )
            )
    return ParityReport(
        bot_run_id=started.bot_run_id,
        bars=len(bars),
        decisions=len(story.decisions),
        orders=len(story.orders),
        currency=started.symbol.quote.code,
        recorded=plain(total.recorded),
        replayed=plain(total.replayed),
        difference=plain(subtract(total.recorded, total.replayed)),
        causes=_texts(total.causes),
        decision_differences=found,
        order_differences=orders,
        taken_as_recorded=story.others,
    )


def _texts(causes: Mapping[Cause, Decimal]) -> dict[str, str]:
    return {cause.value: plain(causes[cause]) for cause in Cause if causes.get(cause)}
