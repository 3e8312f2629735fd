"""Which orders are not the same in two histories, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields

from traderbot.application.ports.what_if import OrderChange, OrderChanges, RefusedWish, Versus
from traderbot.application.views import OrderView
from traderbot.domain.bots.events import BotDecided
from traderbot.domain.orders.order import Order
from traderbot.domain.orders.ticket import Check
from traderbot.domain.shared.ids import OrderId
from traderbot.what_if.telling import Telling

# How many events made it, and when the last one did, is no part of what became of an order.
_LEFT_OUT = frozenset({"version", "updated_at", "reasons"})


def order_changes(
    fact: Telling,
    hypothesis: Telling,
    dropped: Collection[OrderId],
    refused: Sequence[RefusedWish],
    placed_by: Mapping[OrderId, str],
) -> OrderChanges:
    """Compare all orders. `placed_by` names the command of each recorded one."""
    why = _Why(fact, hypothesis, dropped, {it.command_id: it for it in refused}, placed_by)
    only_in_fact = [
        _change(id_, order, None, why.gone(id_))
        for id_, order in fact.orders.items()
        if id_ not in hypothesis.orders
    ]
    only_in_hypothesis = [
        _change(id_, None, order, why.new(id_))
        for id_, order in hypothesis.orders.items()
        if id_ not in fact.orders
    ]
    different = []
    for id_, order in fact.orders.items():
        other = hypothesis.orders.get(id_)
        if other is not None:
            change = _change(id_, order, other, why.other(id_))
            if change.changed or order.reasons != other.reasons:
                different.append(change)
    return OrderChanges(
        fact=len(fact.orders),
        hypothesis=len(hypothesis.orders),
        only_in_fact=only_in_fact,
        only_in_hypothesis=only_in_hypothesis,
        different=different,
    )


def _change(
    id_: OrderId, fact: Order | None, hypothesis: Order | None, why: Iterator[str]
) -> OrderChange:
    was = None if fact is None else OrderView.of(fact)
    would_be = None if hypothesis is None else OrderView.of(hypothesis)
    changed: dict[str, Versus] = {}
    if was is not None and would_be is not None:
        for field in fields(OrderView):
            before, after = getattr(was, field.name), getattr(would_be, field.name)
            if field.name not in _LEFT_OUT and before != after:
                changed[field.name] = Versus(fact=_text(before), hypothesis=_text(after))
    return OrderChange(order_id=id_, fact=was, hypothesis=would_be, changed=changed, why=tuple(why))


class _Why:
    """Reads the reason for a change from what was decided in both histories."""

    def __init__(
        self,
        fact: Telling,
        hypothesis: Telling,
        dropped: Collection[OrderId],
        refused: Mapping[str, RefusedWish],
        placed_by: Mapping[OrderId, str],
    ) -> None:
        self._fact = fact
        self._hypothesis = hypothesis
        self._dropped = dropped
        self._refused = refused
        self._placed_by = placed_by

    def gone(self, id_: OrderId) -> Iterator[str]:
        """Say why an order would not be there."""
        decided = self._fact.decision_behind(id_)
        refused = self._refused.get(self._placed_by[id_])
        if id_ in self._dropped:
            yield "left out, as asked"
        elif refused is not None:
            yield f"{refused.code}: {refused.message}"
        elif decided is not None:
            yield from _other_decision(decided, self._hypothesis.decision_like(decided))

    def new(self, id_: OrderId) -> Iterator[str]:
        """Say why an order would be there."""
        decided = self._hypothesis.decision_behind(id_)
        if decided is None:
            return
        then = self._fact.decision_like(decided)
        if then is not None and then.signal == decided.signal:
            yield f"in fact {then.blocking_code}"
        elif then is not None:
            yield f"signal {decided.signal} instead of {then.signal}: {decided.reason}"

    def other(self, id_: OrderId) -> Iterator[str]:
        """Say why an order would be another."""
        fact, hypothesis = self._fact.orders[id_], self._hypothesis.orders[id_]
        if fact.reasons != hypothesis.reasons:
            yield from (f"refused: {_told(check)}" for check in hypothesis.reasons)
            yield from (f"in fact refused: {_told(check)}" for check in fact.reasons)
        if fact.ticket != hypothesis.ticket:
            then = self._fact.decision_behind(id_)
            decided = self._hypothesis.decision_behind(id_)
            if then is not None and decided is not None:
                yield from _other_sizing(then, decided)
        if fact.average_price != hypothesis.average_price and fact.filled and hypothesis.filled:
            yield f"filled at {hypothesis.average_price} instead of {fact.average_price}"
        if fact.fees != hypothesis.fees and fact.filled and hypothesis.filled:
            yield f"fees {hypothesis.fees} instead of {fact.fees}"


def _other_decision(then: BotDecided, decided: BotDecided | None) -> Iterator[str]:
    if decided is None:
        yield "the bot decides nothing on this bar"
    elif decided.signal != then.signal:
        yield f"signal {decided.signal} instead of {then.signal}: {decided.reason}"
    else:
        yield str(decided.blocking_code)
        yield from _other_sizing(then, decided)


def _other_sizing(then: BotDecided, decided: BotDecided) -> Iterator[str]:
    for name, value in decided.sizing.items():
        before = then.sizing.get(name)
        if before != value:
            yield f"{name} {value} instead of {before}"


def _told(check: Check) -> str:
    return f"{check.code}, limit {check.limit}, value {check.value}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
