"""An order's explanation as a tree: wish, decision, each event with its effect, money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from traderbot.application.ports.audit import Effect, ExplainedEvent, OrderExplanation, WhyNot
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
    if found.inputs:
        branches.append(Tree("what the gate read", tuple(_inputs(found.inputs))))
    effects: dict[str, list[Effect]] = {}
    for each in found.effects:
        effects.setdefault(each.event, []).append(each)
    branches.append(Tree("what happened", tuple(_commands(found.events, effects))))
    if found.ledger:
        branches.append(Tree("in the books", tuple(_posting(each) for each in found.ledger)))
    return Tree(wish, tuple(branches))


def silence_tree(found: WhyNot) -> Tree:
    """Return why a bot placed no order on a bar, with the decisions beside it."""
    label = f"bot {found.bot_run_id}: {found.strategy} on {found.symbol} {found.timeframe}"
    branches = [Tree(f"{moment(found.at)} {found.code}: {found.message}")]
    if found.decision is not None:
        shown = asdict(found.decision)
        branches.append(Tree("the decision", tuple(_pairs(shown))))
    if found.order is not None and found.order.reasons:
        refused = [
            Tree(f"{each.code}: limit {each.limit}, value {each.value}")
            for each in found.order.reasons
        ]
        branches.append(Tree("the gate refused", tuple(refused)))
    for name, beside in (("before", found.before), ("after", found.after)):
        if beside is None:
            branches.append(Tree(f"no decision {name} it"))
        else:
            said = beside.blocking_code or f"order {beside.order_id}"
            at = moment(beside.bar_at)
            branches.append(Tree(f"{name} it: bar of {at}, {beside.signal}, {said}"))
    return Tree(label, tuple(branches))


def _inputs(inputs: Mapping[str, Any]) -> Iterator[Tree]:
    if "reference" in inputs:
        yield Tree(f"reference price {inputs['reference']}")
    for each in inputs.get("checks", ()):
        yield Tree(f"{each['code']}: limit {each['limit']}, value {each['value']}")


def _commands(
    events: Sequence[ExplainedEvent], effects: Mapping[str, Sequence[Effect]]
) -> Iterator[Tree]:
    """Yield what each command did; its events stand together in the log."""
    for (command, actor), caused in groupby(events, lambda it: (it.command_id, it.actor)):
        label = f"command {command} by {actor}"
        yield Tree(label, tuple(_event(each, effects.get(each.id, ())) for each in caused))


def _event(event: ExplainedEvent, effects: Sequence[Effect]) -> Tree:
    number = "not sealed yet" if event.log_index is None else f"#{event.log_index}"
    label = f"{number} {moment(event.occurred_at)} {event.type} v{event.version}"
    told = [Tree(f"event {event.id}"), *_pairs(event.changes)]
    told += [
        Tree(f"{each.handler}: {each.status}, {each.attempts} attempts, {each.detail}")
        for each in effects
    ]
    return Tree(label, (*told, Tree(_proof(event))))


def _proof(event: ExplainedEvent) -> str:
    inclusion = event.inclusion
    if inclusion is None:
        return "in no signed checkpoint yet"
    said = "proven by" if inclusion.proven else "NOT what was signed, says the proof of"
    return f"in the checkpoint of size {inclusion.checkpoint}, {said} {inclusion.hashes} hashes"


def _posting(line: Mapping[str, str]) -> Tree:
    return Tree(" ".join(line[name] for name in _POSTING if name in line))


def _pairs(values: Mapping[str, object]) -> Iterator[Tree]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            if value:
                yield Tree(name, tuple(_pairs(value)))
        elif value is not None:
            yield Tree(f"{name}: {plain_data(value)}")
