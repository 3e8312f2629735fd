"""`-m unit` and `-m integration` together run everything, and nothing twice."""

from __future__ import annotations

import pytest

_SIDES = {"unit", "integration"}


def test_every_collected_test_is_either_unit_or_integration(request: pytest.FixtureRequest) -> None:
    undecided = [
        item.nodeid
        for item in request.session.items
        if len(_SIDES & {marker.name for marker in item.iter_markers()}) != 1
    ]
    assert undecided == []
