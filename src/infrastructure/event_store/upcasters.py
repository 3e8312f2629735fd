"""Old schemas read as the newest: pure functions from mapping to mapping, on reading only.

Stored bytes are never rewritten. Each entry lifts one event by one schema number; the chain is
followed to the newest. There is none yet: every event is still in its first schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}


def upcast(
    name: str,
    schema: int,
    newest: int,
    data: dict[str, Any],
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> dict[str, Any]:
    """Return `data`, stored under `schema`, as the newest schema would have stored it.

    Raises:
        KeyError: no upcaster leads on from one of the schemas between.
    """
    for step in range(schema, newest):
        data = upcasters[name, step](data)
    return data
