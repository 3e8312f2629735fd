"""An order's explanation as a tree: wish, decision, each event with its effect, money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from traderbot.application.ports.audit import ExplainedEvent, OrderExplanation
from traderbot.presentation.cli.parts import Tree
from traderbot.presentation.cli.plain import moment, plain_data

_POSTING = ("account", "amount", "currency")


def explanation_tree(found: OrderExplanation) -> Tree:
    """Return the story of an order from its cause to its last posting."""
    order = found.order
    price = f"at {order.limit_price}" if order.limit_price else "at the market"
    wish = f"order {order.order_id}: {order.side} {order.quantity} {order.symbol} {price}"
    branches = [Tree(f"is {order.status}, {order.filled} of {order.quantity} filled")]
    branches += [
        Tree(f"refused because of {each.code}: limit {each.limit}, value {each.value}")
        for each in order.reasons
    ]
    if found.decision is not None:
        branches.append(Tree("decided by a bot", tuple(_pairs(found.decision))))
    branches.append(Tree("what happened", tuple(_event(each) for each in found.events)))
    if found.ledger:
        branches.append(Tree("in the books", tuple(_posting(each) for each in found.ledger)))
    return Tree(wish, tuple(branches))


def _event(event: ExplainedEvent) -> Tree:
    label = f"#{event.position} {moment(event.occurred_at)} {event.type} by {event.actor}"
    return Tree(label, (Tree(f"event {event.id}"), *_pairs(event.changes)))


def _posting(line: Mapping[str, str]) -> Tree:
    return Tree(" ".join(line[name] for name in _POSTING if name in line))


def _pairs(values: Mapping[str, object]) -> Iterator[Tree]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            if value:
                yield Tree(name, tuple(_pairs(value)))
        elif value is not None:
            yield Tree(f"{name}: {plain_data(value)}")
