"""Which orders have ended in a book: a set that grows for ever and is never copied as a whole.

A frozen state that adds one name to one big set copies the set each time. Here the names lie in
groups that double in size: adding one merges equal groups, so each name is copied once per
doubling, and asking looks into as many groups as the count has binary digits.
"""

from __future__ import annotations

from traderbot.domain.shared.ids import OrderId

Ended = tuple[frozenset[OrderId], ...]


def with_ended(groups: Ended, order_id: OrderId) -> Ended:
    """Return the groups with one more order; largest group first."""
    added = frozenset({order_id})
    kept = list(groups)
    while kept and len(kept[-1]) <= len(added):
        added |= kept.pop()
    return (*kept, added)


def has_ended(groups: Ended, order_id: OrderId) -> bool:
    """Whether the order is in one of the groups."""
    return any(order_id in group for group in groups)
